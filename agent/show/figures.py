"""Amounts as people read them: money, time, tokens."""

from __future__ import annotations

from agent.messages import Usage
from agent.records import Counts


def money(usd: float | None) -> str:
    """Return dollars, with more digits where the amount is small."""
    if usd is None:
        return "price unknown"
    return f"${usd:.2f}" if usd >= 1 or usd == 0 else f"${usd:.4f}"


def duration(seconds: float) -> str:
    """Return a time in the largest units that matter."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def tokens(count: Usage | Counts) -> str:
    """Return token counts in one phrase."""
    cached = f" ({count.cached:,} cached)" if count.cached else ""
    return f"{count.prompt:,} prompt{cached} + {count.completion:,} completion tokens"


def spent(usage: Usage | None) -> str:
    """Return what was used, tokens and money; a record may know neither, or the money alone."""
    if usage is None:
        return "tokens and price unknown"
    known = usage.prompt or usage.completion
    return f"{tokens(usage) if known else 'tokens unknown'}, {money(usage.usd)}"


def several(number: int, noun: str, plural: str = "") -> str:
    """Return a number and its noun."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def clock(seconds: float) -> str:
    """Return a time that runs: minutes and seconds, and hours where there are any."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
