"""What an answer of the OpenAI-compatible APIs says of its cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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
