"""Blocks as GitHub's Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.show import blocks
from agent.show.blocks import Block, Words, plain_words
from agent.show.terminal_safe import inline, one_line, patch_lines, visible_lines


def markdown(page: Sequence[Block]) -> str:
    """Return a page; nothing in it but our own blocks acts as markup."""
    return "\n\n".join(map(_markdown, page)) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case blocks.Heading(text, level):
            return f"{'#' * level} {_escape(text)}"
        case blocks.Paragraph(words):
            return _inline(words).lstrip()
        case blocks.Bullets(items):
            return "\n".join(f"- {_inline(item)}" for item in items)
        case blocks.Table(columns, rows):
            names = [_inline((column,)) for column in columns]
            # A table is cut into cells before code is looked for: a bar in code needs a backslash.
            cells = [[_inline(cell, bar="\\|") for cell in row] for row in rows]
            lines = [names, ["---"] * len(columns), *cells]
            return "\n".join(f"| {' | '.join(line)} |" for line in lines)
        case blocks.Diff() | blocks.Output():
            return _fenced(block)
        case blocks.Fold(title, inside):
            return markdown((blocks.Heading(plain_words(title), 3), *inside)).rstrip("\n")


def _inline(words: Words, bar: str = "|") -> str:
    return "".join(
        _code(piece.text).replace("|", bar)
        if isinstance(piece, blocks.Code)
        else _escape(plain_words((piece,)))
        for piece in words
    )


def _escape(text: str) -> str:
    # Underscores inside a word are no markup on GitHub, and test names are full of them.
    return re.sub(r"([\\`*\[\]<>|&#]|(?<!\w)_|_(?!\w))", r"\\\1", inline(text))


def _code(text: str) -> str:
    text = one_line(text)
    ticks = "`" * (_longest_run(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}" if text else ""


def _fenced(block: blocks.Diff | blocks.Output) -> str:
    fence = "`" * max(3, _longest_run(block.text) + 1)
    if isinstance(block, blocks.Diff):
        return "\n".join((f"{fence}diff", *patch_lines(block.text), fence))
    return "\n".join((fence, *visible_lines(block.text), fence))


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
