"""Blocks as rows of a terminal: folded at a width, with the colours of code in patches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound
from rich import box
from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.style import Style
from rich.syntax import Syntax
from rich.table import Table as Grid
from rich.text import Span, Text

from agent.show import blocks
from agent.show.blocks import Block, Words, plain_words
from agent.show.terminal_safe import inline, one_line, patch_lines, visible_lines

TAB = 8
WHOLE = 20
"""Cells of a table's column up to which none of its cells is folded, as far as there is room."""
HIGHLIGHTED = 60_000
"""Characters of a patch up to which its code is coloured."""
NEAR = 2 / 3
"""Share of a row behind which a line is rather cut at a blank than in a word."""
KINDS = {
    "green": "pass c1",
    "bold green": "verified resolved edit",
    "yellow": "timeout unverified c2",
    "bold yellow": "issue chosen",
    "magenta": "disagree c3",
    "bold magenta": "tampered",
    "cyan": "unfinished c4",
    "blue": "c5",
    "red": "fail no_patch unresolved c6",
    "bold red": "error failed damaged mark",
    "dim": "none same dim c0",
    "bold": "label",
    "reverse": "reverse",
}
"""The kinds of `Marked` words by their colours: results, ends of tasks, classes and others."""
STYLES = {kind: colour for colour, kinds in KINDS.items() for kind in kinds.split()}
ON_DARK = {"+": "on #10301c", "-": "on #3a1518", "@": "bold cyan"}
ON_ANY = {"+": "green", "-": "red", "@": "cyan"}
"""The colours of a patch's lines where the ground is known to be dark, and where it is not."""


@dataclass(frozen=True)
class Row:
    """One row on the screen; in a patch, the file and the changed line that it shows.

    `goes_on` marks a row that continues the line of the row above; `link` is a step that it names.
    """

    text: Text
    path: str = ""
    line: str = ""
    goes_on: bool = False
    link: blocks.StepLink | None = None

    @property
    def is_added(self) -> bool:
        """Tell whether it shows the beginning of a line that a patch adds."""
        return bool(self.line) and self.text.plain.startswith("+")


@dataclass(frozen=True)
class Screen:
    """Blocks that rich prints at whatever width its console has."""

    page: Sequence[Block]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from (row.text for row in rows(self.page, options.max_width, dark=False))


def rows(page: Sequence[Block], width: int, *, dark: bool = True) -> list[Row]:
    """Return a page's rows, none wider than `width` cells; without `dark`, for any ground."""
    width = max(1, width)
    console = Console(width=width, color_system=None, force_terminal=True, legacy_windows=False)
    found: list[Row] = []
    for block in page:
        match block:
            case blocks.Output(text, bad):
                style = ("#ff8a80" if dark else "red") if bad else ""
                for line in visible_lines(text):
                    parts = enumerate(_fold_line(line, width))
                    found += [Row(Text(part, style), goes_on=at > 0) for at, part in parts]
            case blocks.Diff(text):
                found += _diff(text, width, dark=dark)
            case blocks.Fold(title, inside):
                found += rows((blocks.Heading(plain_words(title), 3), *inside), width, dark=dark)[
                    :-1
                ]
            case _:
                for segments in console.render_lines(_renderable(block), pad=False):
                    links = [one.style.meta.get("link") for one in segments if one.style]
                    pieces = [(one.text, one.style or "") for one in segments if not one.control]
                    assembled = Text.assemble(*pieces, no_wrap=True)
                    found.append(Row(assembled, link=next(filter(None, links), None)))
        found.append(Row(Text("")))
    return found


def _renderable(
    block: blocks.Heading | blocks.Paragraph | blocks.Bullets | blocks.Table,
) -> RenderableType:
    match block:
        case blocks.Heading(text, level):
            return Text(one_line(text), style="bold reverse" if level == 1 else "bold")
        case blocks.Paragraph(words):
            return text_of(words)
        case blocks.Bullets(items):
            grid = Grid.grid(padding=(0, 1))
            for item in items:
                grid.add_row("•", text_of(item))
        case blocks.Table(columns, lines, kind):
            grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
            names = [text_of((column,)) for column in columns]
            texts = [[text_of(words) for words in line] for line in lines]
            for at, name in enumerate(names):
                widest = max([name.cell_len, *(line[at].cell_len for line in texts)])
                right = kind == "numbers" and at > 0
                grid.add_column(name, no_wrap=widest <= WHOLE, justify="right" if right else "left")
            for line in texts:
                grid.add_row(*line)
    return grid


def text_of(words: Words) -> Text:
    """Return words in their colours."""
    text = Text(overflow="fold")
    for piece in words:
        match piece:
            case blocks.Code(code):
                text.append(one_line(code), "cyan")
            case blocks.Marked(marked, kinds):
                text.append(inline(marked), style_of(kinds))
            case blocks.StepLink():
                text.append(piece.text, Style(meta={"link": piece}))
            case str():
                text.append(inline(piece))
    return text


def style_of(kinds: str) -> str:
    """Return the colour of kinds, "" for those that have none."""
    return " ".join(filter(None, (STYLES.get(kind, "") for kind in kinds.split())))


def _fold_line(line: str, width: int) -> list[str]:
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


def _diff(patch: str, width: int, *, dark: bool) -> Iterator[Row]:
    lines = patch_lines(patch)
    places = list(_places(lines))
    code = _highlight(lines, places) if dark and len(patch) <= HIGHLIGHTED else {}
    styles = ON_DARK if dark else ON_ANY
    for number, (line, (path, sign)) in enumerate(zip(lines, places, strict=True)):
        text = Text(style=styles.get(sign, "" if sign else "bold"))
        if number in code:
            text.append(line[:1], {"+": "bold green", "-": "bold red"}.get(sign, ""))
            text.append_text(code[number])
        else:
            text.append(line)
        text.expand_tabs(TAB)
        changed = line[1:] if sign in ("+", "-") else ""
        parts = enumerate(_fold_text(text, width))
        yield from (Row(part, path, changed, at > 0) for at, part in parts)


def _places(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield for each line of a patch its file and, within a hunk, the sign that it begins with."""
    path, in_hunk = "", False
    for line in lines:
        if line.startswith("diff ") or (not in_hunk and line.startswith(("--- ", "+++ "))):
            in_hunk = False
            if line.startswith("+++ "):
                path = line[4:].removeprefix("b/")
        elif line.startswith("@@"):
            in_hunk = True
        yield path, (line[:1] or " ") if in_hunk else ""


def _fold_text(text: Text, width: int) -> list[Text]:
    if cell_len(text.plain) <= width:
        return [text]
    cuts, at = [], 0
    for part in chop_cells(text.plain, width)[:-1]:
        at += len(part)
        cuts.append(at)
    return list(text.divide(cuts))


def _highlight(lines: Sequence[str], places: Sequence[tuple[str, str]]) -> dict[int, Text]:
    """Return the code of a patch's hunks in colours, by the lines' numbers from 0."""
    found: dict[int, Text] = {}
    for (path, is_code), group in groupby(
        range(len(lines)), lambda number: (places[number][0], places[number][1] in ("+", "-", " "))
    ):
        numbers = list(group)
        try:
            lexer = get_lexer_for_filename(path) if is_code else None
        except ClassNotFound:
            continue
        if lexer is not None:
            code = "\n".join(lines[number][1:] for number in numbers)
            text = Syntax("", lexer, theme="ansi_dark", background_color="default").highlight(code)
            parts = map(_without_ground, text.split("\n", allow_blank=True))
            found |= dict(zip(numbers, parts, strict=False))
    return found


def _without_ground(text: Text) -> Text:
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
