"""How a request can fail, and how a server's error is read: refused, passing, or too long."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.model.adapter import Body
from agent.model.protocol import ContextOverflow

OVERFLOW = re.compile(
    r"context_length_exceeded|exceed_context_size|context (?:length|window|size|limit)"
    r"|maximum (?:context|prompt|input|number of (?:input )?tokens)|(?:prompt|input) is too long"
    r"|too many (?:input )?tokens",
    re.IGNORECASE,
)
_LIMIT = re.compile(
    r"(?:context (?:length|window|size|limit)|maximum number of (?:input )?tokens(?: allowed)?)"
    r"[^.\d]{0,20}(\d[\d,]+)|>\s*(\d[\d,]+) maximum",
    re.IGNORECASE,
)
_TOKENS = re.compile(
    r"(?:requested(?: about)?|resulted in|request \(|too long:|token count \()\s*(\d[\d,]+)",
    re.IGNORECASE,
)
NO_TEMPLATE = "--jinja"
"""In the error of an older llama.cpp that is given tools: it fails so each time."""


class Refused(Exception):
    """The server refuses this request, saying `text` about `parameter`, "" when it names none."""

    def __init__(self, status: int, text: str, parameter: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.parameter = parameter
        self.waste = Waste()


class Passing(Exception):
    """A failure that may pass: the same request is worth sending again after `wait` seconds.

    `lost` means that a reply was on its way.
    """

    def __init__(self, text: str, *, wait: float | None = None, lost: bool = False) -> None:
        super().__init__(text)
        self.wait = wait
        self.lost = lost
        self.too_late = False


@dataclass
class Waste:
    """What was billed in vain: `lost` replies of unknown cost, and unusable ones that tell it."""

    lost: int = 0
    unusable: list[Body] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many replies were billed in vain."""
        return self.lost + len(self.unusable)

    def __add__(self, other: Waste) -> Waste:
        return Waste(self.lost + other.lost, [*self.unusable, *other.unusable])


class Unanswered(Exception):
    """No usable answer came; `too_late` when only the time ran out."""

    def __init__(self, text: str, waste: Waste, *, too_late: bool) -> None:
        super().__init__(text)
        self.waste = waste
        self.too_late = too_late


def error_message(text: str) -> tuple[str, Mapping[str, Any]]:
    """Return the message of an error's body, whatever its shape, and the object it stands in."""
    try:
        plain = json.loads(text)
    except ValueError:
        plain = text
    if isinstance(plain, list) and plain:
        plain = plain[0]
    detail = plain.get("error", plain) if isinstance(plain, dict) else plain
    if not isinstance(detail, dict):
        return _line(detail), {}
    metadata = detail.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    message = detail.get("message") or detail.get("detail") or text
    return _line(f"{_line(message)}: {raw}" if raw else message), detail


def _line(message: object) -> str:
    text = message if isinstance(message, str) else json.dumps(message)
    return " ".join(text.split())[:500]


def meaning(
    status: int, text: str, detail: Mapping[str, Any], headers: Mapping[str, str]
) -> Exception:
    """Return what an error status means: Passing, ContextOverflow or Refused."""
    kind = f"{detail.get('code') or ''} {detail.get('type') or ''}"
    if status == 429 and "insufficient_quota" not in kind:
        return Passing(f"the rate limit is reached ({text})", wait=retry_after(headers))
    if NO_TEMPLATE in text:
        return Refused(400, text)
    if status in (408, 409, 425) or status >= 500:
        return Passing(f"the server failed with {status} ({text})", wait=retry_after(headers))
    if status in (400, 413, 422) and OVERFLOW.search(f"{kind} {text}"):
        return overflow(text, detail)
    return Refused(status, text, str(detail.get("param") or ""))


def overflow(text: str, detail: Mapping[str, Any]) -> ContextOverflow:
    """Read how large a request was and how large it may be, where the server says so."""
    tokens, limit = detail.get("n_prompt_tokens"), detail.get("n_ctx")
    limit = limit or _number(_LIMIT.search(text))
    tokens = tokens or _number(_TOKENS.search(text))
    return ContextOverflow(tokens if not limit or (tokens or 0) > limit else None, limit)


def _number(match: re.Match[str] | None) -> int | None:
    found = next(filter(None, match.groups()), None) if match else None
    return int(found.replace(",", "")) if found else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds a server asks to wait, None when it does not say."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers.get(name, "")) * unit)
        except ValueError:
            continue
    return None
