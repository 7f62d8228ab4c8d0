"""One task: why its patch won, its steps, patches, matrix, cost and issue."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import DataTable, OptionList, Static, TabbedContent

from agent.inspector import step_pages, task_pages
from agent.inspector.dialogs import Above, Search
from agent.inspector.episode import writer_of
from agent.inspector.filtered_list import POLL_SECONDS
from agent.inspector.matrix_tables import CandidateTable, CheckTable
from agent.inspector.navigation import navigation
from agent.inspector.opening import OpenedTask
from agent.inspector.search import Hit, Spot, Tab, spot_of
from agent.inspector.task_panes import PANES, TABS, TaskPanes
from agent.inspector.titles import title_of
from agent.inspector.widgets import Lines, Page, StepList
from agent.records import Candidate
from agent.show.blocks import Block


class TaskScreen(TaskPanes):
    """One task, with the ways from one thing to another; what grows on disk is taken in."""

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

    def __init__(self, task: OpenedTask, again: Callable[[], OpenedTask] | None = None) -> None:
        super().__init__(task)
        self._again = again
        self._hits, self._hit = list[Hit](), -1
        self._marked: Candidate | None = None
        self._came: tuple[Tab, int, int] | None = None
        self._state = self._on_disk()

    def on_mount(self) -> None:
        """Look for what is new, again and again."""
        self.set_interval(POLL_SECONDS, self.poll)

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        """From a step to its page; from a line of a patch to the step that made it."""
        if event.lines.id == "steps-list":
            self.query_one("#step-page").focus()
        elif event.lines.id in ("patch-page", "why-page"):
            self._to_writer(event.lines)
        elif event.lines.id == "cost-page":
            self._to_named(event.lines)

    def _to_named(self, lines: Lines) -> None:
        """Go to the step that a line of the costs names."""
        place = lines.cursor
        while place and lines.row(place).plain[:1] == " ":
            place -= 1  # a line of a table that goes on
        said = lines.row(place).plain if lines.count else ""
        for index, episode in enumerate(self.opened.episodes):
            found = re.search(rf"\b{re.escape(episode.about.label)} step (\d+)", said)
            if found:
                self._came = self._place
                self.to_step(index, int(found[1]))
                return
        self.notify("there is no step on this line", markup=False)

    def action_turn_to(self, tab: Tab) -> None:
        """Bring a tab to the front; `q` leaves the task from there."""
        self._came = None
        self.action_tab(tab)

    async def action_back(self) -> None:
        """Go back to where a jump or a search began, or else to the screen before."""
        came, self._came = self._came, None
        if came is None or came == self._place:
            await navigation(self).action_back()
            return
        tab, index, number = came
        if tab == "steps":
            self.to_step(index, number)
        else:
            self.action_tab(tab)
            self.call_after_refresh(self.query_one(f"#{PANES[tab][-1]}").focus)

    @property
    def _place(self) -> tuple[Tab, int, int]:
        if self.tab != "steps":
            return self.tab, 0, 0
        return self.tab, self._index, self.query_one(StepList).number

    def _to_writer(self, lines: Lines) -> None:
        assert isinstance(lines, Page)
        row = lines.changed_line
        if row is None or (lines.id == "why-page" and row is not lines.at_cursor):
            self.notify("Enter goes from a changed line of a patch to its step", markup=False)
            return
        candidate = self.query_one(CandidateTable).candidate
        if lines.id == "why-page":
            chosen = self.opened.record.verdict.chosen if self.opened.record.verdict else None
            found = [one for one in self.opened.record.candidates if one.id == chosen]
            candidate = found[0] if found else candidate
        attempt = candidate.attempt if candidate else None
        episodes = list(enumerate(self.opened.episodes))
        # Its own attempt first: another may have written the same line.
        episodes.sort(key=lambda one: one[1].about.number != attempt)
        for index, episode in episodes[:1]:
            number = writer_of(episode, row.line, row.path)
            if number is not None:
                self._came = self._place
                self.to_step(index, number)
                page = self.query_one("#step-page", Page)
                self.call_after_refresh(page.find, row.line.strip())
                return
        self.notify(f"no step of its attempt wrote this line of {row.path}", markup=False)

    def to_step(self, index: int, number: int) -> None:
        """Show a step."""
        self.action_tab("steps")
        if index != self._index:
            self._index = index
            self.query_one("#episodes", OptionList).highlighted = index
            self.query_one(StepList).show(self.episode)
        self.query_one(StepList).put(number - 1)
        self._show_step()

    def action_seek(self, what: str, way: int) -> None:
        """Go to the next step in which something failed, or that changed a file."""
        steps = self.query_one(StepList)
        if self.tab != "steps":
            self.action_tab("steps")
        has = steps.failed if what == "failed" else steps.edits
        number = steps.number + way
        while 1 <= number <= steps.count:
            if has(number):
                steps.put(number - 1)
                return
            number += way
        told = "in which something failed" if what == "failed" else "that changed a file"
        where = f"no {'later' if way > 0 else 'earlier'} step of this attempt {told}"
        other = (
            f"; {']' if way > 0 else '['} goes to the attempt {'after' if way > 0 else 'before'}"
        )
        self.notify(where + (other if len(self.opened.episodes) > 1 else ""), markup=False)

    def action_sent(self, spot: Spot | None = None) -> None:
        """Show the messages of the step's request as they were sent."""
        number, episode = self.query_one(StepList).number, self.episode
        if episode is not None and number:
            label = episode.about.label
            page = step_pages.sent_page(episode.sent(number), label, number)
            self.app.push_screen(Above(page, spot), self._go_on)

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
        here = self.query_one(CandidateTable).candidate
        if here is None:
            return
        if self._marked is None or self._marked.id == here.id:
            self._marked = here
            self.notify(f"marked {here.id}; d on another shows how they differ", markup=False)
            return
        names = [f"candidate {one.id}" for one in (self._marked, here)]
        self.app.push_screen(
            Above(task_pages.two_patches((names[0], self._marked), (names[1], here)))
        )
        self._marked = None

    def action_compare(self) -> None:
        """Show this attempt beside another."""
        navigation(self).compare(self.opened, self._index)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Go to the patch."""
        self.action_pane(1)

    def on_data_table_cell_selected(self, event: DataTable.CellSelected) -> None:
        """Go to what the check did."""
        self.action_pane(1)

    def action_search(self) -> None:
        """Look for words in everything."""
        self.app.push_screen(Search(self.opened, self._words), self._found)

    def _found(self, found: tuple[str, Sequence[Hit], int] | None) -> None:
        if found is not None:
            self._words, hits, self._hit = found
            self._hits = list(hits)
            self._came = self._place
            self._to_hit()

    def action_again(self, way: int) -> None:
        """Go to the next place of the last search."""
        if not self._hits:
            self.notify("search first, with /", markup=False)
            return
        self._hit = (self._hit + way) % len(self._hits)
        self._to_hit()

    def _go_on(self, way: int | None) -> None:
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
            self._show_row(table)
        if hit.sent:
            # Not before the steps have the focus: it would come when the page above has gone.
            self.call_after_refresh(self.action_sent, spot)
        else:
            page = self.query_one(f"#{PANES[hit.tab][-1]}", Page)
            self.call_after_refresh(page.find_spot, spot)
        at = f" · place {self._hit + 1} of {len(self._hits)}"
        self.query_one("#title", Static).update(title_of(self.opened).append(at, "reverse"))

    def on_lines_moved(self, event: Lines.Moved) -> None:
        """Take the number of a place out of the title once another step is looked at."""
        hit = self._hits[self._hit] if self._hits else None
        if hit is None or hit.tab != "steps" or event.lines.id != "steps-list":
            return
        if (hit.index, hit.step) != (self._index, self.query_one(StepList).number):
            self._leave_place()

    def on_tabbed_content_tab_activated(self, event: TabbedContent.TabActivated) -> None:
        """Take it out once another tab is looked at."""
        if self._hits and self._hits[self._hit].tab != self.tab:
            self._leave_place()

    def _leave_place(self) -> None:
        self.query_one("#title", Static).update(title_of(self.opened))

    @property
    def shown(self) -> list[Block]:
        """What the tab shows, whole, for copying and for the editor."""
        if self.tab == "steps" and self.episode is not None:
            number = self.query_one(StepList).number
            if number:
                step = self.episode.step(number)
                return step_pages.step_page(step, self.episode.about.label, whole=True)
        return list(self.query_one(f"#{PANES[self.tab][-1]}", Page).page)

    def _on_disk(self) -> tuple[object, ...]:
        folder = self.opened.record.folder
        if self._again is None or not folder.is_dir():
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
            self.query_one("#title", Static).update(
                title_of(self.opened).append(" · its files are gone", "bold red")
            )
            return
        state = self._on_disk()
        if self._again is not None and state != self._state:
            self._state = state
            fresh = self._again()
            known = {one.about.label: one for one in self.opened.episodes}
            episodes = tuple(known.get(one.about.label, one) for one in fresh.episodes)
            self.opened = OpenedTask(fresh.record, episodes, fresh.problems, fresh.resolved)
            self._fill()
        grown = [one.refresh() for one in self.opened.episodes]
        if any(grown):
            steps = self.query_one(StepList)
            followed = steps.number == steps.count
            self._list_episodes()
            steps.take_in()
            self._show_step()
            if followed and steps.number < steps.count - 1 and steps.has_focus:
                steps.action_bottom()
