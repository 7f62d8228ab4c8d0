"""A page as values, and its two forms: Markdown for a file, renderables for the terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from agent.show.terminal_safe import one_line, patch_lines, seen_lines, visible

WHOLE = 20
"""Cells of a table's column up to which none of its cells is folded, as far as there is room."""


@dataclass(frozen=True)
class Code:
    """Words to be shown letter by letter: paths, ids, what a program printed."""

    text: str


Words = tuple[str | Code, ...]
"""Words of ours, and pieces of code between them."""


@dataclass(frozen=True)
class Heading:
    """A title; level 1 is the page's."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """Words that flow."""

    words: Words


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: tuple[Words, ...]


@dataclass(frozen=True)
class Table:
    """Rows of cells under their columns' names."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Words, ...], ...]


@dataclass(frozen=True)
class Diff:
    """A patch in full."""

    text: str


@dataclass(frozen=True)
class Output:
    """What a program or a model said, line by line; `bad` where it tells of a failure."""

    text: str
    bad: bool = False


Block = Heading | Paragraph | Bullets | Table | Diff | Output


def markdown(blocks: Sequence[Block]) -> str:
    """Return the page as GitHub's Markdown; nothing in it but our own words is taken as markup."""
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {_escaped(text)}"
        case Paragraph(words):
            return _inline(words)
        case Bullets(items):
            return "\n".join(f"- {_inline(item)}" for item in items)
        case Table(columns, rows):
            lines = [columns, ["---"] * len(columns), *(map(_cell, row) for row in rows)]
            return "\n".join(f"| {' | '.join(line)} |" for line in lines)
        case Diff(text):
            fence = "`" * max(3, _longest_run(text) + 1)
            return f"{fence}diff\n{_joined(patch_lines(text))}\n{fence}"
        case Output(text):
            fence = "`" * max(3, _longest_run(text) + 1)
            return f"{fence}\n{_joined(seen_lines(text))}\n{fence}"


def _inline(words: Words) -> str:
    return "".join(
        _span(piece.text) if isinstance(piece, Code) else _escaped(piece) for piece in words
    )


def _cell(words: Words) -> str:
    # A table is cut into cells before code spans are looked for: a bar in one needs its backslash.
    return "".join(
        _span(piece.text).replace("|", "\\|") if isinstance(piece, Code) else _escaped(piece)
        for piece in words
    )


def _escaped(text: str) -> str:
    # Underscores inside a word are no markup on GitHub, and test names are full of them.
    return re.sub(r"([\\`*\[\]<>|&#]|(?<!\w)_|_(?!\w))", r"\\\1", one_line_keeping_ends(text))


def one_line_keeping_ends(text: str) -> str:
    """Return visible text on one line with the blanks at its ends, which part it from code."""
    return re.sub(r"\s+", " ", visible(text))


def _span(text: str) -> str:
    text = one_line(text)
    ticks = "`" * (_longest_run(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}" if text else ""


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(lines)


def screen(blocks: Sequence[Block]) -> RenderableType:
    """Return the page for a terminal of any width."""
    return Group(*(part for block in blocks for part in (screen_of(block), Text(""))))


def screen_of(block: Block) -> RenderableType:
    """Return one block for the terminal."""
    match block:
        case Heading(text, level):
            return Text(one_line(text), style="bold reverse" if level == 1 else "bold")
        case Paragraph(words):
            return _text(words)
        case Bullets(items):
            grid = Grid.grid(padding=(0, 1))
            for item in items:
                grid.add_row("•", _text(item))
            return grid
        case Table(columns, rows):
            grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
            texts = [[_text(words) for words in row] for row in rows]
            for place, name in enumerate(columns):
                widest = max([len(name), *(row[place].cell_len for row in texts)])
                grid.add_column(name, no_wrap=widest <= WHOLE)
            for row in texts:
                grid.add_row(*row)
            return grid
        case Diff(text):
            return Text("\n").join(map(_diff_line, patch_lines(text)))
        case Output(text, bad):
            return Text(_joined(seen_lines(text)), style="red" if bad else "", overflow="fold")


def _text(words: Words) -> Text:
    text = Text(overflow="fold")
    for piece in words:
        if isinstance(piece, Code):
            text.append(one_line(piece.text), style="cyan")
        else:
            text.append(one_line_keeping_ends(piece))
    return text


def _diff_line(line: str) -> Text:
    if line.startswith(("+++", "---", "diff ", "index ")):
        return Text(line, style="bold", overflow="fold")
    styles = {"+": "green", "-": "red", "@": "cyan"}
    return Text(line, style=styles.get(line[:1], ""), overflow="fold")
