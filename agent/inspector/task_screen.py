"""One task: why its patch won, its steps, patches, matrix, cost and issue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, get_args

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import DataTable, Footer, OptionList, Static, TabbedContent, TabPane
from textual.widgets.option_list import Option

from agent.inspector import pages
from agent.inspector.dialogs import Above, Search
from agent.inspector.episode import About, Episode, writer_of
from agent.inspector.lists import POLL_SECONDS, STATUS
from agent.inspector.matrix import CandidateTable, CheckTable
from agent.inspector.opened import OpenedTask
from agent.inspector.search import Hit, Tab
from agent.inspector.widgets import Lines, Page, StepList
from agent.show.blocks import Block
from agent.show.figures import duration, money, several
from agent.show.visible import one_line

TITLES: dict[Tab, str] = {
    "why": "1 Why", "steps": "2 Steps", "patches": "3 Patches", "matrix": "4 Matrix",
    "cost": "5 Cost", "issue": "6 Issue",
}  # fmt: skip
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


class TaskScreen(Screen[None]):
    """Six tabs about one task; what grows on disk is taken in."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(n), f"tab('{tab}')", show=False) for n, tab in enumerate(TABS, 1)),
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
        Binding("question_mark", "app.help", "help"),
        Binding("q,escape", "app.back", "back"),
    ]

    def __init__(self, task: OpenedTask, again: Callable[[], OpenedTask] | None = None) -> None:
        super().__init__()
        self.opened, self._again = task, again
        self._index = 0
        self._words, self._hits, self._hit = "", list[Hit](), -1
        self._marked: int | None = None
        self._state = self._on_disk()
        self._laid: set[str] = set()

    def compose(self) -> ComposeResult:
        """Lay out the tabs."""
        yield Static("", id="title", markup=False)
        with TabbedContent(id="tabs"):
            with TabPane(TITLES["why"], id="why"):
                yield Page(id="why-page")
            with TabPane(TITLES["steps"], id="steps"), Horizontal(classes="sides"):
                with Vertical(classes="left"):
                    yield OptionList(id="episodes")
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
        self.set_interval(POLL_SECONDS, self.poll)

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

    def _fill(self, *, keep: bool = False) -> None:
        self.query_one("#title", Static).update(_title(self.opened))
        self.query_one("#why-page", Page).show(pages.overview(self.opened), keep=keep)
        self.query_one(CandidateTable).show(self.opened)
        self.query_one(CheckTable).show(self.opened)
        self._list_episodes()
        self._laid.clear()
        self._lay(self.tab)

    def _list_episodes(self) -> None:
        listed = self.query_one("#episodes", OptionList)
        listed.clear_options()
        listed.add_options(Option(_about(one.about, len(one))) for one in self.opened.episodes)
        if self.opened.episodes:
            self._index = min(self._index, len(self.opened.episodes) - 1)
            listed.highlighted = self._index
            steps = self.query_one(StepList)
            if steps.episode is not self.episode:
                steps.show(self.episode)
                self._show_step()

    def _lay(self, tab: Tab) -> None:
        """Make a page that takes long when its tab is first looked at."""
        if tab in self._laid:
            return
        self._laid.add(tab)
        if tab == "cost":
            self.query_one("#cost-page", Page).show(pages.costs_page(self.opened))
        elif tab == "issue":
            self.query_one("#issue-page", Page).show(pages.issue_page(self.opened))

    def on_tabbed_content_tab_activated(self, event: TabbedContent.TabActivated) -> None:
        """Let the keys move in the tab that is in front."""
        self._lay(self.tab)
        self._focus_first()

    def _focus_first(self) -> None:
        tab = self.tab
        panes = [self.query_one(f"#{name}") for name in PANES[tab]]
        if not any(pane.has_focus for pane in panes):
            panes[1 if tab == "steps" else 0].focus()

    def action_tab(self, tab: Tab) -> None:
        """Bring a tab to the front."""
        self.query_one(TabbedContent).active = tab
        self.call_after_refresh(self._focus_first)

    def action_pane(self, way: int) -> None:
        """Go to the pane beside."""
        panes = [self.query_one(f"#{name}") for name in PANES[self.tab]]
        at = next((n for n, pane in enumerate(panes) if pane.has_focus), 0)
        panes[max(0, min(at + way, len(panes) - 1))].focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show the steps of another attempt."""
        if event.option_index != self._index:
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
        page.show(pages.step_page(episode.step(steps.number), episode.about.label))

    def on_lines_chosen(self, event: Lines.Chosen) -> None:
        """From a step to its page; from a line of a patch to the step that made it."""
        if event.lines.id == "steps-list":
            self.query_one("#step-page").focus()
        elif event.lines.id in ("patch-page", "why-page"):
            self._to_writer(event.lines)

    def _to_writer(self, lines: Lines) -> None:
        row = lines.at_cursor if isinstance(lines, Page) else None
        if row is None or not row.line.strip():
            self.notify("put the cursor on a changed line of a patch", markup=False)
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
                self.to_step(index, number, row.line.strip())
                return
        self.notify(f"no step of its attempt wrote this line of {row.path}", markup=False)

    def to_step(self, index: int, number: int, words: str = "") -> None:
        """Show a step, with words marked."""
        self.action_tab("steps")
        if index != self._index:
            self._index = index
            self.query_one("#episodes", OptionList).highlighted = index
            self.query_one(StepList).show(self.episode)
        self.query_one(StepList).put(number - 1)
        self._show_step()
        if words:
            self.call_after_refresh(self.query_one("#step-page", Page).find, words)

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
        self.notify(f"no {'later' if way > 0 else 'earlier'} step {told}", markup=False)

    def action_sent(self) -> None:
        """Show the messages of the step's request as they were sent."""
        number, episode = self.query_one(StepList).number, self.episode
        if episode is not None and number:
            label = episode.about.label
            self.app.push_screen(Above(pages.sent_page(episode.sent(number), label, number)))

    def action_plan(self) -> None:
        """Show the plan as it changed."""
        if self.episode is not None:
            self.app.push_screen(Above(pages.plan_page(self.episode)))

    def action_difference(self) -> None:
        """Mark a patch; with one marked, show how the two differ."""
        table, found = self.query_one(CandidateTable), self.opened.record.candidates
        if self.tab != "patches":
            self.action_tab("patches")
            return
        at = table.cursor_row
        if not found:
            return
        if self._marked is None or self._marked == at or self._marked >= len(found):
            self._marked = at
            self.notify(f"marked {found[at].id}; d on another shows how they differ", markup=False)
            return
        self.app.push_screen(Above(pages.two_patches(found[self._marked], found[at])))
        self._marked = None

    def action_compare(self) -> None:
        """Show this attempt beside another."""
        self.app.compare(self.opened, self._index)  # type: ignore[attr-defined] # ours

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Show the patch or the check under the cursor."""
        self._show_row(event.data_table)

    def on_data_table_cell_highlighted(self, event: DataTable.CellHighlighted) -> None:
        """Show the check under the cursor."""
        self._show_row(event.data_table)

    def _show_row(self, table: Widget) -> None:
        if isinstance(table, CandidateTable) and table.candidate is not None:
            page = pages.candidate_page(self.opened, table.candidate)
            self.query_one("#patch-page", Page).show(page)
        elif isinstance(table, CheckTable) and table.check is not None:
            page = pages.check_page(self.opened, table.check)
            self.query_one("#check-page", Page).show(page)

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
            self._to_hit()

    def action_again(self, way: int) -> None:
        """Go to the next place of the last search."""
        if not self._hits:
            self.notify("search first, with /", markup=False)
            return
        self._hit = (self._hit + way) % len(self._hits)
        self._to_hit()

    def _to_hit(self) -> None:
        hit = self._hits[self._hit]
        self.query_one("#title", Static).update(
            f"{_title(self.opened)} · {self._hit + 1} of {len(self._hits)}"
        )
        if hit.tab == "steps":
            self.to_step(hit.index, hit.step, self._words)
            return
        self.action_tab(hit.tab)
        if hit.tab in ("patches", "matrix"):
            table = self.query_one(CandidateTable if hit.tab == "patches" else CheckTable)
            assert isinstance(table, DataTable)
            table.move_cursor(row=hit.index, animate=False)
            self._show_row(table)
        self.call_after_refresh(self.query_one(f"#{PANES[hit.tab][-1]}", Page).find, self._words)

    @property
    def shown(self) -> list[Block]:
        """What the tab shows, whole, for copying and for the editor."""
        if self.tab == "steps" and self.episode is not None:
            number = self.query_one(StepList).number
            if number:
                step = self.episode.step(number)
                return pages.step_page(step, self.episode.about.label, whole=True)
        return list(self.query_one(f"#{PANES[self.tab][-1]}", Page).page)

    def _on_disk(self) -> tuple[object, ...]:
        folder = self.opened.record.folder
        if self._again is None or not folder.is_dir():
            return ()
        logs = sorted(folder.glob("attempt-*.jsonl"))
        states = [path.stat().st_mtime_ns for path in sorted(folder.glob("*.json"))]
        return (len(logs), *states)

    def poll(self) -> None:
        """Take in what was written since; the cursor stays where it is."""
        state = self._on_disk()
        if self._again is not None and state != self._state:
            self._state = state
            fresh = self._again()
            known = {one.about.label: one for one in self.opened.episodes}
            episodes = tuple(known.get(one.about.label, one) for one in fresh.episodes)
            self.opened = OpenedTask(fresh.record, episodes, fresh.problems, fresh.resolved)
            self._fill(keep=True)
        grown = [one.refresh() for one in self.opened.episodes]
        if any(grown):
            steps = self.query_one(StepList)
            followed = steps.number == steps.count
            self._list_episodes()
            steps.take_in()
            if followed and steps.number < steps.count - 1 and steps.has_focus:
                steps.action_bottom()


def _title(task: OpenedTask) -> Text:
    record = task.record
    verdict, result = record.verdict, record.result
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(one_line(task.id, 60), "bold")
    status = result.status if result else "failed" if record.failure else ""
    if record.task is not None and not status:
        status = "unfinished"
    if status:
        text.append(" · ")
        text.append(status, STATUS.get(status, ""))
    if task.resolved is not None:
        told, style = ("resolved", "bold green") if task.resolved else ("not resolved", "red")
        text.append(" · ")
        text.append(told, style)
    if verdict and verdict.chosen:
        text.append(f" · patch {verdict.chosen}")
    if verdict and verdict.confidence is not None:
        text.append(f" · confidence {verdict.confidence:.2f}")
    if result:
        text.append(f" · {money(result.cost_usd)} · {duration(result.seconds)}")
    return text


def _about(about: About, steps: int) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(about.label, "bold")
    text.append(f" · {several(steps, 'step')}")
    if about.planner:
        text.append(f" · {about.planner}, {about.sampling}")
    text.append(f" · {one_line(about.end, 200)}" if about.end else " · no end yet")
    return text
