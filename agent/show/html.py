"""Blocks as HTML, and pages of it that need nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from agent.errors import UserError, from_os_error
from agent.show import blocks
from agent.show.blocks import Block, Words, plain_words
from agent.show.terminal_safe import inline, one_line, patch_lines, visible_lines
from agent.trajectory.durable_files import write_whole
from tools.clip import clip

LONGEST = 20_000
"""Characters of one text; a page with all of a run must open on a phone."""
HEAD = 1000
"""Bytes from the start of a file among which a page of ours says that it is one."""


@dataclass(frozen=True)
class PageKind:
    """A kind of page: the package whose `page.html.j2` it fills, what writes it, what it is."""

    package: str
    generator: str
    name: str

    def refuse_foreign(self, path: Path) -> None:
        """Raise UserError unless nothing is at `path`, or a page of this kind."""
        remedy = "name another file with --html"
        if not path.parent.is_dir():
            raise UserError(f"there is no folder {path.parent}", remedy)
        try:
            if not path.exists():
                return
            if not path.is_file():
                raise UserError(f"{path} is not a file", remedy)
            with path.open("rb") as file:
                head = file.read(HEAD)
        except OSError as error:
            raise from_os_error(error) from error
        if head and f'content="{self.generator}"'.encode() not in head:
            raise UserError(f"{path} is there and is no {self.name} of repair-agent's", remedy)

    def fill(self, **values: Any) -> str:
        """Return the page with values in it; all but `Markup` is escaped."""
        environment = Environment(
            loader=PackageLoader(self.package, ""),
            undefined=StrictUndefined,
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        template = environment.get_template("page.html.j2")
        return template.render(values, generator=self.generator)

    def write(self, path: Path, text: str) -> None:
        """Write a page in place of what `refuse_foreign` lets be replaced."""
        self.refuse_foreign(path)
        write_whole(path, text.encode("utf-8", "backslashreplace"))


def to_html(page: Iterable[Block], above: int = 2) -> Markup:
    """Return blocks as HTML, with headings below so many levels; long texts are clipped."""
    return Markup("\n").join(_html(block, above) for block in page)


def _html(block: Block, above: int) -> Markup:
    match block:
        case blocks.Heading(text, level):
            return _element(f"h{min(6, level + above)}", one_line(text))
        case blocks.Paragraph(words):
            return _element("p", _inline(words))
        case blocks.Bullets(items):
            return _element("ul", _join(_element("li", _inline(item)) for item in items))
        case blocks.Table():
            return _table(block)
        case blocks.Diff() | blocks.Output():
            return _preformatted(block)
        case blocks.Fold(title, page, is_open, kinds):
            content = _element("summary", _inline(title)) + to_html(page, above)
            return _element("details", content, kinds, " open" * is_open)


def _element(tag: str, inside: str, kinds: str = "", attributes: str = "") -> Markup:
    """Return an element; `inside` is escaped unless it is Markup, `attributes` are our own."""
    named = Markup(' class="{}"').format(kinds) if kinds else ""
    return Markup("<{0}{1}{2}>{3}</{0}>").format(
        Markup(tag), named, Markup(attributes), escape(inside)
    )


def _join(parts: Iterable[Markup]) -> Markup:
    return Markup("").join(parts)


def _table(table: blocks.Table) -> Markup:
    names = (_element("th", _inline((name,)), "", ' scope="col"') for name in table.columns)
    head = _element("thead", _element("tr", _join(names)))
    lines = (_element("tr", _join(_cells(line, table.kind))) for line in table.rows)
    body = _element("tbody", _join(lines))
    return _element("div", _element("table", head + body, table.kind), f"wide {table.kind}".strip())


def _cells(line: tuple[Words, ...], kind: str) -> Iterable[Markup]:
    for number, cell in enumerate(line):
        if kind == "numbers" and number == 0:
            yield _element("th", _inline(cell), "", ' scope="row"')
        else:
            yield _element("td", _inline(cell))


def _inline(words: Words) -> Markup:
    return _join(map(_piece, words))


def _piece(piece: blocks.Piece) -> Markup:
    match piece:
        case blocks.Code(text):
            return _element("code", one_line(text))
        case blocks.Marked(text, kinds, hint):
            title = Markup(' title="{}"').format(one_line(hint, 300)) if hint else ""
            return _element("span", inline(text), kinds, title)
    return escape(inline(plain_words((piece,))))


def _preformatted(block: blocks.Diff | blocks.Output) -> Markup:
    text = clip(block.text, LONGEST)
    if isinstance(block, blocks.Diff):
        return _element("pre", Markup("\n").join(map(_diff_line, patch_lines(text))), "diff")
    return _element("pre", "\n".join(visible_lines(text)), "bad" * block.bad)


def _diff_line(line: str) -> Markup:
    kind = {"+": "add", "-": "del", "@": "at"}.get(line[:1], "")
    if line.startswith(("+++", "---", "diff ", "index ")):
        kind = "head"
    return _element("span", line, kind) if kind else escape(line)
