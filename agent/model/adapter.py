"""An adapter turns a request into the body of one API, and an answer of it into messages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from agent.messages import Message
from agent.model.protocol import Request, estimate
from agent.trajectory.formats.api_usage import Billed

Body = dict[str, Any]


class Wire(Protocol):
    """An API that a model is asked by."""

    @property
    def path(self) -> str: ...

    def body(self, request: Request) -> Body:
        """Return the body of a request, without the model's name."""

    def messages(self, answer: Body, tools: Sequence[Body]) -> tuple[Message, ...]:
        """Return the replies in an answer, () when there is nothing in it."""


def estimated_usage(body: Body, replies: Sequence[Message]) -> Billed:
    """Estimate the tokens of a request and its replies, for servers that do not tell them."""
    text = "".join(f"{reply.content}{arguments(reply)}" for reply in replies)
    return Billed(estimate(json.dumps(body, ensure_ascii=False)), estimate(text) if text else 0)


def arguments(message: Message) -> str:
    """Return the text of a message's tool calls, for counting tokens."""
    return "".join(f"{call.name}{call.arguments}" for call in message.tool_calls)


def sampling_fields(request: Request) -> Body:
    """Return how a request samples and how long a reply may be, as chat completions name it."""
    return {
        "n": request.sampling.n if request.sampling.n > 1 else None,
        "temperature": request.sampling.temperature,
        "seed": request.sampling.seed,
        "grammar": request.sampling.grammar,
        "max_tokens": request.max_tokens,
    }


def without_nothing(fields: Mapping[str, Any]) -> Body:
    """Return the fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}
