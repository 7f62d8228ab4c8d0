"""The file in which mini-swe-agent, another agent, records a run: its form, checked as far as read.

Source: mini-swe-agent, docs/usage/output_files.md, and agents/default.py of v1.15.0 and v1.17.5
(format 1) and of v2.4.6 (format 1.1).

Fields that it does not have and that our export adds: `agent` in `info`,
`seconds` in `extra`, `tokens_sent`, `tokens_received` and `tokens_cached` in `model_stats`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import UserError
from agent.messages import Usage
from agent.trajectory.encoding import made
from agent.trajectory.formats.api_usage import billed
from agent.trajectory.formats.foreign import Environment

SUFFIXES = (".traj.json", ".traj.json.gz")
IGNORED = "ignore_errors"
"""With it, a cost of 0.0 is one that the agent could not find out."""
RETURNED = re.compile(
    r"(?:<exception>.*?</exception>\s*)?<returncode>(-?\d{1,9})</returncode>", re.DOTALL
)
FORMAT = "mini-swe-agent-1.1"
FENCES = {"mini-swe-agent-1": "bash", FORMAT: "mswea_bash_command"}
"""The known formats, and the mark of a code block that is a command in each."""
HINT = "give a .traj.json file as mini-swe-agent wrote it"


@dataclass(frozen=True)
class Action:
    """One command that was given."""

    command: str
    tool_call_id: Any = None


@dataclass(frozen=True)
class Extra:
    """What the agent's program knows of a message.

    `response` is the provider's answer, `cost` its price in US dollars, `timestamp` when the
    message was made, in Unix seconds, `seconds` how long that took.
    """

    actions: tuple[Action, ...] | None = None
    interrupt_type: str = ""
    exception_type: str = ""
    model_response: str = ""
    response: Any = None
    cost: float | None = None
    returncode: int | None = None
    timestamp: float | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Said:
    """A message; those of the Responses API have `output`, and `object` in place of a role."""

    role: str = ""
    object: str = ""
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    output: Any = None
    usage: Any = None
    tool_calls: Any = None
    tool_call_id: Any = None
    call_id: Any = None
    timestamp: float | None = None
    extra: Extra = Extra()

    @property
    def is_reply(self) -> bool:
        """Tell whether a model, or a person in its place, gave commands."""
        answered = self.role == "assistant" or self.object == "response"
        return answered or self.extra.actions is not None

    @property
    def text(self) -> str:
        """The words of the message."""
        return text_of(self.content) or text_of(self.output)

    @property
    def thoughts(self) -> str:
        """What the provider gave of the model's reasoning."""
        own = {
            "reasoning": self.reasoning,
            "reasoning_content": self.reasoning_content,
            "output": self.output,
        }
        return reasoning_of(own) or reasoning_of(message_in(self.extra.response))

    @property
    def answers(self) -> Any:
        """The id of the call that the message answers."""
        return self.tool_call_id or self.call_id

    @property
    def moment(self) -> float | None:
        """When it was made, in Unix seconds."""
        return self.extra.timestamp if self.timestamp is None else self.timestamp

    @property
    def status(self) -> int | None:
        """The exit status of the command that it answers."""
        if self.extra.returncode is not None:
            return self.extra.returncode
        told = RETURNED.match(self.text)
        return int(told[1]) if told else None

    def bill(self, tracking: str | None) -> Usage | None:
        """Return what the reply cost, None when nothing is known of it."""
        answer = self.extra.response if isinstance(self.extra.response, Mapping) else {}
        try:
            told = billed(answer) or billed({"usage": self.usage})
        except (TypeError, ValueError, OverflowError):  # what stands there is no count
            told = None
        usd = None if tracking == IGNORED and not self.extra.cost else self.extra.cost
        if told is None:
            return None if usd is None else Usage(usd=usd)
        usd = (told.usd or None) if usd is None else usd
        return Usage(told.prompt, told.completion, told.cached, usd)

    def functions(self) -> Iterator[tuple[str, str, str]]:
        """Yield id, name and arguments of each native call."""
        for call in self.tool_calls if isinstance(self.tool_calls, list) else ():
            match call:
                case {"id": str(one), "function": {"name": str(name), "arguments": str(given)}}:
                    yield one, name, given


@dataclass(frozen=True)
class Agent:
    """The part of a configuration that says how replies are read."""

    action_regex: str | None = None
    timeout_template: str = "The last command <command>{{action['action']}}</command> timed out"


@dataclass(frozen=True)
class Model:
    """Which model it was."""

    model_name: str = "unknown"
    action_regex: str | None = None
    cost_tracking: str | None = None


@dataclass(frozen=True)
class Config:
    """The configuration of the run; every part has the agent's own defaults."""

    agent: Agent = Agent()
    model: Model = Model()
    environment: Environment = Environment()


@dataclass(frozen=True)
class Stats:
    """What the run cost, in US dollars and tokens."""

    instance_cost: float | None = None
    tokens_sent: int | None = None
    tokens_received: int | None = None
    tokens_cached: int = 0

    @property
    def tokens(self) -> Usage | None:
        """The tokens, without the money, where they are told."""
        if self.tokens_sent is None or self.tokens_received is None:
            return None
        return Usage(self.tokens_sent, self.tokens_received, self.tokens_cached)


@dataclass(frozen=True)
class Info:
    """How the run ended, and with what; `resolved` was added by who graded it.

    `agent` names another agent, of which the file tells word for word.
    """

    exit_status: str | None = None
    submission: str | None = None
    mini_version: str = ""
    agent: str = ""
    resolved: bool | None = None
    model_stats: Stats = Stats()
    config: Config = Config()


@dataclass(frozen=True)
class Recorded:
    """The whole file; `action` is what a command looks like in a reply."""

    trajectory_format: str
    messages: tuple[Said, ...]
    info: Info
    instance_id: str = ""

    @property
    def action(self) -> re.Pattern[str]:
        """The pattern of a command, which a configuration may set."""
        config = self.info.config
        own = config.agent.action_regex or config.model.action_regex
        fence = FENCES[self.trajectory_format]
        return re.compile(own or rf"```{fence}\s*\n(.*?)\n```", re.DOTALL)


def read(path: Path, plain: Any) -> Recorded:
    """Check the values of a file; raises UserError that says what is wrong with them."""
    version = plain.get("trajectory_format") if isinstance(plain, dict) else None
    if version not in tuple(FENCES):  # it may be anything, a list too
        fault = f"is in the format {version!r}" if version else "names no trajectory_format"
        raise UserError(f"the trajectory {path} {fault}", f"known are {' and '.join(FENCES)}")
    try:
        recorded: Recorded = made(Recorded, plain, strict=False)
        recorded.action  # noqa: B018 - a broken pattern is told of here, with the file's name
    except re.error as error:
        raise UserError(f"the trajectory {path} is wrong at action_regex: {error}", HINT) from error
    except ValueError as error:
        raise UserError(f"the trajectory {path} is wrong at {error}", HINT) from error
    return recorded


def text_of(content: Any) -> str:
    """Return the words in a message's content: text, or parts that hold some."""
    match content:
        case str():
            return content
        case list():
            return "\n".join(filter(None, map(text_of, content)))
        case {"type": "reasoning"}:
            return ""
        case {"text": inner} | {"content": inner}:
            return text_of(inner)
    return ""


def message_in(response: Any) -> Mapping[str, Any]:
    """Return the message in a provider's answer, {} where there is none."""
    match response:
        case {"choices": [{"message": Mapping() as message}, *_]}:
            return message
        case {"output": output}:
            return {"output": output}
    return {}


def reasoning_of(message: Mapping[str, Any]) -> str:
    """Return what a provider gives of the model's reasoning in the fields of a message."""
    told = text_of(message.get("reasoning_content")) or text_of(message.get("reasoning"))
    if told:
        return told
    output = message.get("output")
    items = [one for one in output if isinstance(one, Mapping)] if isinstance(output, list) else []
    thoughts = [one for one in items if one.get("type") == "reasoning"]
    told_of = (text_of(one.get("summary")) or text_of(one.get("content")) for one in thoughts)
    return "\n".join(filter(None, told_of))
