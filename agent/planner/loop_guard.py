"""What a model hears between its steps: that it called nothing, goes in circles or must finish."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.messages import Message
from agent.model.budget import Allowance
from agent.trajectory.events import Outcome
from prompts import render
from tools.base import EpisodeOver

MOST_SILENT_REPLIES = 3
"""Replies without a call, in a row, after which an attempt ends."""
MOST_REFUSALS = 2
REPEATED, STUCK = 3, 5
"""The same action or error so many times in a row: the model is told; the attempt ends."""


@dataclass
class Advice:
    """Remembers the last steps of one attempt; `nudge` says how a call looks."""

    budget: Allowance
    nudge: str
    _silent: int = 0
    _refused: int = 0
    _actions: deque[str] = field(default_factory=lambda: deque(maxlen=STUCK))
    _errors: deque[str] = field(default_factory=lambda: deque(maxlen=STUCK))

    def __call__(self, reply: Message, outcomes: Sequence[Outcome]) -> str:
        """Return what to say after a step, "" for nothing; raises EpisodeOver."""
        self._count(reply, outcomes)
        if self._refused >= MOST_REFUSALS:
            raise EpisodeOver("refusal", f"the model refused: {reply.content[:300]}")
        if self._silent >= MOST_SILENT_REPLIES:
            raise EpisodeOver("format", f"{self._silent} replies in a row called no tool")
        repeats = max(repeated(self._actions), repeated(self._errors))
        if repeats >= STUCK:
            raise EpisodeOver("stuck", f"the same action or error {repeats} times in a row")
        said = [
            render("cut_reply") if reply.finish == "length" else "",
            "" if reply.tool_calls or reply.finish == "length" else self.nudge,
            render("repeated", times=repeats) if repeats >= REPEATED else "",
            self._finish(),
        ]
        return "\n\n".join(filter(None, said))

    def _count(self, reply: Message, outcomes: Sequence[Outcome]) -> None:
        self._silent = 0 if reply.tool_calls else self._silent + 1
        self._refused = self._refused + 1 if reply.finish == "refusal" else 0
        if not reply.tool_calls:
            return
        self._actions.append(repr([(call.name, call.arguments) for call in reply.tool_calls]))
        wrong = [one.text.partition("\n")[0] for one in outcomes if one.error]
        self._errors.append(repr(wrong) if wrong else "")

    def _finish(self) -> str:
        spent = self.budget.nearly_spent()
        return render("finish", spent=spent) if spent else ""


def repeated(lately: Sequence[str]) -> int:
    """Return how often the last entry stands at the end; an empty one does not count."""
    times = 0
    for entry in reversed(lately):
        if not entry or entry != lately[-1]:
            break
        times += 1
    return times
