"""Two attempts side by side: of one task, or of one task in two runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Footer, Static

from agent.inspector import task_pages
from agent.inspector.common_tasks import Side, attempts_of
from agent.inspector.dialogs import Above
from agent.inspector.step_list import StepList
from agent.inspector.titles import with_dots
from agent.inspector.widgets import Lines, Page
from agent.show.blocks import Block, Marked, Piece
from agent.show.figures import several, spent
from agent.show.terminal import text_of
from agent.show.terminal_safe import one_line

SIDES = ("a", "b")


class CompareScreen(Screen[None]):
    """Two columns: what an attempt was, its steps, and the step under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,escape", "app.back", "back"),
        Binding("question_mark", "app.help", "help"),
        Binding("J", "both(1)", "both on"),
        Binding("K", "both(-1)", "both back"),
        Binding("left_square_bracket", "episode(-1)", show=False),
        Binding("right_square_bracket", "episode(1)", "attempt"),
        Binding("d", "difference", "diff patches"),
        Binding("m", "sent", "sent"),
        Binding("h", "pane(0)", show=False),
        Binding("l", "pane(1)", show=False),
        Binding("y", "app.copy", "copy", show=False),
        Binding("o", "app.edit", "editor", show=False),
    ]

    def __init__(self, one: Side, other: Side, indexes: tuple[int, int] = (0, 0)) -> None:
        super().__init__()
        self._sides = (one, other)
        self._indexes = list(indexes)

    def compose(self) -> ComposeResult:
        """Lay out both sides."""
        with Horizontal(classes="compare"):
            for side in SIDES:
                with Vertical(classes="side"):
                    yield Static("", id=f"about-{side}", classes="about", markup=False)
                    yield StepList(id=f"steps-{side}")
                    yield Page(id=f"page-{side}")
        yield Footer()

    def on_mount(self) -> None:
        """Show both attempts from their first steps."""
        for number in (0, 1):
            self._fill(number)
        self._steps(0).focus()

    def _steps(self, number: int) -> StepList:
        return self.query_one(f"#steps-{SIDES[number]}", StepList)

    def _page(self, number: int) -> Page:
        return self.query_one(f"#page-{SIDES[number]}", Page)

    def _fill(self, number: int) -> None:
        side, index = self._sides[number], self._indexes[number]
        self.query_one(f"#about-{SIDES[number]}", Static).update(_title(side, index))
        self._steps(number).show(side.task.episodes[index])
        self._page(number).show(self._steps(number).step_page())

    def on_lines_moved(self, event: Lines.Moved) -> None:
        """Show the step under a cursor."""
        for number in (0, 1):
            if event.lines is self._steps(number):
                self._page(number).show(self._steps(number).step_page())

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        """Go to the step's page."""
        self._page(int(event.lines is self._steps(1) or event.lines is self._page(1))).focus()

    def action_both(self, way: int) -> None:
        """Move both cursors."""
        for number in (0, 1):
            self._steps(number).put(self._steps(number).cursor + way)

    @property
    def side(self) -> int:
        """The number of the side that has the focus."""
        return int(self.focused in (self._steps(1), self._page(1)))

    def action_episode(self, way: int) -> None:
        """Show another attempt on this side."""
        number = self.side
        indexes = attempts_of(self._sides[number].task)
        if self._sides[0].task is self._sides[1].task:
            indexes = [index for index in indexes if index != self._indexes[1 - number]]
        at = indexes.index(self._indexes[number]) + way
        self._indexes[number] = indexes[at % len(indexes)]
        self._fill(number)

    def action_pane(self, number: int) -> None:
        """Go to a side: from steps to steps, from page to page."""
        (self._page if isinstance(self.focused, Page) else self._steps)(number).focus()

    def action_difference(self) -> None:
        """Show how the patches of the two differ."""
        named = []
        for side, index in zip(self._sides, self._indexes, strict=True):
            attempt = side.task.episodes[index].about.number
            patch = task_pages.patch_of(side.task.record, attempt)
            if patch is None:
                self.notify("one of the two left no patch", markup=False)
                return
            named.append((side.called(f"candidate {patch.id}"), patch))
        self.app.push_screen(Above(task_pages.two_patches(*named)))

    def action_sent(self) -> None:
        """Show the messages as they were sent for the step on this side."""
        page = self._steps(self.side).sent_page()
        if page:
            self.app.push_screen(Above(page))

    @property
    def current_page(self) -> Sequence[Block]:
        """The step on the side that has the focus."""
        return self._page(self.side).page


def _title(side: Side, index: int) -> Text:
    """Return what an attempt was, in three lines."""
    task, episode = side.task, side.task.episodes[index]
    about = episode.about
    name: list[Piece] = [Marked(one_line(side.called(about.label), 200), "label")]
    name += [one_line(task.id, 100)] if side.run != task.id else []
    facts: list[Piece] = [about.model, several(len(episode), "step")]
    if task.resolved is not None:
        facts.append("resolved" if task.resolved else "not resolved")
    facts += [task.record.result.status] if task.record.result else []
    end: list[Piece] = [spent(about.usage)] if about.usage else []
    end.append(one_line(about.end or "no end yet", 100))
    return Text("\n").join(text_of(with_dots(line)) for line in (name, facts, end))
