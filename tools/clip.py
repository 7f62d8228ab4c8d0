"""What is shown of a long text: its head and its tail."""

from __future__ import annotations

LIMIT = 10_000
"""Characters of one observation."""
SAID = 60
"""Characters at most of the line that says what is missing."""


def clip(text: str, limit: int = LIMIT) -> str:
    """Return at most `limit` characters of `text` plus one line that says what is missing.

    Two thirds of what is kept come from the head and one third from the tail, cut at line ends
    where that costs little.
    """
    if len(text) <= limit:
        return text
    head = _up_to_line_end(text[: limit * 2 // 3])
    tail = _from_line_start(text[len(text) - (limit - limit * 2 // 3) :])
    missing = len(text) - len(head) - len(tail)
    return f"{head}\n[... {missing:,} characters left out ...]\n{tail}"


def clip_lines(lines: list[str], most: int, what: str) -> list[str]:
    """Return the first `most` lines and, when some are left out, a line that counts `what`."""
    if len(lines) <= most:
        return lines
    return [*lines[:most], f"[... {len(lines) - most:,} more {what} ...]"]


def _up_to_line_end(text: str) -> str:
    at = text.rfind("\n")
    return text[:at] if at > len(text) * 3 // 4 else text


def _from_line_start(text: str) -> str:
    at = text.find("\n")
    return text[at + 1 :] if 0 <= at < len(text) // 4 else text
