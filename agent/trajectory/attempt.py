"""An attempt as its log tells it: a fold over events, for live runs and recorded ones alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agent.messages import Message, Usage
from agent.records import Candidate
from agent.trajectory.events import CHANGE, Action, End, Event, Header, Note, Outcome, Step


@dataclass(frozen=True)
class Act:
    """An action and what came of it, None where the attempt ended or was cut before."""

    action: Action
    outcome: Outcome | None


@dataclass(frozen=True)
class Turn:
    """A step and all that followed it until the next one; steps are counted from 1.

    `heard` is what the program said to the model afterwards.
    """

    number: int
    step: Step
    acts: tuple[Act, ...] = ()
    heard: tuple[Message, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def messages(self) -> tuple[Message, ...]:
        """What the step added to the conversation."""
        outcomes = [act.outcome for act in self.acts if act.outcome is not None]
        return (*messages_of([self.step, *outcomes]), *self.heard)


@dataclass(frozen=True)
class Attempt:
    """The latest start of an attempt; `restarts` counts the earlier ones, left out here."""

    number: int
    events: tuple[Event, ...]
    restarts: int = 0

    @property
    def header(self) -> Header:
        """How the attempt was set up."""
        header = self.events[0]
        assert isinstance(header, Header)
        return header

    @property
    def end(self) -> End | None:
        """Why the attempt ended, None for one that was killed or still goes on."""
        last = self.events[-1]
        return last if isinstance(last, End) else None

    @property
    def steps(self) -> tuple[Step, ...]:
        """The requests to the model, in order."""
        return tuple(event for event in self.events if isinstance(event, Step))

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation, in order."""
        return tuple(messages_of(self.events))

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The steps with what came of them."""
        return tuple(turns_of(self.events))

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """What was harvested; a log has their patches in files of their own."""
        return tuple(event for event in self.events if isinstance(event, Candidate))

    @property
    def usage(self) -> Usage:
        """Tokens and money of this start, served replies included."""
        return sum((step.usage for step in self.steps), Usage())


def messages_of(events: Iterable[Event]) -> Iterator[Message]:
    """Yield the messages that events made, in the order in which they joined the conversation."""
    for event in events:
        if isinstance(event, Message):
            yield event
        elif isinstance(event, Step):
            yield from event.replies
        elif isinstance(event, Outcome) and event.message is not None:
            yield Message(event.message, "tool", event.text, tool_call_id=event.action)


def turns_of(events: Iterable[Event]) -> Iterator[Turn]:
    """Yield the steps with what came of each."""
    number, current = 0, list[Event]()
    for event in events:
        if isinstance(event, Step):
            if number:
                yield turn_of(number, current)
            number, current = number + 1, []
        current.append(event)
    if number:
        yield turn_of(number, current)


def turn_of(number: int, events: Sequence[Event]) -> Turn:
    """Return the turn that events from a step up to the next one tell of."""
    step, *rest = events
    assert isinstance(step, Step)
    outcomes = {event.action: event for event in rest if isinstance(event, Outcome)}
    proposed = {event.id: event for event in rest if isinstance(event, Action)}
    acts = []
    for reply in step.replies:
        actions = [Action(call.id, call.name, call.arguments) for call in reply.tool_calls]
        actions += [proposed[reply.id]] if reply.id in proposed else []
        if not actions and len(step.replies) > 1:  # one of several samples, and nothing came of it
            actions = [Action(reply.id, CHANGE)]
        acts += [Act(action, outcomes.get(action.id)) for action in actions]
    return Turn(
        number,
        step,
        tuple(acts),
        tuple(event for event in rest if isinstance(event, Message) and event.role == "user"),
        tuple(event for event in rest if isinstance(event, Note)),
    )


def starts_of(events: Iterable[Event], prefix: str = "") -> list[list[Event]]:
    """Return the starts that a log holds, the latest last.

    A header begins one; in the log that attempts share, the first message of the conversation
    whose ids begin with `prefix` does.
    """
    starts: list[list[Event]] = []
    for event in events:
        again = isinstance(event, Message) and prefix and event.id == f"{prefix}m0"
        if isinstance(event, Header) or again:
            starts.append([])
        if starts:
            starts[-1].append(event)
    return starts


def latest_start(events: Iterable[Event]) -> Attempt | None:
    """Return the attempt that a log tells of, None when not even its header was written."""
    starts = starts_of(events)
    if not starts:
        return None
    header = starts[-1][0]
    assert isinstance(header, Header)
    return Attempt(header.number, tuple(starts[-1]), len(starts) - 1)


def latest_shared(events: Iterable[Event]) -> tuple[Event, ...]:
    """Return the events of a shared log without those of conversations that began again later."""
    kept: list[Event] = []
    for event in events:
        if isinstance(event, Message) and event.id.endswith("-m0"):
            prefix = event.id.removesuffix("m0")
            kept = [
                old
                for old in kept
                if not (isinstance(old, Message | Step) and old.id.startswith(prefix))
            ]
        kept.append(event)
    return tuple(kept)


def spent_on(events: Iterable[Event]) -> Usage:
    """Return what all starts of a log have cost; a served step was paid for by an earlier one."""
    steps = (event for event in events if isinstance(event, Step) and not event.served)
    return sum((step.usage for step in steps), Usage())
