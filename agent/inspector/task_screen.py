"""One task: why its patch won, its steps, patches, matrix, cost and issue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, TabbedContent

from agent.inspector import step_pages, task_pages
from agent.inspector.common_tasks import Side, attempts_of
from agent.inspector.compare import CompareScreen
from agent.inspector.dialogs import Above, Search
from agent.inspector.episode import writer_of
from agent.inspector.filtered_list import POLL_SECONDS
from agent.inspector.matrix_tables import CandidateTable, CheckTable
from agent.inspector.opened_run import OpenedTask
from agent.inspector.search import Hit, Spot, Tab, spot_of
from agent.inspector.task_panes import TABS, TaskPanes
from agent.inspector.widgets import Lines
from agent.records import Candidate
from agent.show.blocks import Block, Marked

Place = tuple[Tab, int, int]
"""A tab, and in that of the steps the attempt's index and the step's number."""


class TaskScreen(TaskPanes):
    """One task, with the ways from one thing to another; what grows on disk is taken in.

    `reopen` reads the task anew.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(n), f"turn_to('{tab}')", show=False) for n, tab in enumerate(TABS, 1)),
        Binding("q,escape", "back", "back"),
        Binding("question_mark", "app.help", "help"),
        Binding("slash", "search", "search"),
        Binding("n", "again(1)", "next", show=False),
        Binding("N", "again(-1)", "previous", show=False),
        Binding("f", "seek('failed',1)", "failed"),
        Binding("F", "seek('failed',-1)", show=False),
        Binding("e", "seek('edits',1)", "edit"),
        Binding("E", "seek('edits',-1)", show=False),
        Binding("left_square_bracket", "episode(-1)", show=False),
        Binding("right_square_bracket", "episode(1)", "attempt"),
        Binding("m", "sent", "sent"),
        Binding("p", "plan", "plan"),
        Binding("d", "difference", "diff two"),
        Binding("c", "compare", "compare"),
        Binding("l", "pane(1)", show=False),
        Binding("h", "pane(-1)", show=False),
        Binding("y", "app.copy", "copy", show=False),
        Binding("o", "app.edit", "editor", show=False),
    ]

    def __init__(self, task: OpenedTask, reopen: Callable[[], OpenedTask] | None = None) -> None:
        super().__init__(task)
        self._reopen = reopen
        self._hits, self._hit = list[Hit](), -1
        self._marked: Candidate | None = None
        self._origin: Place | None = None
        self._state = self._on_disk()

    def on_mount(self) -> None:
        """Look for what is new, again and again."""
        self.set_interval(POLL_SECONDS, self.poll)

    @on(Lines.Chosen, "#steps-list")
    def _to_page(self) -> None:
        self.page_of("steps").focus()

    @on(Lines.Chosen, "#cost-page")
    def _to_named_step(self) -> None:
        link = self.page_of("cost").link
        for index, episode in enumerate(self.opened.episodes):
            if link is not None and link.attempt == episode.about.label:
                self._jump(index, link.number)
                return
        self.notify("there is no step on this line", markup=False)

    @on(Lines.Chosen, "#patch-page")
    @on(Lines.Chosen, "#why-page")
    def _to_writer(self, event: Lines.Chosen) -> None:
        """Go from a line of a patch to the step that made it."""
        page = self.page_of(self.tab)
        row = page.changed_line
        if row is None or (self.tab == "why" and row is not page.at_cursor):
            self.notify("Enter goes from a changed line of a patch to its step", markup=False)
            return
        candidate = self.query_one(CandidateTable).record
        if self.tab == "why":
            verdict = self.opened.record.verdict
            chosen = task_pages.candidate_of(self.opened, verdict.chosen) if verdict else None
            candidate = chosen or candidate
        # Its own attempt alone: another may have written the same line.
        own = [
            index for index, one in enumerate(self.opened.episodes)
            if candidate is not None and one.about.number == candidate.attempt
        ]  # fmt: skip
        for index in own or range(len(self.opened.episodes))[:1]:
            number = writer_of(self.opened.episodes[index], row.line, row.path)
            if number is not None:
                self._jump(index, number)
                self.call_after_refresh(self.page_of("steps").find, row.line.strip())
                return
        self.notify(f"no step of its attempt wrote this line of {row.path}", markup=False)

    def action_turn_to(self, tab: Tab) -> None:
        """Bring a tab to the front; `q` leaves the task from there."""
        self._origin = None
        self.action_tab(tab)

    async def action_back(self) -> None:
        """Go back to where a jump or a search began, or else to the screen before."""
        origin, self._origin = self._origin, None
        if origin is None or origin == self._place:
            await self.run_action("app.back")
            return
        tab, index, number = origin
        if tab == "steps":
            self.to_step(index, number)
        else:
            self.action_tab(tab)
            self.call_after_refresh(self.page_of(tab).focus)

    @property
    def _place(self) -> Place:
        return (
            (self.tab, self._index, self.steps.number) if self.tab == "steps" else (self.tab, 0, 0)
        )

    def _jump(self, index: int, number: int) -> None:
        self._origin = self._place
        self.to_step(index, number)

    def to_step(self, index: int, number: int) -> None:
        """Show a step."""
        self.action_tab("steps")
        if index != self._index:
            self._index = index
            self.episodes.highlighted = index
            self.steps.show(self.episode)
        self.steps.put(number - 1)
        self._show_step()

    def action_seek(self, what: str, way: int) -> None:
        """Go to the next step in which something failed, or that changed a file."""
        steps = self.steps
        if self.tab != "steps":
            self.action_tab("steps")
        has = steps.failed if what == "failed" else steps.edits
        numbers = range(steps.number + way, steps.count + 1 if way > 0 else 0, way)
        number = next(filter(has, numbers), None)
        if number is not None:
            steps.put(number - 1)
            return
        kind = "in which something failed" if what == "failed" else "that changed a file"
        later, key, after = ("later", "]", "after") if way > 0 else ("earlier", "[", "before")
        other = f"; {key} goes to the attempt {after}" if len(self.opened.episodes) > 1 else ""
        self.notify(f"no {later} step of this attempt {kind}{other}", markup=False)

    def action_sent(self, spot: Spot | None = None) -> None:
        """Show the messages of the step's request as they were sent."""
        page = self.steps.sent_page()
        if page:
            self.app.push_screen(Above(page, spot), self._search_on)

    def action_plan(self) -> None:
        """Show the plan as it changed."""
        if self.episode is not None:
            self.app.push_screen(Above(step_pages.plan_page(self.episode)))

    def action_difference(self) -> None:
        """Mark a patch; with one marked, show how the two differ."""
        if self.tab != "patches":
            self.action_tab("patches")
            self.notify("d on two patches, one after the other: how they differ", markup=False)
            return
        here, marked = self.query_one(CandidateTable).record, self._marked
        if here is None:
            return
        if marked is None or marked.id == here.id:
            self._marked = here
            self.notify(f"marked {here.id}; d on another shows how they differ", markup=False)
            return
        self._marked = None
        named = [(f"candidate {one.id}", one) for one in (marked, here)]
        self.app.push_screen(Above(task_pages.two_patches(*named)))

    def action_compare(self) -> None:
        """Show this attempt beside the next one."""
        indexes, side = attempts_of(self.opened), Side(self.opened)
        if len(indexes) < 2:
            self.notify("there is one attempt only; inspect RUN OTHER compares two", markup=False)
            return
        at = indexes.index(self._index) if self._index in indexes else 0
        pair = (indexes[at], indexes[(at + 1) % len(indexes)])
        self.app.push_screen(CompareScreen(side, side, pair))

    @on(DataTable.RowSelected)
    @on(DataTable.CellSelected)
    def _to_record(self) -> None:
        self.action_pane(1)

    def action_search(self) -> None:
        """Look for words in everything."""
        self.app.push_screen(Search(self.opened, self._words), self._take_hits)

    def _take_hits(self, found: tuple[str, Sequence[Hit], int] | None) -> None:
        if found is not None:
            self._words, hits, self._hit = found
            self._hits = list(hits)
            self._origin = self._place
            self._to_hit()

    def action_again(self, way: int) -> None:
        """Go to the next place of the last search."""
        if not self._hits:
            self.notify("search first, with /", markup=False)
            return
        self._hit = (self._hit + way) % len(self._hits)
        self._to_hit()

    def _search_on(self, way: int | None) -> None:
        """Go on with a search from a page that was above; the focus is back here before that."""
        if way is not None:
            self.call_after_refresh(self.action_again, way)

    def _to_hit(self) -> None:
        hit = self._hits[self._hit]
        spot = spot_of(self._hits, self._hit, self._words)
        if hit.tab == "steps":
            self.to_step(hit.index, hit.step)
        else:
            self.action_tab(hit.tab)
        if hit.tab in ("patches", "matrix"):
            patches = hit.tab == "patches"
            table = self.query_one(CandidateTable) if patches else self.query_one(CheckTable)
            table.put(hit.id)
            self.show_record(table)
        if hit.sent:
            # Not before the steps have the focus: it would come when the page above has gone.
            self.call_after_refresh(self.action_sent, spot)
        else:
            self.call_after_refresh(self.page_of(hit.tab).find_spot, spot)
        self.set_title(Marked(f"place {self._hit + 1} of {len(self._hits)}", "reverse"))

    @on(Lines.Moved, "#steps-list")
    @on(TabbedContent.TabActivated)
    def _leave_hit(self) -> None:
        """Take the number of a place out of the title once something else is looked at."""
        hit = self._hits[self._hit] if self._hits else None
        if hit is not None and (hit.tab, hit.index, hit.step) != self._place:
            self.set_title()

    @property
    def current_page(self) -> list[Block]:
        """What the tab shows, whole, for copying and for the editor."""
        whole = self.steps.step_page(whole=True) if self.tab == "steps" else []
        return whole or list(self.page_of(self.tab).page)

    def _on_disk(self) -> tuple[object, ...]:
        folder = self.opened.record.folder
        if self._reopen is None or not folder.is_dir():
            return ()
        try:
            logs = sorted(folder.glob("attempt-*.jsonl"))
            states = [path.stat().st_mtime_ns for path in sorted(folder.glob("*.json"))]
        except FileNotFoundError:  # it is being removed
            return ()
        return (len(logs), *states)

    def poll(self) -> None:
        """Take in what was written since; the cursor stays where it is."""
        if not self.opened.record.folder.exists():
            self.set_title(Marked("its files are gone", "damaged"))
            return
        state = self._on_disk()
        if self._reopen is not None and state != self._state:
            self._state = state
            fresh = self._reopen()
            known = {one.about.label: one for one in self.opened.episodes}
            episodes = tuple(known.get(one.about.label, one) for one in fresh.episodes)
            self.opened = OpenedTask(fresh.record, episodes, fresh.problems, fresh.resolved)
            self._fill()
        grown = [one.refresh() for one in self.opened.episodes]
        if any(grown):
            steps = self.steps
            followed = steps.number == steps.count
            self._list_episodes()
            steps.take_in()
            self._show_step()
            if followed and steps.number < steps.count - 1 and steps.has_focus:
                steps.action_last()
