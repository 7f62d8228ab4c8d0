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

from agent.inspector import step_pages, task_pages
from agent.inspector.common_tasks import Side, attempts_of
from agent.inspector.dialogs import Above
from agent.inspector.widgets import Lines, Page, StepList
from agent.show.blocks import Block
from agent.show.figures import several, spent
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
        Binding("h", "pane(-1)", show=False),
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
        self.query_one("#steps-a").focus()

    def _fill(self, number: int) -> None:
        what, side = self._sides[number], SIDES[number]
        episode = what.task.episodes[self._indexes[number]]
        self.query_one(f"#about-{side}", Static).update(_about(what, self._indexes[number]))
        self.query_one(f"#steps-{side}", StepList).show(episode)
        self._show_step(number)

    def _show_step(self, number: int) -> None:
        steps = self.query_one(f"#steps-{SIDES[number]}", StepList)
        page = self.query_one(f"#page-{SIDES[number]}", Page)
        if steps.episode is not None and steps.number:
            label = steps.episode.about.label
            page.show(step_pages.step_page(steps.episode.step(steps.number), label))

    def on_lines_moved(self, event: Lines.Moved) -> None:
        """Show the step under a cursor."""
        for number, side in enumerate(SIDES):
            if event.lines.id == f"steps-{side}":
                self._show_step(number)

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        """Go to the step's page."""
        self.query_one(f"#page-{str(event.lines.id)[-1]}").focus()

    def action_both(self, way: int) -> None:
        """Move both cursors."""
        for side in SIDES:
            steps = self.query_one(f"#steps-{side}", StepList)
            steps.put(steps.cursor + way)

    @property
    def side(self) -> int:
        """The side that has the focus."""
        return 1 if str(self.focused.id if self.focused else "").endswith("-b") else 0

    def action_episode(self, way: int) -> None:
        """Show another attempt on this side."""
        number = self.side
        places = attempts_of(self._sides[number].task)
        if self._sides[0].task is self._sides[1].task:
            places = [place for place in places if place != self._indexes[1 - number]]
        at = places.index(self._indexes[number]) + way
        self._indexes[number] = places[at % len(places)]
        self._fill(number)

    def action_pane(self, way: int) -> None:
        """Go to the other side: from steps to steps, from page to page."""
        kind = "page" if isinstance(self.focused, Page) else "steps"
        self.query_one(f"#{kind}-{SIDES[1 if way > 0 else 0]}").focus()

    def action_difference(self) -> None:
        """Show how the patches of the two differ."""
        found = [
            task_pages.patch_of(what.task.record, what.task.episodes[index].about.number)
            for what, index in zip(self._sides, self._indexes, strict=True)
        ]
        one, other = found
        if one is None or other is None:
            self.notify("one of the two left no patch", markup=False)
            return
        names = [
            what.called(f"candidate {patch.id}")
            for what, patch in zip(self._sides, (one, other), strict=True)
        ]
        self.app.push_screen(Above(task_pages.two_patches((names[0], one), (names[1], other))))

    def action_sent(self) -> None:
        """Show the messages as they were sent for the step on this side."""
        steps = self.query_one(f"#steps-{SIDES[self.side]}", StepList)
        if steps.episode is not None and steps.number:
            sent = steps.episode.sent(steps.number)
            label = steps.episode.about.label
            self.app.push_screen(Above(step_pages.sent_page(sent, label, steps.number)))

    @property
    def shown(self) -> Sequence[Block]:
        """The step on the side that has the focus."""
        return self.query_one(f"#page-{SIDES[self.side]}", Page).page


def _about(what: Side, index: int) -> Text:
    task, episode = what.task, what.task.episodes[index]
    about = episode.about
    text = Text()
    text.append(one_line(what.called(about.label), 200), "bold")
    if what.run != task.id:
        text.append(f" · {one_line(task.id, 100)}")
    resolved = {True: " · resolved", False: " · not resolved", None: ""}[task.resolved]
    status = f" · {task.record.result.status}" if task.record.result else ""
    text.append(f"\n{about.model} · {several(len(episode), 'step')}{resolved}{status}")
    used = f"{spent(about.usage)} · " if about.usage else ""
    text.append(f"\n{used}{one_line(about.end or 'no end yet', 100)}")
    return text
