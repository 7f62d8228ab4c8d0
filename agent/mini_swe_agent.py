"""The file in which mini-swe-agent, another agent, records a run: its form, checked as far as read.

Source: mini-swe-agent, docs/usage/output_files.md, and agents/default.py of v1.15.0 (format 1) and
of v2.4.6 (format 1.1).
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent.errors import UserError
from agent.records import adapter

SUFFIXES = (".traj.json", ".traj.json.gz")
FENCES = {"mini-swe-agent-1": "bash", "mini-swe-agent-1.1": "mswea_bash_command"}
"""The known formats, and the mark of a code block that is a command in each."""
HINT = "give a .traj.json file as mini-swe-agent wrote it"


@dataclass(frozen=True)
class Action:
    """One command that was given."""

    command: str


@dataclass(frozen=True)
class Extra:
    """What the agent's program knows of a message; `response` is the provider's answer."""

    actions: tuple[Action, ...] | None = None
    interrupt_type: str = ""
    exception_type: str = ""
    model_response: str = ""
    response: Any = None


@dataclass(frozen=True)
class Said:
    """A message; those of the Responses API have `output`, and `object` in place of a role."""

    role: str = ""
    object: str = ""
    content: Any = None
    reasoning_content: Any = None
    output: Any = None
    extra: Extra = Extra()

    @property
    def is_reply(self) -> bool:
        """Tell whether a model, or a person in its place, gave commands."""
        answered = self.role == "assistant" or self.object == "response"
        return answered or self.extra.actions is not None

    @property
    def text(self) -> str:
        """The words of the message."""
        return text_of(self.content) or text_of(self.output) or text_of(self.reasoning_content)


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


@dataclass(frozen=True)
class Environment:
    """How commands ran: with which variables, for how many seconds, by which program."""

    env: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 30.0
    interpreter: tuple[str, ...] = ("bash", "-c")


@dataclass(frozen=True)
class Config:
    """The configuration of the run; every part has the agent's own defaults."""

    agent: Agent = Agent()
    model: Model = Model()
    environment: Environment = Environment()


@dataclass(frozen=True)
class Stats:
    """What the run cost, in US dollars."""

    instance_cost: float | None = None


@dataclass(frozen=True)
class Info:
    """How the run ended, and with what."""

    exit_status: str | None = None
    submission: str | None = None
    mini_version: str = ""
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


def read(path: Path) -> Recorded:
    """Read a file, gzipped or not; raises UserError that says what is wrong with it."""
    plain = _plain(path)
    version = plain.get("trajectory_format") if isinstance(plain, dict) else None
    if version not in FENCES:
        fault = f"is in the format {version!r}" if version else "names no trajectory_format"
        raise UserError(f"the trajectory {path} {fault}", f"known are {' and '.join(FENCES)}")
    try:
        recorded: Recorded = adapter(Recorded).validate_python(plain)
        recorded.action  # noqa: B018 - a broken pattern is told of here, with the file's name
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"the trajectory {path} is wrong at {where}: {first['msg']}", HINT
        ) from error
    except re.error as error:
        raise UserError(f"the trajectory {path} is wrong at action_regex: {error}", HINT) from error
    return recorded


def _plain(path: Path) -> Any:
    try:
        data = path.read_bytes()
        return json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"the trajectory {path} is no whole gzip file: {error}", HINT) from error
    except OSError as error:
        raise UserError(f"cannot read the trajectory {path}: {error.strerror}", HINT) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"the trajectory {path} is not whole JSON: {error}", HINT) from error


def text_of(content: Any) -> str:
    """Return the words in a message's content: text, or parts that hold some."""
    match content:
        case str():
            return content
        case list():
            return "\n".join(filter(None, map(text_of, content)))
        case {"text": inner} | {"content": inner}:
            return text_of(inner)
    return ""
