"""A run that another agent recorded, as plain records: what it thought, ran and saw."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.records import Message, Usage
from tools.base import Observation, ToolCall

SUBMITTED = "submitted"
"""What agents call the end of a run that was handed in; case differs."""
DIFF = re.compile(r"^(diff --git |--- .*\r?\n\+\+\+ )", re.MULTILINE)


@dataclass(frozen=True)
class Environment:
    """How commands ran: with which variables, for how many seconds, by which program."""

    env: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 30.0
    interpreter: tuple[str, ...] = ("bash", "-c")


@dataclass(frozen=True)
class Step:
    """One reply of the agent: what it thought, the commands that it ran, what came back.

    `calls` are empty when nothing ran: the reply had not exactly one command, or a person rejected
    it. An observation without `call_id` is what the agent's program said by itself; `error` marks
    that of a command which was killed at its time limit, and its `seconds` are 0.0 where they are
    not known. `statuses` has, for each observation, the exit status of its command: None where
    there is none or it is not known, -1 where the command could not run.

    `reasoning` is what the provider gave of the model's thoughts beside its words; `usage` and
    `seconds` are those of the reply, None where the file does not tell.
    """

    thought: str
    calls: tuple[ToolCall, ...] = ()
    observations: tuple[Observation, ...] = ()
    statuses: tuple[int | None, ...] = ()
    reasoning: str = ""
    usage: Usage | None = None
    seconds: float | None = None

    @property
    def failed(self) -> tuple[bool, ...]:
        """For each observation, whether its command is known to have failed or was killed."""
        known = (*self.statuses, *[None] * (len(self.observations) - len(self.statuses)))
        return tuple(
            seen.error or status not in (None, 0)
            for seen, status in zip(self.observations, known, strict=True)
        )


@dataclass(frozen=True)
class Trajectory:
    """A recorded run.

    `opening` is what the agent was told before its first reply; `exit_status` is in its own words,
    and `submission` what it handed in, for a SWE-bench task a patch. `resolved` tells whether that
    passed the hidden tests, None where the file does not say. `counted` are tokens that the file
    tells of the whole run only. `path` is where it was read from; two runs are equal without it.
    """

    id: str
    agent: str
    model: str
    opening: tuple[Message, ...]
    steps: tuple[Step, ...]
    exit_status: str
    submission: str
    environment: Environment = Environment()
    usd: float | None = None
    resolved: bool | None = None
    counted: Usage | None = None
    path: Path | None = field(default=None, compare=False)

    @property
    def submitted(self) -> bool:
        """Tell whether the agent handed in."""
        return self.exit_status.lower() == SUBMITTED

    @property
    def patch(self) -> str | None:
        """The submission as a patch that can be applied, None when it is no diff.

        A terminal may have put a carriage return at the end of each line.
        """
        if not DIFF.search(self.submission):
            return None
        patch = self.submission.lstrip("\r\n")
        if patch.partition("\n")[0].endswith("\r"):  # git ends the first line of a diff without
            patch = re.sub(r"\r$", "", patch, flags=re.MULTILINE)
        return patch

    @property
    def usage(self) -> Usage | None:
        """Tokens and money of the whole run, summed over its steps where need be."""
        told = [step.usage for step in self.steps if step.usage is not None]
        whole = self.counted or (sum(told, Usage()) if told else None)
        if whole is None:
            return None if self.usd is None else Usage(usd=self.usd)
        return replace(whole, usd=whole.usd if self.usd is None else self.usd)
