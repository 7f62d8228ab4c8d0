"""What is opened: a folder of runs, a run, a task, another agent's file; damage is told, not fatal.

Whatever can be read is shown; what cannot stands in `problems`, one line each.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from agent.errors import UserError
from agent.inspector.episode import ForeignTrajectory
from agent.inspector.opened_run import OpenedRun, OpenedTask
from agent.records import Candidate
from agent.trajectory.formats.loader import Trajectory, is_trajectory, load
from agent.trajectory.grades import read_grades
from agent.trajectory.predictions_file import read_predictions
from agent.trajectory.reader import (
    RecordedTask,
    is_task,
)
from agent.trajectory.run_info import read_info

KNOWN = "a trajectory ends in .traj or .traj.json, predictions in .json or .jsonl"
NO_RUN_JSON = "run.json is missing: how the run was set up is not known"


@dataclass(frozen=True)
class RunLine:
    """What a list says of a run: its folder's name, and of run.json what can be read."""

    path: Path
    started: datetime | None = None
    model: str = ""
    dataset: str = ""
    problem: str = ""


@dataclass(frozen=True)
class RunShelf:
    """A folder of runs, the latest first."""

    folder: Path
    runs: tuple[RunLine, ...] = field(default=())


Opened = RunShelf | OpenedRun


def open_path(path: Path) -> Opened:
    """Open whatever a path names; raises UserError when it is nothing that can be looked at."""
    if re.fullmatch(r"attempt-\d+(\.jsonl)?", path.name) and is_task(path.parent):
        if not path.with_suffix(".jsonl").exists():
            raise no_attempt(path)
        return open_path(path.parent)  # an attempt's steps are shown with its task
    if path.is_file():
        return _open_file(path)
    if not path.is_dir():
        raise UserError(
            f"there is no run folder or trajectory {path}",
            "name a run folder; solve and batch write them to runs/",
        )
    if is_run(path):
        return open_run(path)
    if is_task(path):
        above = open_run(path.parent)
        lone = not (path.parent / "run.json").exists()  # it may have been copied by itself
        problems = () if lone else above.problems
        return replace(above, name=path.name, folders=(path,), problems=problems)
    shelf = open_shelf(path)
    if shelf.runs:
        return shelf
    files = sorted(_trajectories_below(path))
    if not files:
        raise UserError(
            f"{path} holds no run and no trajectory",
            "name a run folder, a folder of them, a .traj.json or .traj, or a predictions file",
        )
    return _open_trajectories(path, files)


def _trajectories_below(folder: Path) -> Iterator[Path]:
    """Yield the trajectories in a folder, at any depth: agents put each in a folder of its own."""
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(root, name) for name in names)
        yield from filter(is_trajectory, paths)


def no_attempt(path: Path) -> UserError:
    """Return the error that a task has no such attempt."""
    return UserError(f"there is no attempt {path}", "name RUN/TASK/attempt-1")


def is_run(folder: Path) -> bool:
    """Tell whether a folder is a run's: it has a run.json, or lost it and has tasks."""
    if (folder / "run.json").is_file():
        return True
    return folder.is_dir() and any(map(is_task, _folders(folder)))


def _folders(folder: Path) -> list[Path]:
    return [one for one in folder.iterdir() if one.is_dir() and not one.name.startswith(".")]


def run_folders(folder: Path) -> set[Path]:
    """Return the folders of runs directly inside a folder."""
    return set(filter(is_run, _folders(folder)))


def open_shelf(folder: Path) -> RunShelf:
    """Read each run.json in a folder, as far as it can be read."""
    found = [_run_line(path) for path in run_folders(folder)]
    found.sort(key=lambda run: (run.started.timestamp() if run.started else 0.0, run.path.name))
    return RunShelf(folder, tuple(reversed(found)))


def _run_line(folder: Path) -> RunLine:
    try:
        info = read_info(folder)
    except UserError as error:
        return RunLine(folder, problem=error.message)
    if info is None:
        return RunLine(folder, problem=NO_RUN_JSON)
    return RunLine(folder, info.started, str(info.config.get("model", "")), info.dataset or "")


def open_run(folder: Path) -> OpenedRun:
    """List the tasks of a run folder, also where its run.json is damaged or gone."""
    problems: list[str] = []
    try:
        info = read_info(folder)
    except UserError as error:
        info = None
        problems.append(error.message)
    else:
        problems += [NO_RUN_JSON] if info is None else []
    try:
        read_grades(folder)
    except UserError as error:
        problems.append(error.message)
    tasks = sorted(filter(is_task, _folders(folder)))
    return OpenedRun(folder.resolve().name, folder, info, tuple(problems), tuple(tasks))


def _open_file(path: Path) -> OpenedRun:
    if is_trajectory(path):
        return _open_trajectories(path, [path])
    if not path.name.removesuffix(".gz").endswith((".json", ".jsonl")):
        raise UserError(
            f"{path} is neither a run folder nor a trajectory nor a file of predictions", KNOWN
        )
    problems: list[str] = []
    found = read_predictions(path, problems.append)
    if not found:
        raise UserError(f"{path} holds no predictions", KNOWN)
    tasks = tuple(OpenedTask(_foreign_record(one.instance, path, one.patch)) for one in found)
    return OpenedRun(path.name, None, problems=tuple(problems), foreign=tasks)


def _open_trajectories(path: Path, files: Sequence[Path]) -> OpenedRun:
    tasks, problems = [], []
    for file in files:
        try:
            tasks.append(_foreign_task(load(file), file))
        except UserError as error:
            if len(files) == 1:
                raise
            problems.append(error.message)
    return OpenedRun(path.name, None, problems=tuple(problems), foreign=_told_apart(path, tasks))


def _told_apart(folder: Path, tasks: Sequence[OpenedTask]) -> tuple[OpenedTask, ...]:
    """Return tasks with different ids: several files of one instance carry their paths, too."""
    often = Counter(task.id for task in tasks)
    return tuple(
        replace(
            task,
            record=replace(task.record, id=f"{task.id} ({task.record.folder.relative_to(folder)})"),
        )
        if often[task.id] > 1
        else task
        for task in tasks
    )


def _foreign_task(trajectory: Trajectory, file: Path) -> OpenedTask:
    record = _foreign_record(trajectory.id, file, trajectory.patch or "")
    return OpenedTask(record, (ForeignTrajectory(trajectory),), (), trajectory.resolved)


def _foreign_record(identity: str, path: Path, patch: str) -> RecordedTask:
    files = tuple(
        line.removeprefix("+++ b/") for line in patch.splitlines() if line.startswith("+++ b/")
    )
    candidates = (Candidate("1.1", 1, "1.1", patch, files),) if patch.strip() else ()
    return RecordedTask(identity, path, candidates=candidates)
