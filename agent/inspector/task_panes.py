"""The six tabs about one task: why its patch won, steps, patches, matrix, cost, issue."""

from __future__ import annotations

from typing import ClassVar, get_args

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import DataTable, Footer, OptionList, Static, TabbedContent, TabPane
from textual.widgets.option_list import Option

from agent.inspector import step_pages, task_pages
from agent.inspector.costs import costs_page
from agent.inspector.episode import Episode
from agent.inspector.matrix_tables import CandidateTable, CheckTable
from agent.inspector.opening import OpenedTask
from agent.inspector.search import Tab
from agent.inspector.titles import line_about, title_of
from agent.inspector.widgets import Lines, Page, StepList
from agent.show.blocks import Paragraph

TITLES: dict[Tab, str] = {
    "why": "1 Why", "steps": "2 Steps", "patches": "3 Patches", "matrix": "4 Matrix",
    "cost": "5 Cost", "issue": "6 Issue",
}  # fmt: skip
NO_PATCH = "No patch was handed in, or not yet."
TABS: tuple[Tab, ...] = get_args(Tab)
PANES: dict[Tab, tuple[str, ...]] = {
    "why": ("why-page",),
    "steps": ("episodes", "steps-list", "step-page"),
    "patches": ("candidates", "patch-page"),
    "matrix": ("checks", "check-page"),
    "cost": ("cost-page",),
    "issue": ("issue-page",),
}
"""What can be moved in, tab by tab, from left to right."""


class EpisodeList(OptionList):
    """The attempts of a task."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "down", show=False),
        Binding("k", "cursor_up", "up", show=False),
        Binding("g", "first", "top", show=False),
        Binding("G", "last", "bottom", show=False),
        Binding("ctrl+d", "page_down", "page down", show=False),
        Binding("ctrl+u", "page_up", "page up", show=False),
    ]


class TaskPanes(Screen[None]):
    """Six tabs about one task, and what each shows."""

    def __init__(self, task: OpenedTask) -> None:
        super().__init__()
        self.opened = task
        self._index = 0
        self._words = ""
        self._laid: set[str] = set()

    def compose(self) -> ComposeResult:
        """Lay out the tabs."""
        yield Static("", id="title", markup=False)
        with TabbedContent(id="tabs"):
            with TabPane(TITLES["why"], id="why"):
                yield Page(id="why-page")
            with TabPane(TITLES["steps"], id="steps"), Horizontal(classes="sides"):
                with Vertical(classes="left"):
                    yield EpisodeList(id="episodes")
                    yield StepList(id="steps-list")
                yield Page(id="step-page")
            with TabPane(TITLES["patches"], id="patches"), Horizontal(classes="sides"):
                yield CandidateTable(id="candidates")
                yield Page(id="patch-page")
            with TabPane(TITLES["matrix"], id="matrix"), Vertical(classes="stack"):
                yield CheckTable(id="checks")
                yield Page(id="check-page")
            with TabPane(TITLES["cost"], id="cost"):
                yield Page(id="cost-page")
            with TabPane(TITLES["issue"], id="issue"):
                yield Page(id="issue-page")
        yield Footer()

    def on_mount(self) -> None:
        """Show why the patch won."""
        self._fill()
        self.query_one("#why-page").focus()

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

    def _fill(self) -> None:
        self.query_one("#title", Static).update(title_of(self.opened))
        self.query_one("#why-page", Page).show(task_pages.overview(self.opened), of=self.opened.id)
        self._list_episodes()
        self._laid.clear()
        self._lay(self.tab)

    def _list_episodes(self) -> None:
        listed = self.query_one("#episodes", OptionList)
        listed.clear_options()
        listed.add_options(Option(line_about(one.about, len(one))) for one in self.opened.episodes)
        if self.opened.episodes:
            self._index = min(self._index, len(self.opened.episodes) - 1)
            listed.highlighted = self._index
            steps = self.query_one(StepList)
            if steps.episode is not self.episode:
                steps.show(self.episode)
                self._show_step()

    def _lay(self, tab: Tab) -> None:
        """Fill a tab when it is first looked at."""
        if tab in self._laid:
            return
        self._laid.add(tab)
        if tab == "patches":
            self.query_one(CandidateTable).show(self.opened)
            if not self.opened.record.candidates:
                self.query_one("#patch-page", Page).show([Paragraph((NO_PATCH,))])
        elif tab == "matrix":
            self.query_one(CheckTable).show(self.opened)
        elif tab == "cost":
            self.query_one("#cost-page", Page).show(costs_page(self.opened), of=self.opened.id)
        elif tab == "issue":
            self.query_one("#issue-page", Page).show(
                task_pages.issue_page(self.opened), of=self.opened.id
            )

    def on_tabbed_content_tab_activated(self, event: TabbedContent.TabActivated) -> None:
        """Let the keys move in the tab that is in front."""
        self._lay(self.tab)
        self._focus_first()

    def _focus_first(self) -> None:
        tab = self.tab
        panes = [self.query_one(f"#{name}") for name in PANES[tab]]
        if not any(pane.has_focus for pane in panes):
            self.set_focus(panes[1 if tab == "steps" else 0], scroll_visible=False)

    def action_tab(self, tab: Tab) -> None:
        """Bring a tab to the front."""
        self._lay(tab)
        self.query_one(TabbedContent).active = tab
        # At once: a hidden widget that has the focus hands it to its neighbour, whose tab comes up.
        self._focus_first()

    def action_pane(self, way: int) -> None:
        """Go to the pane beside."""
        panes = [self.query_one(f"#{name}") for name in PANES[self.tab]]
        at = next((n for n, pane in enumerate(panes) if pane.has_focus), 0)
        panes[max(0, min(at + way, len(panes) - 1))].focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show the steps of another attempt."""
        if event.option_list.id == "episodes" and event.option_index != self._index:
            self._index = event.option_index
            self.query_one(StepList).show(self.episode)
            self._show_step()

    def action_episode(self, way: int) -> None:
        """Go to the attempt beside."""
        count = len(self.opened.episodes)
        if count:
            self.action_tab("steps")
            self.query_one("#episodes", OptionList).highlighted = (self._index + way) % count

    def on_lines_moved(self, event: Lines.Moved) -> None:
        """Show the step under the cursor."""
        if event.lines.id == "steps-list":
            self._show_step()

    def _show_step(self) -> None:
        steps, episode = self.query_one(StepList), self.episode
        page = self.query_one("#step-page", Page)
        if episode is None or not steps.number:
            page.show(())
            return
        page.words = self._words
        blocks = step_pages.step_page(episode.step(steps.number), episode.about.label)
        page.show(blocks, of=(episode, steps.number))

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Show the patch or the check under the cursor."""
        self._show_row(event.data_table)

    def on_data_table_cell_highlighted(self, event: DataTable.CellHighlighted) -> None:
        """Show the check under the cursor."""
        self._show_row(event.data_table)

    def _show_row(self, table: Widget) -> None:
        if isinstance(table, CandidateTable) and table.candidate is not None:
            page = task_pages.candidate_page(self.opened, table.candidate)
            self.query_one("#patch-page", Page).show(page, of=table.candidate.id)
        elif isinstance(table, CheckTable) and table.check is not None:
            page = task_pages.check_page(self.opened, table.check)
            self.query_one("#check-page", Page).show(page, of=table.check.id)
