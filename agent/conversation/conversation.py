"""A conversation with a model: requests within budget and window, everything on record."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from agent.conversation.context_window import View, Window
from agent.conversation.stored_replies import StoredReplies
from agent.errors import ModelLost
from agent.messages import Message, Role, Sampling, Usage
from agent.model.budget import Allowance
from agent.model.protocol import ContextOverflow, Model, Replies, Request, digest
from agent.trajectory.events import Event, Outcome, Step
from tools.base import EpisodeOver, ToolResult
from tools.toolbox import Toolbox

OVERFLOWS = 4
"""Times that a request may turn out too long before an attempt ends."""


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
    _steps: int = 0
    _started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since the conversation began."""
        return time.monotonic() - self._started

    def add(self, role: Role, content: str) -> Message:
        """Append what the program says to the model."""
        message = Message(self._next_id(), role, content)
        self.messages.append(message)
        self.record(message)
        return message

    def observe(self, action: str, result: ToolResult) -> Outcome:
        """Append what came of a tool call, by its id."""
        identity = self._next_id()
        outcome = Outcome(action=action, message=identity, **vars(result))
        self.messages.append(Message(identity, "tool", outcome.text, tool_call_id=action))
        self.record(outcome)
        return outcome

    def ask(self, toolbox: Toolbox | None = None) -> Message:
        """Send what fits of the list and append the first reply; raises EpisodeOver at a limit."""
        tools = toolbox.schemas() if toolbox else []
        request = Request(self.messages, tools, self.sampling, conversation=self.name)
        return self._replies(request)[0]

    def sample(
        self,
        messages: Sequence[Message],
        sampling: Sampling | None = None,
        *,
        name: str = "",
        max_tokens: int | None = None,
    ) -> tuple[Message, ...]:
        """Send chosen messages and append every reply; raises EpisodeOver at a limit.

        `name` is what the request is called where it is not the conversation's own.
        """
        sampling = sampling or self.sampling
        name = name or self.name
        return self._replies(Request(messages, (), sampling, max_tokens, conversation=name))

    def _replies(self, request: Request) -> tuple[Message, ...]:
        step = self._asked(request)
        self.messages += step.replies
        return step.replies

    def _next_id(self, ahead: int = 0) -> str:
        return f"{self.prefix}m{len(self.messages) + ahead}"

    def _asked(self, request: Request) -> Step:
        extra = json.dumps(request.tools) if request.tools else ""
        before = self.stored.next(request.conversation)
        if before is not None:
            view = self.window.seen(request.messages, before.elided, extra)
            if self.stored.take(replace(request, messages=view.messages)):
                return self._given_again(request, view, before)
        for _ in range(OVERFLOWS):
            view = self.window.view(request.messages, extra)
            longest = min(filter(None, (self.window.kept_free, request.max_tokens)))
            fitting = replace(request, messages=view.messages, max_tokens=longest)
            with self.budget.reserve(fitting, view.tokens, self.model) as allowed:
                try:
                    return self._send(allowed, view)
                except ContextOverflow as overflow:
                    if overflow.usage != Usage():
                        self._charge(allowed, view, Replies((), overflow.usage), 0.0)
                    self.window.overflowed(view, overflow.tokens, overflow.limit)
        raise EpisodeOver("context", "the conversation does not fit the model's window")

    def _given_again(self, request: Request, view: View, before: Step) -> Step:
        """Put on record replies that are paid for: they take the step and the time that they did.

        What was left out of the view then stays out.
        """
        self.budget.give_again(before.usage, before.seconds)
        self.window.elided = view.elided
        if request.sampling.n == 1:
            self.window.learn(view, before.usage.prompt)
        self._started -= before.seconds
        self.used += before.usage
        again = replace(request, max_tokens=before.max_tokens)
        step = self._step(again, view, Replies(before.replies, before.usage), before.seconds)
        step = replace(step, served=True)
        self.record(step)
        return step

    def _send(self, request: Request, view: View) -> Step:
        started = time.monotonic()
        try:
            replies = self.model.reply(request)
        except ModelLost as lost:  # what it cost in vain is on record, too
            self._charge(request, view, Replies((), lost.usage), time.monotonic() - started)
            self.budget.check()
            if lost.too_late:
                raise EpisodeOver("seconds", lost.message) from lost
            raise
        self.window.learn(view, replies.prompt)
        return self._charge(request, view, replies, time.monotonic() - started)

    def _charge(self, request: Request, view: View, replies: Replies, seconds: float) -> Step:
        """Charge a request and put it on record."""
        self.budget.charge(replies.usage)
        self.used += replies.usage
        step = self._step(request, view, replies, seconds)
        self.record(step)
        return step

    def _step(self, request: Request, view: View, replies: Replies, seconds: float) -> Step:
        self._steps += 1
        return Step(
            id=f"{self.prefix}s{self._steps}",
            conversation=request.conversation,
            sent=tuple(message.id for message in view.messages),
            elided=view.elided,
            sampling=request.sampling,
            digest=digest(replace(request, messages=view.messages)),
            replies=tuple(
                replace(reply, id=self._next_id(n)) for n, reply in enumerate(replies.messages)
            ),
            usage=replies.usage,
            seconds=round(seconds, 3),
            max_tokens=request.max_tokens,
        )
