"""A run that another agent recorded, as plain records: what it thought, ran and saw."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.messages import Message, Sampling, Usage
from agent.trajectory.attempt import Turn, turn_of
from agent.trajectory.events import Event, Outcome, Step
from tools.base import ToolCall

CONVERSATION = "attempt-1"
"""What the one conversation of another agent's run is called."""
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
class Answer:
    """What came back after a reply; `call_id` is "" for what the agent's program said by itself.

    `exit_code` is -1 for a command that could not run, None where there is none or it is not known;
    `timed_out` is set for one that was killed at its time limit. `seconds` are 0.0 where unknown.
    """

    call_id: str
    text: str
    exit_code: int | None = None
    timed_out: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class RecordedStep:
    """One reply of an agent: what it thought, the commands that it ran, what came back.

    `calls` are empty when nothing ran: the reply had not exactly one command, or a person rejected
    it. `reasoning` is what the provider gave of the model's thoughts beside its words; `usage` and
    `seconds` are those of the reply, None where the file does not tell.
    """

    thought: str
    calls: tuple[ToolCall, ...] = ()
    answers: tuple[Answer, ...] = ()
    reasoning: str = ""
    usage: Usage | None = None
    seconds: float | None = None

    def turn(self, number: int) -> Turn:
        """Return the step as ours are; what is not known is 0."""
        opaque = {"reasoning": self.reasoning} if self.reasoning else {}
        reply = Message(f"r{number}", "assistant", self.thought, self.calls, opaque=opaque)
        step = Step(
            f"s{number}", CONVERSATION, (), {}, Sampling(), "", (reply,), self.usage or Usage(),
            self.seconds or 0.0,
        )  # fmt: skip
        events: list[Event] = [step]
        for place, answer in enumerate(self._in_order(), 1):
            name = f"r{number}.{place}"
            if not answer.call_id:
                events.append(Message(name, "user", answer.text))
                continue
            events.append(
                Outcome(
                    action=answer.call_id,
                    message=name,
                    text=answer.text,
                    exit_code=answer.exit_code,
                    timed_out=answer.timed_out,
                    seconds=answer.seconds,
                )
            )
        return turn_of(number, events)

    def _in_order(self) -> Iterator[Answer]:
        """Yield one answer to each call, then the others, which answer none."""
        places: dict[str, int] = {}
        for place, answer in enumerate(self.answers):
            places.setdefault(answer.call_id, place)
        own = [places.pop(call.id) for call in self.calls if call.id in places]
        yield from (self.answers[place] for place in own)
        for place, answer in enumerate(self.answers):
            if place not in own:
                yield replace(answer, call_id="")


def reasoning_in(reply: Message) -> str:
    """Return the model's thoughts that a foreign file gave beside a reply's words."""
    reasoning = reply.opaque.get("reasoning")
    return reasoning if isinstance(reasoning, str) else ""


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
    turns: tuple[Turn, ...]
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
        summed = sum((turn.step.usage for turn in self.turns), Usage())
        whole = self.counted or summed
        if whole == Usage():
            return None if self.usd is None else Usage(usd=self.usd)
        return replace(whole, usd=whole.usd if self.usd is None else self.usd)
