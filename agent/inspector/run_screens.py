"""The first two screens: the runs of a folder, the tasks of a run."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.message import Message
from textual.widgets import DataTable
from textual.worker import get_current_worker

from agent.inspector.filtered_list import UNKNOWN, Entry, Listing
from agent.inspector.navigation import navigation
from agent.inspector.opening import (
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
from agent.show.terminal_safe import one_line


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
        self._title = (
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
            with suppress(FileNotFoundError):  # it was removed: the list hears of it by itself
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

    def compare(self, key: str) -> None:
        """Mark a run, or show the marked one beside it."""
        navigation(self).compare_runs(open_run(Path(key)))


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
        self._title = f"{self._run.name} · {tasks}{model}{problems}"
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

    def compare(self, key: str) -> None:
        """Mark a task, or show the marked one beside it."""
        navigation(self).compare_with(self._run.task(key))


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
