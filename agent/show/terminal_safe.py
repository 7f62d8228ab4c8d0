"""Text that others chose, made safe to look at: what would act on the terminal is shown instead."""

from __future__ import annotations

import re

# C0 and C1 controls but tab and line feed; what hides or reorders text (zero width, bidirectional
# controls, tag characters); lone surrogates, which no terminal can be sent.
ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
FILE_NAMES = ("+++ ", "--- ")


def visible(text: str) -> str:
    """Return text in which only tabs and line feeds act; the rest is shown as its escape."""
    return ACTING.sub(_escape, text.replace("\r\n", "\n"))


def visible_lines(text: str) -> list[str]:
    """Return a text's lines, visible; a file's own line ends, CR LF or LF, are not shown."""
    return visible(text).removesuffix("\n").split("\n")


def patch_lines(patch: str) -> list[str]:
    """Return a patch's lines, visible; a carriage return at the end of one where they differ in it.

    A file that has one on each line reads as any other; a patch that changes line ends shows them.
    """
    lines = patch.removesuffix("\n").split("\n")
    code = [line for line in lines if line[:1] in ("+", "-", " ") and line[:4] not in FILE_NAMES]
    mixed = len({line.endswith("\r") for line in code}) > 1
    return [visible(line if mixed else line.removesuffix("\r")) for line in lines]


def one_line(text: str, limit: int | None = None) -> str:
    """Return visible text on one line, blanks collapsed, at most `limit` characters."""
    line = " ".join(visible(text).split())
    return line if limit is None or len(line) <= limit else f"{line[: limit - 1]}…"


def inline(text: str) -> str:
    """Return visible text on one line, with the blanks at its ends: words or code stand there."""
    return re.sub(r"[^\S ]\s*|(?<=\S)\s+", " ", visible(text))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
