"""What the screens are made of: pages that scroll by lines, and the list of an episode's steps."""

from __future__ import annotations

from collections.abc import Sequence
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

from agent.inspector.episode import Episode, Step
from agent.inspector.rows import Row, rows
from agent.inspector.search import SHORT, Spot
from agent.show.blocks import Block, markdown
from agent.show.figures import duration, money
from agent.show.terminal_safe import one_line

MARKED = "black on yellow"
FOLDED = Segment("↩", Style(dim=True))
"""Stands at the end of a row whose line goes on in the next."""
CUT = Segment("…", Style(dim=True))
MOVES: list[BindingType] = [
    Binding("j,down", "down", "down", show=False),
    Binding("k,up", "up", "up", show=False),
    Binding("g,home", "top", "top", show=False),
    Binding("G,end", "bottom", "bottom", show=False),
    Binding("ctrl+d,pagedown,space", "page(1)", "page down", show=False),
    Binding("ctrl+u,pageup", "page(-1)", "page up", show=False),
]


class Lines(ScrollView, can_focus=True):
    """Rows with a cursor, of which only those in view are made."""

    BINDINGS: ClassVar[list[BindingType]] = MOVES
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

    def row(self, place: int) -> Text:
        """Return the text of a row."""
        raise NotImplementedError

    def folded(self, place: int) -> bool:
        """Tell whether the line of a row goes on in the next, which is marked."""
        return False

    def grown(self) -> None:
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
        place, width = y + self.scroll_offset.y, self.inner_width
        if place >= self.count:
            return Strip.blank(width, self._ground)
        text = self.row(place)
        strip = Strip(text.render(self.app.console), text.cell_len)
        strip = strip.adjust_cell_length(width)
        if self.folded(place) or text.cell_len > width:
            end = FOLDED if self.folded(place) else CUT
            strip = Strip([*strip.crop(0, width - 1), end], width)
        strip = strip.apply_style(self._ground)
        if place == self.cursor and self.has_focus:
            strip = strip.apply_style(Style(reverse=True))
        elif place == self.cursor:
            strip = strip.apply_style(Style(bold=True, underline=True))
        return strip

    def watch_cursor(self, before: int, now: int) -> None:
        """Keep the cursor in view."""
        self.scroll_to_region(Region(0, now, 1, 1), animate=False, force=True, x_axis=False)
        self.refresh_line(before)
        self.refresh_line(now)
        self.post_message(self.Moved(self))

    def put(self, place: int) -> None:
        """Move the cursor to a row, or to the nearest that there is."""
        self.cursor = max(0, min(place, self.count - 1))

    def action_down(self) -> None:
        """Go to the next row."""
        self.put(self.cursor + 1)

    def action_up(self) -> None:
        """Go to the row before."""
        self.put(self.cursor - 1)

    def action_top(self) -> None:
        """Go to the first row."""
        self.put(0)

    def action_bottom(self) -> None:
        """Go to the last row."""
        self.put(self.count - 1)

    def action_page(self, way: int) -> None:
        """Go on or back by what fits on the screen."""
        page = way * max(1, self.size.height - 1)
        self.scroll_relative(y=page, animate=False, force=True)
        self.put(self.cursor + page)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is; choose the row by clicking it twice."""
        place = event.y + self.scroll_offset.y
        if place < self.count:
            self.put(place)
            if event.chain == 2:
                self.post_message(self.Chosen(self))

    def on_focus(self) -> None:
        """Show the cursor as the one that moves."""
        self.refresh()

    def on_blur(self) -> None:
        """Show the cursor as one that waits."""
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
        self._lay()
        if not keep:
            self.cursor = 0
            self.scroll_home(animate=False, force=True)

    def _lay(self) -> None:
        width = self.inner_width
        if width != self._width:
            self._width = width
            self._rows = rows(self.page, width - 1)  # the last cell is for FOLDED
            self.grown()

    def on_resize(self) -> None:
        """Fold the lines anew; the cursor stays on what was sought, or about where it was."""
        before, width = self.count, self._width
        self._lay()
        if width != self._width and before:
            at, sought = self.cursor, self._sought
            self.put(0 if sought else at * self.count // before)
            if sought:
                self.find(sought)

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self._rows)

    def row(self, place: int) -> Text:
        """Return a row, with the words marked."""
        text = self._rows[place].text
        if self.words and self.words.lower() in text.plain.lower():
            text = text.copy()
            text.highlight_words([self.words], MARKED, case_sensitive=False)
        return text

    def folded(self, place: int) -> bool:
        """Tell whether the line of a row goes on in the next."""
        return place + 1 < self.count and self._rows[place + 1].goes_on

    @property
    def at_cursor(self) -> Row | None:
        """The row under the cursor."""
        return self._rows[self.cursor] if self._rows else None

    @property
    def changed_line(self) -> Row | None:
        """The changed line of a patch under the cursor, or else the nearest added one."""
        changed = [place for place, row in enumerate(self._rows) if row.line.strip()]
        if not changed:
            return None
        if self.cursor not in changed:
            added = [place for place in changed if self._rows[place].text.plain.startswith("+")]
            changed = added or changed
        return self._rows[min(changed, key=lambda place: abs(place - self.cursor))]

    def find(self, words: str, way: int = 1) -> bool:
        """Mark words and go to the next row that holds them, round the end; tell whether any."""
        self.words = words
        self.refresh()
        places = [place for place, _ in self._places(words.lower())] if words else []
        later = [place for place in places if (place - self.cursor) * way > 0]
        if not places:
            return False
        order = sorted(later or places, reverse=way < 0)
        self._put_sought(order[0], words)
        return True

    def find_spot(self, spot: Spot) -> None:
        """Mark words and go to a spot where they stand."""
        self.words = spot.words
        self.refresh()
        places = self._places(spot.words.lower())
        alike = [place for place, text in places if one_line(text, SHORT) == spot.line]
        if alike:
            self._put_sought(alike[min(spot.same, len(alike) - 1)], spot.words)
        elif places:
            self._put_sought(places[min(spot.nth, len(places) - 1)][0], spot.words)

    def _put_sought(self, place: int, words: str) -> None:
        self.put(place)
        self._sought = words

    def _places(self, wanted: str) -> list[tuple[int, str]]:
        """Return the rows in which lines that hold the words have them, and those lines whole."""
        found: list[tuple[int, str]] = []
        start = 0
        while start < self.count:
            end = start + 1
            while end < self.count and self._rows[end].goes_on:
                end += 1
            parts = [self._rows[place].text.plain for place in range(start, end)]
            whole = "".join(parts)
            at = whole.lower().find(wanted)
            if at >= 0:
                place = start
                while at >= len(parts[place - start]) and place + 1 < end:
                    at -= len(parts[place - start])
                    place += 1
                found.append((place, whole))
            start = end
        return found

    @property
    def text(self) -> str:
        """The page as text, to be copied."""
        return markdown(self.page)


class StepList(Lines):
    """A row for each step of an episode: what it did, what failed, what it changed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.episode: Episode | None = None
        self._known: dict[int, tuple[bool, bool, Text]] = {}
        self._latest = 0

    def show(self, episode: Episode | None) -> None:
        """Show another episode, from its first step."""
        self.episode = episode
        self._known.clear()
        self._latest = self.count
        self.cursor = 0
        self.grown()

    def take_in(self) -> None:
        """Show what was written since; the last step may have become another."""
        if self.count < self._latest:
            self._known.clear()  # it began again
        self._known.pop(self._latest, None)
        self._latest = self.count
        self.grown()

    @property
    def count(self) -> int:
        """The number of steps."""
        return len(self.episode) if self.episode is not None else 0

    @property
    def number(self) -> int:
        """The step under the cursor, counted from 1; 0 when there is none."""
        return self.cursor + 1 if self.count else 0

    def row(self, place: int) -> Text:
        """Return what a step did in a line."""
        return self._about(place + 1)[2]

    def failed(self, number: int) -> bool:
        """Tell whether something failed in a step."""
        return self._about(number)[0]

    def edits(self, number: int) -> bool:
        """Tell whether a step changed a file."""
        return self._about(number)[1]

    def _about(self, number: int) -> tuple[bool, bool, Text]:
        if number not in self._known:
            assert self.episode is not None
            step = self.episode.step(number)
            self._known[number] = (step.failed, step.edits, summary(step))
        return self._known[number]


def summary(step: Step) -> Text:
    """Return a step as one line: number, marks, time, cost, what it did."""
    text = Text(no_wrap=True, end="")
    text.append(f"{step.number:>4} ", "dim")
    text.append("✗" if step.failed else " ", "bold red" if step.failed else "")
    text.append("✎ " if step.edits else "  ", "bold green" if step.edits else "")
    seconds = (step.seconds or 0.0) + step.acting
    if seconds:
        text.append(f"{duration(seconds):>6} ", "dim")
    if step.usage is not None and step.usage.usd is not None:
        text.append(f"{money(step.usage.usd)} ", "dim")
    text.append(one_line(step.summary, 300))
    return text
