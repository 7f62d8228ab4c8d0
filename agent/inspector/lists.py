"""The first two screens: the runs of a folder, the tasks of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Input, Static
from textual.worker import get_current_worker

from agent.errors import UserError
from agent.inspector.navigation import navigation
from agent.inspector.opened import (
    OpenedRun,
    RunLine,
    RunShelf,
    TaskLine,
    open_run,
    open_shelf,
    run_folders,
)
from agent.inspector.titles import STATUS
from agent.show.figures import duration, money, several
from agent.show.visible import one_line

POLL_SECONDS = 1.0
UNKNOWN = "-"


@dataclass(frozen=True)
class Entry:
    """One line of a list: its key, a text for each column, and what each is sorted by."""

    key: str
    cells: tuple[Text, ...]
    sort: tuple[Any, ...]


class Listing(Screen[None]):
    """A table that is filtered and sorted."""

    COLUMNS: ClassVar[tuple[str, ...]] = ()
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter"),
        Binding("s", "sort(1)", "sort"),
        Binding("S", "turn", "turn", show=False),
        Binding("c", "compare", "compare"),
        Binding("j", "move('cursor_down')", "down", show=False),
        Binding("k", "move('cursor_up')", "up", show=False),
        Binding("g", "move('scroll_top')", "top", show=False),
        Binding("G", "move('scroll_bottom')", "bottom", show=False),
        Binding("ctrl+d", "move('page_down')", "page down", show=False),
        Binding("ctrl+u", "move('page_up')", "page up", show=False),
        Binding("l", "move('select_cursor')", "open", show=False),
        Binding("y", "app.copy", "copy", show=False),
        Binding("question_mark", "app.help", "help"),
        Binding("q,h,escape", "back", "back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[Entry] = []
        self._column: int | None = None
        self._reverse = False
        self._marked: str | None = None

    def compose(self) -> ComposeResult:
        """Lay out what it is, the filter, the table."""
        yield Static("", id="title", markup=False)
        yield Input(placeholder="show lines with these words", id="filter")
        yield DataTable(id="list", cursor_type="row", zebra_stripes=True)
        yield Footer()

    def on_mount(self) -> None:
        """Fill the table and keep it up to date."""
        self.query_one("#filter").display = False
        table = self.query_one(DataTable)
        for name in self.COLUMNS:
            table.add_column(name, key=name, width=len(name))
        self.load()
        table.focus()
        self.set_interval(POLL_SECONDS, self.poll)

    def load(self) -> None:
        """Read the entries anew and show them."""
        raise NotImplementedError

    def poll(self) -> None:
        """Show what changed on disk."""

    def open(self, key: str) -> None:
        """Show what an entry stands for."""
        raise NotImplementedError

    @property
    def text(self) -> str:
        """The table as it is shown, tab by tab."""
        rows = ["\t".join(cell.plain for cell in entry.cells) for entry in self._shown()]
        return "\n".join(["\t".join(self.COLUMNS), *rows]) + "\n"

    def _shown(self) -> list[Entry]:
        words = self.query_one("#filter", Input).value.lower().split()
        found = [
            one for one in self._entries
            if all(word in " ".join(cell.plain for cell in one.cells).lower() for word in words)
        ]  # fmt: skip
        if self._column is not None:
            place = self._column
            known = [one for one in found if one.sort[place] is not None]
            known.sort(key=lambda one: one.sort[place], reverse=self._reverse)
            found = known + [one for one in found if one.sort[place] is None]
        return found

    def fill(self, entries: Sequence[Entry] | None = None) -> None:
        """Show the entries that the filter lets through, in order; the cursor stays on its line."""
        if entries is not None:
            self._entries = list(entries)
        table = self.query_one(DataTable)
        at = self.key_at_cursor
        table.clear()
        shown = self._shown()
        # Told here: measuring each cell takes a list of a thousand lines half of its time.
        for place, column in enumerate(table.columns.values()):
            widths = [entry.cells[place].cell_len for entry in self._entries]
            column.width = max([column.label.cell_len, *widths])
        for entry in shown:
            table.add_row(*entry.cells, key=entry.key)
        keys = [entry.key for entry in shown]
        if at in keys:
            table.move_cursor(row=keys.index(at), animate=False)

    @property
    def key_at_cursor(self) -> str | None:
        """The key of the line under the cursor."""
        table = self.query_one(DataTable)
        if not table.row_count:
            return None
        return table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value

    def action_filter(self) -> None:
        """Let words be typed that a line must have."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def on_input_changed(self) -> None:
        """Filter as it is typed."""
        self.fill()

    def on_input_submitted(self) -> None:
        """Keep the filter."""
        self.query_one(DataTable).focus()

    async def action_back(self) -> None:
        """Drop the filter, or else go back."""
        field = self.query_one("#filter", Input)
        if field.display:
            field.value = ""
            field.display = False
            self.query_one(DataTable).focus()
            return
        await navigation(self).action_back()

    def action_sort(self, on: int) -> None:
        """Sort by the next column."""
        column = -1 if self._column is None else self._column
        self._column, self._reverse = (column + on) % len(self.COLUMNS), False
        self._tell_order()

    def action_turn(self) -> None:
        """Turn the order."""
        self._reverse = not self._reverse
        self._column = self._column or 0
        self._tell_order()

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """Sort by the column that was clicked; turn the order at the second click."""
        again = self._column == event.column_index
        self._column, self._reverse = event.column_index, again and not self._reverse
        self._tell_order()

    def _tell_order(self) -> None:
        table = self.query_one(DataTable)
        for place, name in enumerate(self.COLUMNS):
            mark = (" ▼" if self._reverse else " ▲") if place == self._column else ""
            table.columns[next(k for k in table.columns if k.value == name)].label = Text(
                name + mark
            )
        self.fill()

    def action_move(self, name: str) -> None:
        """Move in the table as its own keys do."""
        table = self.query_one(DataTable)
        getattr(table, f"action_{name}")()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Open a line."""
        if event.row_key.value is not None:
            self._opening(lambda: self.open(str(event.row_key.value)))

    def _opening(self, act: Callable[[], None]) -> None:
        try:
            act()
        except UserError as error:
            self.notify(error.message, severity="error", markup=False)

    def action_compare(self) -> None:
        """Mark a task, or compare the marked one with this."""
        self.notify("open a run, then compare its tasks with c", markup=False)


class RunsScreen(Listing):
    """The runs of a folder, the latest first; how many tasks ended how comes as it is counted."""

    COLUMNS: ClassVar[tuple[str, ...]] = ("run", "started", "model", "dataset", "tasks")

    class Counted(Message):
        """More runs' tasks were counted."""

    def __init__(self, shelf: RunShelf) -> None:
        super().__init__()
        self._shelf = shelf
        self._counts: dict[str, str] = {}

    def load(self) -> None:
        """Show what is known and count the rest beside it."""
        self.query_one("#title", Static).update(
            f"{several(len(self._shelf.runs), 'run')} in {self._shelf.folder.resolve().name}/"
        )
        self.fill([self._entry(run) for run in self._shelf.runs])
        self.count()

    def _entry(self, run: RunLine) -> Entry:
        started = f"{run.started:%Y-%m-%d %H:%M}" if run.started else UNKNOWN
        tasks = run.problem or self._counts.get(run.path.name, "…")
        texts = (run.path.name, started, run.model, run.dataset or UNKNOWN, tasks)
        cells = tuple(Text(one_line(text, 80)) for text in texts)
        if run.problem:
            cells = (*cells[:-1], Text(one_line(run.problem, 120), "red"))
        moment = run.started.timestamp() if run.started else None
        return Entry(str(run.path), cells, (run.path.name, moment, run.model, run.dataset, tasks))

    @work(thread=True, exclusive=True)
    def count(self) -> None:
        """Count how the tasks of each run ended, run by run."""
        worker = get_current_worker()
        for place, run in enumerate(self._shelf.runs):
            if worker.is_cancelled or run.problem:
                continue
            self._counts[run.path.name] = _counted(run.path)
            if place % 50 == 49:
                self.post_message(self.Counted())
        if not worker.is_cancelled:
            self.post_message(self.Counted())

    def on_runs_screen_counted(self) -> None:
        """Show the counts; a screen that is being put away has no table any more."""
        if self.query(DataTable):
            self.fill([self._entry(run) for run in self._shelf.runs])

    def poll(self) -> None:
        """Take in runs that came or went."""
        if run_folders(self._shelf.folder) != {run.path for run in self._shelf.runs}:
            self._shelf = open_shelf(self._shelf.folder)
            self.load()

    def open(self, key: str) -> None:
        """Show the tasks of a run; the task itself where there is one."""
        navigation(self).show_run(open_run(Path(key)))


def _counted(folder: Path) -> str:
    run = open_run(folder)
    if len(run.folders) > 200:
        return several(len(run.folders), "task")
    ends: dict[str, int] = {}
    for line in run.lines():
        ends[line.status] = ends.get(line.status, 0) + 1
    return ", ".join(f"{number} {end}" for end, number in sorted(ends.items())) or "no task yet"


class TasksScreen(Listing):
    """The tasks of a run."""

    COLUMNS: ClassVar[tuple[str, ...]] = (
        "task", "status", "resolved", "confidence", "patches", "tokens", "cost", "time", "remark",
    )  # fmt: skip

    def __init__(self, run: OpenedRun) -> None:
        super().__init__()
        self._run = run
        self._seen: tuple[object, ...] = ()

    def load(self) -> None:
        """Show a line for each task."""
        problems = f" · {' '.join(self._run.problems)}" if self._run.problems else ""
        tasks = several(len(self._run.ids), "task")
        model = f" · {self._run.info.config.get('model', '')}" if self._run.info else ""
        self.query_one("#title", Static).update(
            one_line(f"{self._run.name} · {tasks}{model}{problems}")
        )
        self.fill([_task_entry(line) for line in self._run.lines()])
        self._seen = self._state()

    def _state(self) -> tuple[object, ...]:
        folder = self._run.folder
        if folder is None:
            return ()
        names = ("result.json", "failure.json")
        ends = [
            path for each in self._run.folders for name in names if (path := each / name).exists()
        ]
        entries = sum(1 for _ in folder.iterdir()) if len(self._run.folders) != 1 else 0
        return (entries, *(path.stat().st_mtime_ns for path in ends))

    def poll(self) -> None:
        """Take in tasks that came or ended."""
        if self._state() != self._seen:
            if self._run.folder is not None and len(self._run.folders) != 1:
                self._run = open_run(self._run.folder)
            self.load()

    def open(self, key: str) -> None:
        """Show a task."""
        navigation(self).show_task(self._run.task(key), lambda: self._run.task(key))

    def action_compare(self) -> None:
        """Mark this task, or show the marked one beside it."""
        key = self.key_at_cursor
        if key is not None:
            self._opening(lambda: navigation(self).compare_with(self._run.task(key)))


def _task_entry(line: TaskLine) -> Entry:
    resolved = {True: Text("yes", "bold green"), False: Text("no", "red"), None: Text(UNKNOWN)}
    confidence = UNKNOWN if line.confidence is None else f"{line.confidence:.2f}"
    cells = (
        Text(one_line(line.id, 60)),
        Text(one_line(line.status, 30), STATUS.get(line.status, "")),
        resolved[line.resolved],
        Text(confidence, justify="right"),
        Text(UNKNOWN if line.candidates is None else str(line.candidates), justify="right"),
        Text(UNKNOWN if line.tokens is None else f"{line.tokens:,}", justify="right"),
        Text(UNKNOWN if line.usd is None else money(line.usd), justify="right"),
        Text(UNKNOWN if line.seconds is None else duration(line.seconds), justify="right"),
        Text(one_line(line.remark, 120)),
    )
    sort = (
        line.id, line.status, line.resolved, line.confidence, line.candidates, line.tokens,
        line.usd, line.seconds, line.remark,
    )  # fmt: skip
    return Entry(line.id, cells, sort)
