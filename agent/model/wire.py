"""What an adapter does: a conversation as one kind of request, and a reply as messages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agent.model.protocol import estimate
from agent.records import Message, Sampling, Usage

Body = dict[str, Any]


@dataclass(frozen=True)
class Ask:
    """One request before it takes the form of an API; `max_tokens` is for each reply."""

    messages: Sequence[Message]
    tools: Sequence[Body]
    sampling: Sampling
    max_tokens: int | None = None


class Wire(Protocol):
    """An API by which a conversation can be sent."""

    @property
    def path(self) -> str: ...

    def body(self, ask: Ask) -> Body:
        """Return the request without the model's name."""

    def messages(self, answer: Body, tools: Sequence[Body]) -> tuple[Message, ...]:
        """Return the replies in an answer, () when there is nothing in it."""


@dataclass(frozen=True)
class Billed:
    """What one answer says of its cost; `usd` only where the provider names the sum."""

    prompt: int
    completion: int
    cached: int = 0
    usd: float | None = None


def billed(answer: Mapping[str, Any]) -> Billed | None:
    """Read the usage of an answer of either API, None when it has none."""
    usage = answer.get("usage")
    if not isinstance(usage, Mapping):
        return None
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else None
    prompt = _count(usage, "prompt_tokens", "input_tokens")
    said = _count(usage, "completion_tokens", "output_tokens")
    cost = usage.get("cost")
    return Billed(
        prompt,
        # Some providers leave thoughts, which they bill, out of what was said but not of the total.
        max(said, _count(usage, "total_tokens") - prompt),
        min(prompt, int(cached or _count(usage, "prompt_cache_hit_tokens"))),
        float(cost) if isinstance(cost, int | float) else None,
    )


def _count(usage: Mapping[str, Any], *names: str) -> int:
    return next((int(usage[n]) for n in names if isinstance(usage.get(n), int | float)), 0)


def guessed(body: Body, replies: Sequence[Message]) -> Billed:
    """Return about what a request and its replies cost, for servers that do not say."""
    said = "".join(f"{reply.content}{arguments(reply)}" for reply in replies)
    return Billed(estimate(json.dumps(body, ensure_ascii=False)), estimate(said) if said else 0)


def arguments(message: Message) -> str:
    """Return what a message's calls are made of, for counting."""
    return "".join(f"{call.name}{call.arguments}" for call in message.tool_calls)


def sampled(ask: Ask) -> Body:
    """Return the parts of a request that say how to sample, in the words of the older APIs."""
    return {
        "n": ask.sampling.n if ask.sampling.n > 1 else None,
        "temperature": ask.sampling.temperature,
        "seed": ask.sampling.seed,
        "grammar": ask.sampling.grammar,
        "max_tokens": ask.max_tokens,
    }


def without_nothing(fields: Mapping[str, Any]) -> Body:
    """Return the fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def plus(left: Usage, count: int, right: Usage) -> Usage:
    """Return `left` and `count` times `right`."""
    return sum((right for _ in range(count)), left)
