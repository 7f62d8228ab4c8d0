"""What a log is made of: one line for each event, in the order in which it happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from agent.messages import Message, Sampling, Usage
from agent.records import Candidate, Location, Reproduction
from tools.base import EndReason, ToolResult

CHANGE = "change"
"""The name of an action that is a change proposed by a guided model."""
TrialResult = Literal["holds", "untested", "fails", "breaks", "problems", "unchanged", "unusable"]
"""What came of a proposed change: it passes the issue checks and the tests near it; no test tried
it; it fails an issue check; it breaks a test; it adds syntax errors or undefined names; it changes
nothing but white space or comments; it cannot be applied."""


@dataclass(frozen=True)
class Header:
    """The first line of an attempt's log: everything but what happens later."""

    number: int
    planner: str
    model: str
    seed: int
    temperature: float
    image: str
    tools: list[dict[str, Any]]


@dataclass(frozen=True)
class Step:
    """One request to a model and its replies.

    `sent` are message ids; `elided` maps those sent shortened to what stood in their place, so
    that the request can be rebuilt; `digest` is its SHA-256. `replies` are the n messages, of at
    most `max_tokens` each; there are none when the server gave up, or for the `probe` that finds
    out what a model can do. With `served`, nothing was sent: an earlier start of the same log had
    these replies, and its step has their cost.
    """

    id: str
    conversation: str
    sent: tuple[str, ...]
    elided: dict[str, str]
    sampling: Sampling
    digest: str
    replies: tuple[Message, ...]
    usage: Usage
    seconds: float
    max_tokens: int | None = None
    served: bool = False


@dataclass(frozen=True)
class Action:
    """What a reply did: a tool call, or a change that it proposes.

    `id` is the tool call's id; a change has that of the reply, which holds it, and no `arguments`.
    `sample` counts the changes of one attempt that could be applied, `root` is the sample that it
    refines, or its own number, and `location` is where it belongs.
    """

    id: str
    name: str = CHANGE
    arguments: str = ""
    sample: int | None = None
    root: int | None = None
    location: Location | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome(ToolResult):
    """What came of an action; `message` is the id of the message that tells it to the model.

    `trial` is what came of a proposed change.
    """

    action: str
    message: str | None = None
    trial: TrialResult | None = None

    @property
    def failed(self) -> bool:
        """True when the action was refused, ended badly, or made a test fail."""
        return super().failed or self.trial not in (None, "holds", "untested")


@dataclass(frozen=True)
class Note:
    """A remark of the program's on a conversation; the model does not see it."""

    conversation: str
    text: str


@dataclass(frozen=True)
class Locations:
    """Where a guided model is asked for changes, in that order."""

    locations: tuple[Location, ...]


@dataclass(frozen=True)
class End:
    """The last line of an attempt's log.

    `rejected` counts the samples that it tried and did not hand in.
    """

    reason: EndReason
    detail: str
    usage: Usage
    seconds: float
    rejected: int = 0


Event = (
    Header | Message | Step | Action | Outcome | Note | Locations | Reproduction | Candidate | End
)
"""One line of a log."""

RESUMABLE = (None, "interrupted", "model_lost")
"""Ends after which an attempt is made again when its run is taken up; None is a kill."""
