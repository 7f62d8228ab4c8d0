"""The first two screens: the runs of a folder, the tasks of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import work
from textual.message import Message
from textual.screen import Screen
from textual.widgets import DataTable
from textual.worker import get_current_worker

from agent.errors import UserError
from agent.inspector.common_tasks import Side, two_sides
from agent.inspector.compare import CompareScreen
from agent.inspector.filtered_list import UNKNOWN, Entry, Listing
from agent.inspector.opened_run import OpenedRun, OpenedTask, TaskLine
from agent.inspector.opening import RunLine, RunShelf, open_run, open_shelf, run_folders
from agent.inspector.task_screen import TaskScreen
from agent.show.figures import duration, money, several
from agent.show.terminal import style_of
from agent.show.terminal_safe import one_line

MOST_COUNTED = 200
"""Tasks of a run up to which the list of runs says how they ended."""


class RunsScreen(Listing):
    """The runs of a folder, the latest first; how many tasks ended how comes as it is counted."""

    COLUMNS: ClassVar[tuple[str, ...]] = ("run", "started", "model", "dataset", "tasks")

    class Counted(Message):
        """More runs' tasks were counted."""

    def __init__(self, shelf: RunShelf) -> None:
        super().__init__()
        self._shelf = shelf
        self._counts: dict[str, str] = {}
        self._marked: OpenedRun | None = None
        self._marked_tasks: list[OpenedTask] = []

    def load(self) -> None:
        """Show what is known and count the rest beside it."""
        runs, name = several(len(self._shelf.runs), "run"), self._shelf.folder.resolve().name
        self._title = f"{runs} in {name}/"
        self.fill(list(map(self._entry, self._shelf.runs)))
        self.count()

    def _entry(self, run: RunLine) -> Entry:
        started = f"{run.started:%Y-%m-%d %H:%M}" if run.started else UNKNOWN
        tasks = run.problem or self._counts.get(run.path.name, "…")
        texts = (run.path.name, started, run.model, run.dataset or UNKNOWN)
        last = Text(one_line(tasks, 120 if run.problem else 80), "red" if run.problem else "")
        moment = run.started.timestamp() if run.started else None
        sort = (run.path.name, moment, run.model, run.dataset, tasks)
        return Entry(str(run.path), (*(Text(one_line(text, 80)) for text in texts), last), sort)

    @work(thread=True, exclusive=True)
    def count(self) -> None:
        """Count how the tasks of each run ended, run by run."""
        worker = get_current_worker()
        for number, run in enumerate(self._shelf.runs, 1):
            if worker.is_cancelled or run.problem:
                continue
            with suppress(FileNotFoundError):  # it was removed: the list hears of it by itself
                self._counts[run.path.name] = _count(run.path)
            if number % 50 == 0:
                self.post_message(self.Counted())
        if not worker.is_cancelled:
            self.post_message(self.Counted())

    def on_runs_screen_counted(self) -> None:
        """Show the counts; a screen that is being put away has no table any more."""
        if self.query(DataTable):
            self.fill(list(map(self._entry, self._shelf.runs)))

    def poll(self) -> None:
        """Take in runs that came or went."""
        if run_folders(self._shelf.folder) != {run.path for run in self._shelf.runs}:
            self._shelf = open_shelf(self._shelf.folder)
            self.load()

    def open(self, key: str) -> None:
        """Show the tasks of a run; the task itself where there is one."""
        self.app.push_screen(screen_of(open_run(Path(key)), self._marked_tasks))

    def compare(self, key: str) -> None:
        """Mark a run; with one marked, show the task that both share side by side."""
        run, first = open_run(Path(key)), self._marked
        if first is None or first.folder == run.folder:
            self._marked = run
            self.notify(f"{run.name}: c on another run shows both", markup=False)
            return
        self._marked = None
        self.app.push_screen(CompareScreen(*two_sides(first, run)))


def _count(folder: Path) -> str:
    run = open_run(folder)
    if len(run.folders) > MOST_COUNTED:
        return several(len(run.folders), "task")
    ends = Counter(line.status for line in run.lines())
    return ", ".join(f"{number} {end}" for end, number in sorted(ends.items())) or "no task yet"


def screen_of(run: OpenedRun, marked: list[OpenedTask]) -> Screen[None]:
    """Return the screen of a run's tasks; that of the task itself where there is only one."""
    if len(run.ids) != 1:
        return TasksScreen(run, marked)
    return TaskScreen(run.task(run.ids[0]), lambda: run.task(run.ids[0]))


class TasksScreen(Listing):
    """The tasks of a run; `marked` holds one to be compared, also with those of another run."""

    COLUMNS: ClassVar[tuple[str, ...]] = (
        "task", "status", "resolved", "confidence", "patches", "tokens", "cost", "time", "remark",
    )  # fmt: skip

    def __init__(self, run: OpenedRun, marked: list[OpenedTask]) -> None:
        super().__init__()
        self._run, self._marked = run, marked
        self._loaded: tuple[object, ...] = ()

    def load(self) -> None:
        """Show a line for each task."""
        problems = f" · {' '.join(self._run.problems)}" if self._run.problems else ""
        tasks = several(len(self._run.ids), "task")
        model = f" · {self._run.info.config.get('model', '')}" if self._run.info else ""
        self._title = f"{self._run.name} · {tasks}{model}{problems}"
        self.fill(list(map(_task_entry, self._run.lines())))
        self._loaded = self._state()

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
        if self._state() != self._loaded:
            if self._run.folder is not None and len(self._run.folders) != 1:
                self._run = open_run(self._run.folder)
            self.load()

    def open(self, key: str) -> None:
        """Show a task."""
        self.app.push_screen(TaskScreen(self._run.task(key), lambda: self._run.task(key)))

    def compare(self, key: str) -> None:
        """Mark a task; with one marked, show both side by side."""
        task = self._run.task(key)
        if not task.episodes:
            raise UserError(f"{task.id} has no attempt to compare")
        if not self._marked or self._marked[0].id == task.id:
            self._marked[:] = [task]
            self.notify(f"{task.id}: c on another task shows both", markup=False)
            return
        first = self._marked.pop()
        self.app.push_screen(CompareScreen(Side(first, first.id), Side(task, task.id)))


def _task_entry(line: TaskLine) -> Entry:
    resolved = {True: Text("yes", "bold green"), False: Text("no", "red"), None: Text(UNKNOWN)}
    figures: list[tuple[float | None, Callable[[Any], str]]] = [
        (line.confidence, "{:.2f}".format),
        (line.candidates, str),
        (line.tokens, "{:,}".format),
        (line.usd, money),
        (line.seconds, duration),
    ]
    cells = (
        Text(one_line(line.id, 60)),
        Text(one_line(line.status, 30), style_of(line.status)),
        resolved[line.resolved],
        *(Text(UNKNOWN if n is None else text(n), justify="right") for n, text in figures),
        Text(one_line(line.remark, 120)),
    )
    values = (value for value, _ in figures)
    sort = (line.id, line.status, line.resolved, *values, line.remark)
    return Entry(line.id, cells, sort)
