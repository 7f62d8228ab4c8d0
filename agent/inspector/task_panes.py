"""The six tabs about one task: why its patch won, steps, patches, matrix, cost, issue."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import DataTable, Footer, OptionList, Static, TabbedContent, TabPane
from textual.widgets.option_list import Option

from agent.inspector import task_pages
from agent.inspector.costs import costs_page
from agent.inspector.dialogs import MovableList
from agent.inspector.episode import Episode
from agent.inspector.matrix_tables import CandidateTable, CheckTable
from agent.inspector.opened_run import OpenedTask
from agent.inspector.search import Tab
from agent.inspector.step_list import StepList
from agent.inspector.titles import episode_words, task_words
from agent.inspector.widgets import Lines, Page
from agent.show.blocks import Block, Paragraph, Piece
from agent.show.terminal import text_of

TABS: tuple[Tab, ...] = get_args(Tab)
NO_PATCH = Paragraph(("No patch was handed in, or not yet.",))
PANES: dict[Tab, tuple[str, ...]] = {
    "why": ("why-page",),
    "steps": ("episodes", "steps-list", "step-page"),
    "patches": ("candidates", "patch-page"),
    "matrix": ("checks", "check-page"),
    "cost": ("cost-page",),
    "issue": ("issue-page",),
}
"""What can be moved in, tab by tab, from left to right; the last one is the tab's page."""
BY_ITSELF: dict[Tab, Callable[[OpenedTask], list[Block]]] = {
    "why": task_pages.overview,
    "cost": costs_page,
    "issue": task_pages.issue_page,
}
"""The pages that follow from the task alone."""


class TaskPanes(Screen[None]):
    """Six tabs about one task, and what each shows."""

    def __init__(self, task: OpenedTask) -> None:
        super().__init__()
        self.opened = task
        self._index = 0
        self._words = ""
        self._filled: set[str] = set()

    def compose(self) -> ComposeResult:
        """Lay out the tabs."""
        titles = [f"{number} {tab.capitalize()}" for number, tab in enumerate(TABS, 1)]
        yield Static("", id="title", markup=False)
        with TabbedContent(id="tabs"):
            with TabPane(titles[0], id="why"):
                yield Page(id="why-page")
            with TabPane(titles[1], id="steps"), Horizontal(classes="sides"):
                with Vertical(classes="left"):
                    yield MovableList(id="episodes")
                    yield StepList(id="steps-list")
                yield Page(id="step-page")
            with TabPane(titles[2], id="patches"), Horizontal(classes="sides"):
                yield CandidateTable(id="candidates", cursor_type="row", zebra_stripes=True)
                yield Page(id="patch-page")
            with TabPane(titles[3], id="matrix"), Vertical(classes="stack"):
                yield CheckTable(id="checks", cursor_type="cell", fixed_columns=1)
                yield Page(id="check-page")
            with TabPane(titles[4], id="cost"):
                yield Page(id="cost-page")
            with TabPane(titles[5], id="issue"):
                yield Page(id="issue-page")
        yield Footer()

    def on_mount(self) -> None:
        """Show why the patch won."""
        self._fill()
        self.page_of("why").focus()

    @property
    def episode(self) -> Episode | None:
        """The attempt that is looked at."""
        episodes = self.opened.episodes
        return episodes[self._index] if self._index < len(episodes) else None

    @property
    def tab(self) -> Tab:
        """The tab in front."""
        active = self.query_one(TabbedContent).active
        return next((one for one in TABS if one == active), "why")

    def page_of(self, tab: Tab) -> Page:
        """Return the page of a tab."""
        return self.query_one(f"#{PANES[tab][-1]}", Page)

    @property
    def steps(self) -> StepList:
        """The list of the attempt's steps."""
        return self.query_one(StepList)

    @property
    def episodes(self) -> OptionList:
        """The list of the task's attempts."""
        return self.query_one(MovableList)

    def set_title(self, *more: Piece) -> None:
        """Show what the task came to, and more behind it."""
        self.query_one("#title", Static).update(text_of(task_words(self.opened, *more)))

    def _fill(self) -> None:
        self.set_title()
        self._list_episodes()
        self._filled.clear()
        self._fill_tab("why")
        self._fill_tab(self.tab)

    def _list_episodes(self) -> None:
        self.episodes.clear_options()
        self.episodes.add_options(
            Option(text_of(episode_words(one.about, len(one)))) for one in self.opened.episodes
        )
        if self.opened.episodes:
            self._index = min(self._index, len(self.opened.episodes) - 1)
            self.episodes.highlighted = self._index
            if self.steps.episode is not self.episode:
                self.steps.show(self.episode)
                self._show_step()

    def _fill_tab(self, tab: Tab) -> None:
        """Fill a tab when it is first looked at."""
        if tab in self._filled:
            return
        self._filled.add(tab)
        if tab in BY_ITSELF:
            self.page_of(tab).show(BY_ITSELF[tab](self.opened), of=self.opened.id)
        elif tab == "patches":
            self.query_one(CandidateTable).show(self.opened)
            if not self.opened.record.candidates:
                self.page_of(tab).show([NO_PATCH])
        elif tab == "matrix":
            self.query_one(CheckTable).show(self.opened)

    def on_tabbed_content_tab_activated(self) -> None:
        """Let the keys move in the tab that is in front."""
        self._fill_tab(self.tab)
        self._focus_first()

    def _focus_first(self) -> None:
        panes = self._panes
        if not any(pane.has_focus for pane in panes):
            self.set_focus(panes[1 if self.tab == "steps" else 0], scroll_visible=False)

    @property
    def _panes(self) -> list[Widget]:
        return [self.query_one(f"#{name}") for name in PANES[self.tab]]

    def action_tab(self, tab: Tab) -> None:
        """Bring a tab to the front."""
        self._fill_tab(tab)
        self.query_one(TabbedContent).active = tab
        # At once: a hidden widget that has the focus hands it to its neighbour, whose tab comes up.
        self._focus_first()

    def action_pane(self, way: int) -> None:
        """Go to the pane beside."""
        panes = self._panes
        at = next((n for n, pane in enumerate(panes) if pane.has_focus), 0)
        panes[max(0, min(at + way, len(panes) - 1))].focus()

    @on(OptionList.OptionHighlighted, "#episodes")
    def _show_episode(self, event: OptionList.OptionHighlighted) -> None:
        if event.option_index != self._index:
            self._index = event.option_index
            self.steps.show(self.episode)
            self._show_step()

    def action_episode(self, way: int) -> None:
        """Go to the attempt beside."""
        count = len(self.opened.episodes)
        if count:
            self.action_tab("steps")
            self.episodes.highlighted = (self._index + way) % count

    @on(Lines.Moved, "#steps-list")
    def _show_step(self) -> None:
        page = self.page_of("steps")
        page.words = self._words
        page.show(self.steps.step_page(), of=(self.episode, self.steps.number))

    @on(DataTable.RowHighlighted)
    @on(DataTable.CellHighlighted)
    def _show_record(self, event: DataTable.RowHighlighted | DataTable.CellHighlighted) -> None:
        self.show_record(event.data_table)

    def show_record(self, table: Widget) -> None:
        """Show the patch or the check under a table's cursor."""
        if isinstance(table, CandidateTable) and table.record is not None:
            page = task_pages.candidate_page(self.opened, table.record)
            self.page_of("patches").show(page, of=table.record.id)
        elif isinstance(table, CheckTable) and table.record is not None:
            page = task_pages.check_page(self.opened, table.record)
            self.page_of("matrix").show(page, of=table.record.id)
