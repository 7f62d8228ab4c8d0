"""Blocks as rows of a terminal: folded at a width, with the colours of code in patches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound
from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.style import Style
from rich.syntax import Syntax
from rich.text import Span, Text

from agent.show import blocks
from agent.show.blocks import Block, Diff, Output
from agent.show.terminal_safe import patch_lines, seen_lines

TAB = 8
LEXED = 60_000
"""Characters of a patch up to which its code is coloured."""
NEAR = 2 / 3
"""Share of a row behind which a line is rather cut at a blank than in a word."""
ADDED, REMOVED = "on #10301c", "on #3a1518"


@dataclass(frozen=True)
class Row:
    """One row on the screen; in a patch, the file and the changed line that it shows.

    `goes_on` marks a row that continues the line of the row above.
    """

    text: Text
    path: str = ""
    line: str = ""
    goes_on: bool = False


def rows(page: Sequence[Block], width: int) -> list[Row]:
    """Return a page's rows, none wider than `width` cells."""
    width = max(1, width)
    console = Console(width=width, color_system=None, force_terminal=True, legacy_windows=False)
    found: list[Row] = []
    for block in page:
        match block:
            case Output(text, bad):
                style = "#ff8a80" if bad else ""
                for line in seen_lines(text):
                    parts = enumerate(_folded(line, width))
                    found += [Row(Text(part, style), goes_on=at > 0) for at, part in parts]
            case Diff(text):
                found += _diff(text, width)
            case _:
                for segments in console.render_lines(blocks.screen_of(block), pad=False):
                    pieces = [(one.text, one.style or "") for one in segments if not one.control]
                    found.append(Row(Text.assemble(*pieces, no_wrap=True, end="")))
        found.append(Row(Text("")))
    return found


def _folded(line: str, width: int) -> list[str]:
    """Return the parts of a line, cut behind a blank where one stands near the edge."""
    line = line.expandtabs(TAB)
    parts, at, plain = [], 0, line.isascii()
    while at < len(line):
        piece = line[at : at + width]
        part = piece if plain else next(iter(chop_cells(piece, width)), "") or piece[:1]
        end = at + len(part)
        blank = part.rfind(" ") + 1
        if end < len(line) and line[end] != " " and blank > len(part) * NEAR:
            part = part[:blank]
        parts.append(part)
        at += len(part)
    return parts or [""]


def _diff(patch: str, width: int) -> Iterator[Row]:
    path, lexed = "", len(patch) <= LEXED
    lines = patch_lines(patch)
    colours = _coloured(lines) if lexed else {}
    in_hunk = False
    for place, line in enumerate(lines):
        if line.startswith("diff ") or (not in_hunk and line.startswith(("--- ", "+++ "))):
            in_hunk = False
            if line.startswith("+++ "):
                path = line[4:].removeprefix("b/")
        elif line.startswith("@@"):
            in_hunk = True
        sign = line[:1] if in_hunk else ""
        style = {"+": ADDED, "-": REMOVED, "@": "bold cyan"}.get(sign, "" if in_hunk else "bold")
        text = Text(style=style)
        if place in colours:
            text.append(sign, "bold green" if sign == "+" else "bold red" if sign == "-" else "")
            text.append_text(colours[place])
        else:
            text.append(line)
        text.expand_tabs(TAB)
        changed = line[1:] if sign in ("+", "-") else ""
        parts = enumerate(_fold_text(text, width))
        yield from (Row(part, path, changed, at > 0) for at, part in parts)


def _fold_text(text: Text, width: int) -> list[Text]:
    if cell_len(text.plain) <= width:
        return [text]
    cuts, at = [], 0
    for part in chop_cells(text.plain, width)[:-1]:
        at += len(part)
        cuts.append(at)
    return list(text.divide(cuts))


def _coloured(lines: Sequence[str]) -> dict[int, Text]:
    """Return the code of a patch's lines in colours, by their places."""
    found: dict[int, Text] = {}
    path, hunk = "", list[int]()
    for place, line in enumerate([*lines, "@@"]):
        if line.startswith("+++ "):
            path = line[4:].removeprefix("b/")
        elif hunk and (line.startswith("@@") or line[:1] not in ("+", "-", " ", "")):
            found |= _highlighted(path, hunk, lines)
            hunk = []
        elif path and line[:1] in ("+", "-", " ") and not line.startswith("--- "):
            hunk.append(place)
    return found


def _highlighted(path: str, places: Sequence[int], lines: Sequence[str]) -> dict[int, Text]:
    try:
        lexer = get_lexer_for_filename(path)
    except ClassNotFound:
        return {}
    code = "\n".join(lines[place][1:] for place in places)
    shown = Syntax("", lexer, theme="ansi_dark", background_color="default").highlight(code)
    parts = shown.split("\n", allow_blank=True)
    return dict(zip(places, map(_foreground, parts), strict=False))


def _foreground(text: Text) -> Text:
    """Return a text without what is behind it: a changed line has a ground of its own."""
    spans = [
        Span(
            span.start,
            span.end,
            Style(color=style.color, bold=style.bold, italic=style.italic, dim=style.dim),
        )
        for span in text.spans
        if isinstance(style := span.style, Style)
    ]
    return Text(text.plain, spans=spans)
