"""What passes between the program and a model: messages, how they are sampled, what they cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from tools.base import ToolCall

Role = Literal["system", "user", "assistant", "tool"]
Finish = Literal["length", "refusal"]


@dataclass(frozen=True)
class Message:
    """One turn as sent or received; `opaque` holds the provider's fields, returned unchanged.

    `finish` is set on replies that did not end by themselves: `length` for one cut at its limit of
    tokens, `refusal` for one that the model or its provider refused.
    """

    id: str
    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    opaque: dict[str, Any] = field(default_factory=dict)
    finish: Finish | None = None


@dataclass(frozen=True)
class Usage:
    """Tokens and money; `usd` is None where the price is unknown."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    usd: float | None = None

    def __add__(self, other: Usage) -> Usage:
        known = [amount for amount in (self.usd, other.usd) if amount is not None]
        return Usage(
            self.prompt + other.prompt,
            self.completion + other.completion,
            self.cached + other.cached,
            sum(known) if known else None,
        )


@dataclass(frozen=True)
class Sampling:
    """The parameters of one request besides its messages and tools."""

    n: int = 1
    temperature: float = 0.0
    seed: int | None = None
    grammar: str | None = None
