"""Replies that earlier starts of a conversation were given: paid for, so they are given again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from agent.conversation.context_window import shortened
from agent.messages import Message, Usage
from agent.model.protocol import Request, digest
from agent.show.figures import money, several
from agent.trajectory.attempt import messages_of, starts_of
from agent.trajectory.events import Event, Header, Step
from tools.nondeterminism import normalized

_normalized = lru_cache(maxsize=2048)(normalized)


@dataclass(frozen=True)
class Stored:
    """A step of an earlier start, and the messages as they were sent then."""

    step: Step
    sent: tuple[Message, ...]

    def difference(self, request: Request) -> str:
        """Say how a request differs from this one; "" when this one's replies answer it, too.

        Times, addresses and temporary names may differ: they do so whenever tools run.
        """
        if digest(request) == self.step.digest:
            return ""
        if digest(replace(request, messages=self.sent)) != self.step.digest:
            return "it is asked with other tools or parameters"
        for now, before in zip(request.messages, self.sent, strict=False):
            if _plain(now) != _plain(before):
                return f"message {now.id} ({now.role}) reads differently"
        return (
            "" if len(request.messages) == len(self.sent) else "it has another number of messages"
        )


def _plain(message: Message) -> tuple[object, ...]:
    calls = [(call.name, call.arguments) for call in message.tool_calls]
    return message.role, _normalized(message.content), calls


@dataclass
class StoredReplies:
    """Stored steps that wait to be asked for again, by conversation and in order.

    `note` hears of those that are lost.
    """

    waiting: dict[str, deque[Stored]] = field(default_factory=dict)
    note: Callable[[str], None] = lambda text: None

    @property
    def usage(self) -> Usage:
        """What the waiting ones have cost."""
        return cost([one for queue in self.waiting.values() for one in queue])

    def next(self, conversation: str) -> Step | None:
        """Return the step that must come next in a conversation, None when there is none."""
        queue = self.waiting.get(conversation)
        return queue[0].step if queue else None

    def take(self, request: Request) -> bool:
        """Tell whether the next stored step answers a request, and drop it.

        When it does not, all that wait in that conversation are lost.
        """
        queue = self.waiting[request.conversation]
        difference = queue[0].difference(request)
        if difference:
            self._lose(request.conversation, f"{difference} than before: the model is asked anew")
            return False
        queue.popleft()
        return True

    def leave(self) -> None:
        """Give up what was not asked for again."""
        for conversation in list(self.waiting):
            self._lose(conversation, "it ended sooner than before")

    def _lose(self, conversation: str, why: str) -> None:
        lost = self.waiting.pop(conversation)
        if lost:
            usage, number = cost(lost), lost[0].step.id
            replies = several(len(lost), "stored request")
            count = f"{usage.prompt + usage.completion:,} tokens, {money(usage.usd)}"
            self.note(f"{conversation} at {number}: {why}; {replies} ({count}) cannot be used")


def cost(stored: Sequence[Stored] | deque[Stored]) -> Usage:
    """Return what stored steps have cost."""
    return sum((one.step.usage for one in stored), Usage())


def stored(events: Sequence[Event], prefix: str, model: str) -> dict[str, deque[Stored]]:
    """Return the steps of a log's starts that can be given again, by conversation.

    `prefix` begins the ids of what is looked for. What another model than `model` said is left out,
    where the log tells.
    """
    kept: dict[str, list[Stored]] = {}
    for start in starts_of(events, prefix):
        header = start[0]
        if isinstance(header, Header) and header.model != model:
            continue
        for name, steps in _answered(start, prefix).items():
            # A start that was ended while it was given stored replies leaves those to come.
            if not all(one.step.served for one in steps) or len(steps) > len(kept.get(name, ())):
                kept[name] = steps
    return {name: deque(steps) for name, steps in kept.items()}


def _answered(start: Sequence[Event], prefix: str) -> Mapping[str, list[Stored]]:
    known = {message.id: message for message in messages_of(start)}
    found: dict[str, list[Stored]] = {}
    for step in start:
        if isinstance(step, Step) and step.replies and step.id.startswith(prefix):
            sent = tuple(shortened(known[one], step.elided) for one in step.sent)
            found.setdefault(step.conversation, []).append(Stored(step, sent))
    return found
