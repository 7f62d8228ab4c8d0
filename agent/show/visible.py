"""Text that others chose, made safe to look at: what would act on the terminal is shown instead."""

from __future__ import annotations

import re

# C0 and C1 controls but tab and line feed; what hides or reorders text (zero width, bidirectional
# controls, tag characters); lone surrogates, which no terminal can be sent.
ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """Return text in which only tabs and line feeds act; the rest is shown as its escape."""
    return ACTING.sub(_escape, text.replace("\r\n", "\n"))


def one_line(text: str, limit: int | None = None) -> str:
    """Return visible text on one line, blanks collapsed, at most `limit` characters."""
    line = " ".join(visible(text).split())
    return line if limit is None or len(line) <= limit else f"{line[: limit - 1]}…"


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
