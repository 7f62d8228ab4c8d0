"""A conversation with a model: requests within budget and window, replies on record."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agent.conversation.context_window import View, Window
from agent.conversation.stored_replies import StoredReplies
from agent.errors import ModelLost
from agent.model.budget import Allowance
from agent.model.protocol import ContextOverflow, Model, Replies, Request, digest
from agent.records import Call, Message, Sampling, Usage
from agent.trajectory.events import Event
from tools.base import EpisodeOver
from tools.toolbox import Toolbox

OVERFLOWS = 4
"""Times that a request may turn out too long before an attempt ends."""


@dataclass(frozen=True)
class Question:
    """One request: which messages of a list it sends, how it samples, and what it is called.

    A reply has at most `most` tokens.
    """

    messages: Sequence[Message]
    sampling: Sampling
    name: str
    most: int | None = None


@dataclass
class Conversation:
    """The message list, which is the only state of an attempt: appended to, never rewritten.

    Whoever drives asks with all of it (`ask`) or, for narrow questions, with some (`sample`).
    `prefix` begins the ids of what is logged beside other conversations. `record` hears of every
    event as it happens. Of a list that no longer fits the model's `window`, a shortened view is
    sent; the list stays whole. What is `stored` of an earlier start is not asked for again.
    """

    name: str
    model: Model
    budget: Allowance
    sampling: Sampling
    record: Callable[[Event], None]
    window: Window
    prefix: str = ""
    stored: StoredReplies = field(default_factory=StoredReplies)
    messages: list[Message] = field(default_factory=list)
    used: Usage = Usage()
    _calls: int = 0
    _started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since the conversation began."""
        return time.monotonic() - self._started

    def add(self, message: Message) -> Message:
        """Append a message and give it its id."""
        message = replace(message, id=f"{self.prefix}m{len(self.messages)}")
        self.messages.append(message)
        self.record(message)
        return message

    def ask(self, toolbox: Toolbox | None = None) -> Message:
        """Send what fits of the list and append the first reply; raises EpisodeOver at a limit."""
        schemas = toolbox.schemas() if toolbox else []
        return self.add(self._asked(Question(self.messages, self.sampling, self.name), schemas)[0])

    def sample(self, question: Question) -> list[Message]:
        """Send chosen messages and append every reply; raises EpisodeOver at a limit."""
        return [self.add(reply) for reply in self._asked(question, [])]

    def _asked(self, question: Question, schemas: Sequence[dict[str, Any]]) -> tuple[Message, ...]:
        extra = json.dumps(schemas) if schemas else ""
        before = self.stored.next(question.name)
        if before is not None:
            view = self.window.seen(question.messages, before.elided, extra)
            if self.stored.take(question.name, view.messages, schemas, question.sampling):
                return self._given_again(question, view, schemas, before)
        for _ in range(OVERFLOWS):
            view = self.window.view(question.messages, extra)
            longest = min(filter(None, (self.window.kept_free, question.most)))
            request = Request(
                view.messages, schemas, question.sampling, longest, conversation=question.name
            )
            with self.budget.reserve(request, view.tokens, self.model) as allowed:
                try:
                    return self._send(question, view, allowed)
                except ContextOverflow as overflow:
                    if overflow.usage != Usage():
                        lost = Replies((), overflow.usage)
                        self.record(self._charged(question, view, schemas, 0, lost, 0.0))
                    self.window.overflowed(view, overflow.tokens, overflow.limit)
        raise EpisodeOver("context", "the conversation does not fit the model's window")

    def _given_again(
        self, question: Question, view: View, schemas: Sequence[dict[str, Any]], before: Call
    ) -> tuple[Message, ...]:
        """Put on record replies that are paid for: they take the step and the time that they did.

        What was left out of the view then stays out.
        """
        self.budget.give_again(before.usage, before.seconds)
        self.window.elided = view.elided
        if question.sampling.n == 1:
            self.window.learn(view, before.usage.prompt)
        self._started -= before.seconds
        self.used += before.usage
        replies = Replies(before.replies, before.usage)
        most = before.max_tokens
        call = self._call(question, view, schemas, most, replies, before.seconds)
        self.record(replace(call, served=True))
        return before.replies

    def _send(self, question: Question, view: View, request: Request) -> tuple[Message, ...]:
        started, most = time.monotonic(), request.max_tokens or 0

        def charged(replies: Replies) -> Call:
            seconds = time.monotonic() - started
            return self._charged(question, view, request.tools, most, replies, seconds)

        try:
            replies = self.model.reply(request)
        except ModelLost as lost:  # what it cost in vain is on record, too
            self.record(charged(Replies((), lost.usage)))
            self.budget.check()
            if lost.too_late:
                raise EpisodeOver("seconds", lost.message) from lost
            raise
        self.window.learn(view, replies.prompt)
        self.record(charged(replies))
        return replies.messages

    def _charged(
        self,
        question: Question,
        view: View,
        schemas: Sequence[dict[str, Any]],
        most: int,
        replies: Replies,
        seconds: float,
    ) -> Call:
        """Charge a request and return its record."""
        self.budget.charge(replies.usage)
        self.used += replies.usage
        return self._call(question, view, schemas, most, replies, seconds)

    def _call(
        self,
        question: Question,
        view: View,
        schemas: Sequence[dict[str, Any]],
        most: int | None,
        replies: Replies,
        seconds: float,
    ) -> Call:
        self._calls += 1
        return Call(
            id=f"{self.prefix}c{self._calls}",
            conversation=question.name,
            sent=tuple(message.id for message in view.messages),
            elided=view.elided,
            sampling=question.sampling,
            digest=digest(Request(view.messages, schemas, question.sampling)),
            replies=replies.messages,
            usage=replies.usage,
            seconds=round(seconds, 3),
            max_tokens=most,
        )
