"""The loop: reply, run the calls, append the observations, until somebody ends it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from agent.errors import ModelLost
from agent.events import End, Event
from agent.model.budget import Budget
from agent.model.protocol import ContextOverflow, Model, Replies, digest
from agent.planner.context import View, Window
from agent.records import Call, Message, Sampling, Usage
from tools.base import EpisodeOver, Observation
from tools.toolbox import Toolbox

OVERFLOWS = 4
"""Times that a request may turn out too long before an attempt ends."""


@dataclass
class Conversation:
    """The message list, which is the only state of an attempt: appended to, never rewritten.

    `record` hears of every event as it happens. Of a list that no longer fits the model's
    `window`, a shortened view is sent; the list stays whole.
    """

    name: str
    model: Model
    budget: Budget
    sampling: Sampling
    record: Callable[[Event], None]
    window: Window
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
        message = replace(message, id=f"m{len(self.messages)}")
        self.messages.append(message)
        self.record(message)
        return message

    def ask(self, toolbox: Toolbox | None = None) -> Message:
        """Send what fits of the list and append the first reply; raises EpisodeOver at a limit."""
        schemas = toolbox.schemas() if toolbox else []
        for _ in range(OVERFLOWS):
            view = self.window.view(self.messages, json.dumps(schemas) if schemas else "")
            try:
                return self._send(view, schemas)
            except ContextOverflow as overflow:
                if overflow.usage != Usage():
                    self.record(self._call(view, schemas, 0, Replies((), overflow.usage), 0.0))
                self.window.overflowed(view, overflow.tokens, overflow.limit)
        raise EpisodeOver("context", "the conversation does not fit the model's window")

    def _send(self, view: View, schemas: Sequence[dict[str, Any]]) -> Message:
        room = self.budget.room(view.tokens, self.model.cost)
        most = min(filter(None, (room, self.window.kept_free)))
        sampling, started = self.sampling, time.monotonic()

        def charged(replies: Replies) -> Call:
            return self._call(view, schemas, most, replies, time.monotonic() - started)

        try:
            replies = self.model.reply(
                view.messages,
                schemas,
                n=sampling.n,
                temperature=sampling.temperature,
                seed=sampling.seed,
                grammar=sampling.grammar,
                max_tokens=most,
                seconds=self.budget.seconds_left,
                spare=self.budget.spare(view.tokens, most, self.model.cost),
                conversation=self.name,
            )
        except ModelLost as lost:  # what it cost in vain is on record, too
            self.record(charged(Replies((), lost.usage)))
            self.budget.check()
            if lost.too_late:
                raise EpisodeOver("seconds", lost.message) from lost
            raise
        self.window.learn(view, replies.prompt)
        self.record(charged(replies))
        return self.add(replies.messages[0])

    def _call(
        self,
        view: View,
        schemas: Sequence[dict[str, Any]],
        most: int,
        replies: Replies,
        seconds: float,
    ) -> Call:
        """Charge a request and return its record."""
        self.budget.charge(replies.usage)
        self.used += replies.usage
        self._calls += 1
        return Call(
            id=f"c{self._calls}",
            conversation=self.name,
            sent=tuple(message.id for message in view.messages),
            elided=view.elided,
            sampling=self.sampling,
            digest=digest(view.messages, schemas, self.sampling),
            replies=replies.messages,
            usage=replies.usage,
            seconds=round(seconds, 3),
            max_tokens=most,
        )


class Advisor(Protocol):
    """Looks at each step and says what the model should hear; ends what leads nowhere."""

    def __call__(self, reply: Message, observations: Sequence[Observation]) -> str:
        """Return advice, "" for none; raise EpisodeOver to end the attempt."""


def run(talk: Conversation, toolbox: Toolbox, advise: Advisor) -> End:
    """Drive one attempt to its end and return the reason."""
    try:
        while True:
            reply = talk.ask(toolbox)
            observations = []
            for call in reply.tool_calls:
                observations.append(toolbox.run(call))
                talk.record(observations[-1])
                talk.add(Message("", "tool", observations[-1].text, tool_call_id=call.id))
            advice = advise(reply, observations)
            if advice:
                talk.add(Message("", "user", advice))
    except EpisodeOver as over:
        return End(over.reason, over.detail, talk.used, round(talk.seconds, 3))
