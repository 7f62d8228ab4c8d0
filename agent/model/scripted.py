"""A model that says what it was told to: a prepared list, or what a recorded run said.

A script is a JSON object: conversation name -> list of replies. Conversations are `reproduce` and
`attempt-1`, `attempt-2`, …; a reply is a string, or an object with `content` and `tool_calls`
(`name`, `arguments` as an object), or a list of these, the samples of one prompt. A trajectory of
mini-swe-agent is a script of `attempt-1`.
"""

from __future__ import annotations

import json
import posixpath
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from agent.messages import Message, Sampling, Usage
from agent.model.protocol import Capabilities, Replies, Request
from agent.trajectory.attempt import Turn as RecordedTurn
from agent.trajectory.events import Step
from agent.trajectory.formats import mini_swe_agent_steps
from agent.trajectory.formats.foreign import reasoning_in
from agent.trajectory.formats.loader import Trajectory, is_trajectory
from agent.trajectory.formats.loader import load as load_trajectory
from agent.trajectory.reader import RecordedTask, load_task
from tools.base import EpisodeOver, ToolCall, UserError
from tools.sandbox.protocol import COMMAND_SECONDS

FORM = 'a JSON object such as {"attempt-1": [{"tool_calls": [{"name": "bash", "arguments": {}}]}]}'
REPLAYED = mini_swe_agent_steps.NAME
"""The agent whose commands are those of a plain shell."""
MOST_SILENT = 2
"""Replies without a call, in a row, that a replay keeps: at three an attempt ends."""
MOST_SECONDS = 1800.0
"""The longest time that the bash tool gives a command."""
SHOWN = {"PAGER", "MANPAGER", "LESS", "PIP_PROGRESS_BAR", "TQDM_DISABLE"}
"""Variables that shape only what is shown: the sandbox has no terminal and sets its own."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ScriptedCall:
    """One tool call of a script."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ScriptedReply:
    """One reply of a script."""

    content: str = ""
    tool_calls: tuple[ScriptedCall, ...] = ()


Turn = ScriptedReply | str | list[ScriptedReply | str]
Script = Annotated[dict[str, list[Turn]], "conversation -> replies"]


Samples = tuple[Message, ...]
"""The replies to one prompt."""
Key = tuple[str, str | int | None, int]
"""Which narrow question it was: its conversation, the grammar that held it (or, without one, the
seed), and the replies that it showed."""


def key(conversation: str, sampling: Sampling, said: int) -> Key:
    """Return what a narrow question is known by, whatever tests print and whatever the seed is."""
    return conversation, sampling.grammar or sampling.seed, said


class ScriptedModel:
    """Gives the replies of each conversation in order, counted by the answers already in it.

    It keeps no place of its own, so an attempt that is started again hears the same replies.
    """

    opening = Usage()

    def __init__(
        self,
        name: str,
        conversations: Mapping[str, Sequence[Samples]],
        narrow: Mapping[Key, Samples] | None = None,
    ) -> None:
        self.name = name
        self._conversations = conversations
        self._narrow = narrow or {}
        held = any(isinstance(question, str) for _, question, _ in self._narrow)
        self.capabilities = Capabilities(prepared=True, narrow=bool(narrow), grammar=held)

    @property
    def attempts(self) -> int:
        """How many attempts the script has replies for."""
        names = {name.partition(".")[0] for name in self._conversations}
        return sum(name.startswith("attempt-") for name in names)

    def cost(self, prompt: int, completion: int) -> float | None:
        """Return None: prepared replies have no price."""
        return None

    def reply(self, request: Request) -> Replies:
        """Return the next reply of the conversation; EpisodeOver when the script has ended."""
        conversation = request.conversation
        said = sum(message.role == "assistant" for message in request.messages)
        known = self._narrow.get(key(conversation, request.sampling, said))
        if known is not None:
            return Replies(known)
        if self._narrow:
            raise EpisodeOver(
                "no_reply", f"the recorded run has no reply to this in {conversation}"
            )
        replies = self._conversations.get(conversation, ())
        if said >= len(replies):
            raise EpisodeOver("no_reply", f"the script has no more replies for {conversation}")
        turn = replies[said]
        return Replies(tuple(turn[sample % len(turn)] for sample in range(request.sampling.n)))


def load(path: Path) -> ScriptedModel:
    """Read a script, the folder of a recorded task, or a trajectory; raises UserError."""
    if path.is_dir():
        recorded = load_task(path)
        if any(one.header.planner == "guided" for one in recorded.attempts):
            return ScriptedModel(f"scripted:{path.name}", _attempts(recorded), _narrow(recorded))
        conversations: dict[str, list[Samples]] = {}
        shared = [event for event in recorded.shared if isinstance(event, Step)]
        for step in [*shared, *(step for one in recorded.attempts for step in one.steps)]:
            if step.replies:
                conversations.setdefault(step.conversation, []).append(step.replies)
        return ScriptedModel(f"scripted:{path.name}", conversations)
    if is_trajectory(path):
        replies = replayed(load_trajectory(path))
        return ScriptedModel(
            f"scripted:{path.name}", {"attempt-1": [(reply,) for reply in replies]}
        )
    try:
        script = TypeAdapter(Script).validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(
            f"cannot read the script {path}: {error.strerror}", f"give {FORM}"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"the script {path} is wrong at {where}: {first['msg']}", f"write {FORM}"
        ) from error
    return ScriptedModel(
        f"scripted:{path.name}",
        {name: [_samples(turn) for turn in turns] for name, turns in script.items()},
    )


def _attempts(recorded: RecordedTask) -> dict[str, list[Samples]]:
    return {f"attempt-{one.number}": [] for one in recorded.attempts}


def _narrow(recorded: RecordedTask) -> dict[Key, Samples]:
    """Return the replies of a run in which the program drove."""
    found: dict[Key, Samples] = {}
    for events in (recorded.shared, *(one.events for one in recorded.attempts)):
        replies: set[str] = set()
        for step in (event for event in events if isinstance(event, Step) and event.replies):
            said = len(replies.intersection(step.sent))
            found[key(step.conversation, step.sampling, said)] = step.replies
            replies |= {reply.id for reply in step.replies}
    return found


def _samples(turn: Turn) -> Samples:
    return tuple(map(_message, turn)) if isinstance(turn, list) else (_message(turn),)


def _message(reply: ScriptedReply | str) -> Message:
    if isinstance(reply, str):
        return Message("", "assistant", reply)
    calls = tuple(
        ToolCall(f"call-{number}", call.name, json.dumps(call.arguments))
        for number, call in enumerate(reply.tool_calls, 1)
    )
    return Message("", "assistant", reply.content, calls)


def replayed(recorded: Trajectory) -> list[Message]:
    """Return another agent's replies as ones that call our tools to the same effect.

    Each command is a call of `bash`; after the last command of a run that was handed in comes
    `submit`. Of more replies in a row that ran nothing than an attempt survives, the last ones
    stay where the recording goes on. Raises UserError when its commands are not for a shell.
    """
    if recorded.agent.partition(" ")[0] != REPLAYED:
        raise UserError(
            f"{recorded.id} is a run of {recorded.agent}, whose tools are not those of this agent",
            f"give a run of {REPLAYED}, or the folder of a task that was recorded here",
        )
    program = posixpath.basename(next(iter(recorded.environment.interpreter), ""))
    if program not in ("bash", "sh"):
        raise UserError(
            f"the commands of {recorded.id} are for {program or 'no program'!r}, not bash"
        )
    replies: list[Message] = []
    silent: list[Message] = []
    for turn in recorded.turns:
        (reply,) = turn.step.replies
        calls = tuple(_bash(call, turn, recorded) for call in reply.tool_calls)
        thought = reply.content or reasoning_in(reply)
        silent.append(Message("", "assistant", thought, calls))
        if calls:
            replies += silent[-MOST_SILENT - 1 :]
            silent = []
    replies += silent
    if replies and recorded.submitted:
        summary = replies[-1].content.strip() or "It was handed in here."
        submit = ToolCall("submit", "submit", json.dumps({"summary": summary}))
        replies[-1] = replace(replies[-1], tool_calls=(*replies[-1].tool_calls, submit))
    return replies


def _bash(call: ToolCall, turn: RecordedTurn, recorded: Trajectory) -> ToolCall:
    """Return a command with the variables and the time that it had.

    One that ended there may need longer on this machine; one that was killed is killed again.
    """
    arguments = json.loads(call.arguments)
    told = {name: value for name, value in recorded.environment.env.items() if name not in SHOWN}
    if told:
        words = " ".join(f"{name}={shlex.quote(value)}" for name, value in told.items())
        arguments["command"] = f"export {words}\n{arguments['command']}"
    limit = min(recorded.environment.timeout, MOST_SECONDS)
    outcomes = (act.outcome for act in turn.acts if act.action.id == call.id)
    killed = any(outcome is not None and outcome.timed_out for outcome in outcomes)
    if killed or limit > COMMAND_SECONDS:
        arguments["timeout"] = limit
    return replace(call, arguments=json.dumps(arguments))
