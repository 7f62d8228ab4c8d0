"""What the screens are made of: rows with a cursor, and pages that scroll by lines.

Textual's own lists measure every row before the first is shown, for which all steps of a run would
have to be read: here only the rows in view are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from agent.inspector.search import SHORT, Spot
from agent.show.blocks import Block, StepLink
from agent.show.markdown import markdown
from agent.show.terminal import Row, rows
from agent.show.terminal_safe import one_line

HIGHLIGHT = "black on yellow"
FOLDED = Segment("↩", Style(dim=True))
"""Stands at the end of a row whose line goes on in the next."""
CUT = Segment("…", Style(dim=True))


def moves(**more: str) -> list[BindingType]:
    """Return the keys that move in every list and page, and more of them, each with its action."""
    keys = {"j": "cursor_down", "k": "cursor_up", "ctrl+d": "page_down", "ctrl+u": "page_up"}
    return [Binding(key, action, show=False) for key, action in (keys | more).items()]


class Lines(ScrollView, can_focus=True):
    """Rows with a cursor, of which only those in view are made."""

    BINDINGS: ClassVar[list[BindingType]] = moves(
        g="first", G="last", down="cursor_down", up="cursor_up", home="first", end="last",
        pagedown="page_down", space="page_down", pageup="page_up",
    )  # fmt: skip
    cursor: reactive[int] = reactive(0, repaint=False)
    _ground = Style()

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, lines: Lines) -> None:
            super().__init__()
            self.lines = lines

        @property
        def control(self) -> Lines:
            """The rows."""
            return self.lines

    class Chosen(Moved):
        """A row was chosen, with Enter or by a second click."""

    @property
    def count(self) -> int:
        """The number of rows."""
        raise NotImplementedError

    def row(self, number: int) -> Text:
        """Return the text of a row, counted from 0."""
        raise NotImplementedError

    def is_folded(self, number: int) -> bool:
        """Tell whether the line of a row goes on in the next, which is marked."""
        return False

    def update_size(self) -> None:
        """Take in that there are more rows or fewer."""
        self.virtual_size = Size(self.inner_width, self.count)
        if self.cursor >= self.count:
            self.cursor = max(0, self.count - 1)
        self.refresh()

    @property
    def inner_width(self) -> int:
        """The cells of a row."""
        return max(1, self.scrollable_content_region.width)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Make the rows in view; the style of the ground, which takes longest, once for all."""
        self._ground = self.rich_style
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Make one row in view."""
        number, width = y + self.scroll_offset.y, self.inner_width
        if number >= self.count:
            return Strip.blank(width, self._ground)
        text, folded = self.row(number), self.is_folded(number)
        strip = Strip(text.render(self.app.console), text.cell_len).adjust_cell_length(width)
        if folded or text.cell_len > width:
            strip = Strip([*strip.crop(0, width - 1), FOLDED if folded else CUT], width)
        strip = strip.apply_style(self._ground)
        if number != self.cursor:
            return strip
        focused = Style(reverse=True) if self.has_focus else Style(bold=True, underline=True)
        return strip.apply_style(focused)

    def watch_cursor(self, before: int, now: int) -> None:
        """Keep the cursor in view."""
        self.scroll_to_region(Region(0, now, 1, 1), animate=False, force=True, x_axis=False)
        self.refresh_line(before)
        self.refresh_line(now)
        self.post_message(self.Moved(self))

    def put(self, number: int) -> None:
        """Move the cursor to a row, or to the nearest that there is."""
        self.cursor = max(0, min(number, self.count - 1))

    def action_cursor_down(self) -> None:
        self.put(self.cursor + 1)

    def action_cursor_up(self) -> None:
        self.put(self.cursor - 1)

    def action_first(self) -> None:
        self.put(0)

    def action_last(self) -> None:
        self.put(self.count - 1)

    def action_page_down(self) -> None:
        self._turn_page(1)

    def action_page_up(self) -> None:
        self._turn_page(-1)

    def _turn_page(self, way: int) -> None:
        page = way * max(1, self.size.height - 1)
        self.scroll_relative(y=page, animate=False, force=True)
        self.put(self.cursor + page)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is; choose the row by clicking it twice."""
        number = event.y + self.scroll_offset.y
        if number < self.count:
            self.put(number)
            if event.chain == 2:
                self.key_enter()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def key_enter(self) -> None:
        """Choose the row."""
        self.post_message(self.Chosen(self))


class Page(Lines):
    """Blocks, to be read; words that were searched for are marked."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.page: Sequence[Block] = ()
        self._rows: list[Row] = []
        self._width = 0
        self.words = ""
        self._sought = ""
        self._of: object = None

    def show(self, page: Sequence[Block], of: object = None) -> None:
        """Show other blocks from their beginning; those `of` the same thing again where it was."""
        keep = of is not None and of == self._of
        self.page, self._of = page, of
        self._sought = self._sought if keep else ""
        self._width = 0
        self._lay_out()
        if not keep:
            self.cursor = 0
            self.scroll_home(animate=False, force=True)

    def _lay_out(self) -> None:
        width = self.inner_width
        if width != self._width:
            self._width = width
            self._rows = rows(self.page, width - 1)  # the last cell is for FOLDED
            self.update_size()

    def on_resize(self) -> None:
        """Fold the lines anew; the cursor stays on what was sought, or about where it was."""
        before, width = self.count, self._width
        self._lay_out()
        if width != self._width and before:
            at, sought = self.cursor, self._sought
            self.put(0 if sought else at * self.count // before)
            if sought:
                self.find(sought)

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self._rows)

    def row(self, number: int) -> Text:
        """Return a row, with the words marked."""
        text = self._rows[number].text
        if self.words and self.words.lower() in text.plain.lower():
            text = text.copy()
            text.highlight_words([self.words], HIGHLIGHT, case_sensitive=False)
        return text

    def is_folded(self, number: int) -> bool:
        """Tell whether the line of a row goes on in the next."""
        return number + 1 < self.count and self._rows[number + 1].goes_on

    @property
    def text(self) -> str:
        """The page as text, to be copied."""
        return markdown(self.page)

    @property
    def at_cursor(self) -> Row | None:
        """The row under the cursor."""
        return self._rows[self.cursor] if self._rows else None

    @property
    def changed_line(self) -> Row | None:
        """The changed line of a patch under the cursor, or else the nearest added one."""
        changed = [number for number, row in enumerate(self._rows) if row.line.strip()]
        if not changed:
            return None
        if self.cursor not in changed:
            added = [number for number in changed if self._rows[number].is_added]
            changed = added or changed
        return self._rows[min(changed, key=lambda number: abs(number - self.cursor))]

    @property
    def link(self) -> StepLink | None:
        """The step that the line under the cursor names; a table's line may go on in rows below."""
        for row in reversed(self._rows[: self.cursor + 1]):
            if row.link or not row.text.plain:
                return row.link
        return None

    def find(self, words: str, way: int = 1) -> bool:
        """Mark words and go to the next row that holds them, round the end; tell whether any."""
        self.words = words
        self.refresh()
        numbers = [number for number, _ in self._lines_with(words)] if words else []
        if not numbers:
            return False
        later = [number for number in numbers if (number - self.cursor) * way > 0]
        self._put_sought(sorted(later or numbers, reverse=way < 0)[0], words)
        return True

    def find_spot(self, spot: Spot) -> None:
        """Mark words and go to a spot where they stand."""
        self.words = spot.words
        self.refresh()
        found = self._lines_with(spot.words)
        alike = [number for number, line in found if one_line(line, SHORT) == spot.line]
        if alike:
            self._put_sought(alike[min(spot.same, len(alike) - 1)], spot.words)
        elif found:
            self._put_sought(found[min(spot.nth, len(found) - 1)][0], spot.words)

    def _put_sought(self, number: int, words: str) -> None:
        self.put(number)
        self._sought = words

    def _lines_with(self, words: str) -> list[tuple[int, str]]:
        """Return the lines that hold words: the row in which these begin, and the whole line."""
        found: list[tuple[int, str]] = []
        start = 0
        while start < self.count:
            end = start + 1
            while end < self.count and self._rows[end].goes_on:
                end += 1
            parts = [row.text.plain for row in self._rows[start:end]]
            line = "".join(parts)
            at = line.lower().find(words.lower())
            if at >= 0:
                ends = accumulate(map(len, parts))
                number = next((n for n, length in enumerate(ends) if at < length), 0)
                found.append((start + number, line))
            start = end
        return found
