"""The loop: reply, run the calls, append the observations, until somebody ends it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from agent.events import End, Event
from agent.model.budget import Budget
from agent.model.protocol import Model, digest
from agent.records import Call, Message, Sampling, Usage
from tools.base import EpisodeOver
from tools.toolbox import Toolbox

MOST_SILENT_REPLIES = 3
"""Replies without a tool call, in a row, after which an attempt ends."""


@dataclass
class Conversation:
    """The message list, which is the only state of an attempt: appended to, never rewritten.

    `record` hears of every event as it happens.
    """

    name: str
    model: Model
    budget: Budget
    sampling: Sampling
    record: Callable[[Event], None]
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
        """Send the whole list and append the first reply; raises EpisodeOver at a limit."""
        self.budget.check()
        schemas = toolbox.schemas() if toolbox else []
        sampling, started = self.sampling, time.monotonic()
        replies = self.model.reply(
            self.messages,
            schemas,
            n=sampling.n,
            temperature=sampling.temperature,
            seed=sampling.seed,
            grammar=sampling.grammar,
            conversation=self.name,
        )
        self.budget.charge(replies.usage)
        self.used += replies.usage
        self._calls += 1
        call = Call(
            id=f"c{self._calls}",
            conversation=self.name,
            sent=tuple(message.id for message in self.messages),
            elided={},
            sampling=sampling,
            digest=digest(self.messages, schemas, sampling),
            replies=replies.messages,
            usage=replies.usage,
            seconds=round(time.monotonic() - started, 3),
        )
        self.record(call)
        return self.add(replies.messages[0])


def run(talk: Conversation, toolbox: Toolbox, nudge: str) -> End:
    """Drive one attempt to its end and return the reason."""
    silent = 0
    try:
        while True:
            message = talk.ask(toolbox)
            for call in message.tool_calls:
                observation = toolbox.run(call)
                talk.record(observation)
                talk.add(Message("", "tool", observation.text, tool_call_id=call.id))
            silent = 0 if message.tool_calls else silent + 1
            if silent >= MOST_SILENT_REPLIES:
                raise EpisodeOver("format", f"{silent} replies in a row called no tool")
            if silent:
                talk.add(Message("", "user", nudge))
    except EpisodeOver as over:
        return End(over.reason, over.detail, talk.used, round(talk.seconds, 3))
