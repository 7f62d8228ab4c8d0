"""What an adapter does: a conversation as one kind of request, and a reply as messages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from agent.model.protocol import Request, estimate
from agent.records import Message
from agent.trajectory.formats.api_usage import Billed

Body = dict[str, Any]


class Wire(Protocol):
    """An API by which a conversation can be sent."""

    @property
    def path(self) -> str: ...

    def body(self, request: Request) -> Body:
        """Return the body of a request, without the model's name."""

    def messages(self, answer: Body, tools: Sequence[Body]) -> tuple[Message, ...]:
        """Return the replies in an answer, () when there is nothing in it."""


def estimated_usage(body: Body, replies: Sequence[Message]) -> Billed:
    """Return about what a request and its replies cost, for servers that do not say."""
    text = "".join(f"{reply.content}{arguments(reply)}" for reply in replies)
    return Billed(estimate(json.dumps(body, ensure_ascii=False)), estimate(text) if text else 0)


def arguments(message: Message) -> str:
    """Return what a message's calls are made of, for counting."""
    return "".join(f"{call.name}{call.arguments}" for call in message.tool_calls)


def sampling_fields(request: Request) -> Body:
    """Return the parts of a request that say how to sample, in the words of the older APIs."""
    return {
        "n": request.sampling.n if request.sampling.n > 1 else None,
        "temperature": request.sampling.temperature,
        "seed": request.sampling.seed,
        "grammar": request.sampling.grammar,
        "max_tokens": request.max_tokens,
    }


def without_nothing(fields: Mapping[str, Any]) -> Body:
    """Return the fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}
