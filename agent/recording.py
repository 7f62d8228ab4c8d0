"""What a run folder holds, read back: the one loader behind inspect, report and replay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.encoding import Line, complete_lines, decode
from agent.errors import UserError, from_os_error
from agent.records import (
    FORMAT,
    Attempt,
    Call,
    Candidate,
    End,
    Event,
    Header,
    Image,
    Matrix,
    Message,
    Result,
    Task,
    Usage,
    Verdict,
)
from tools.base import Observation


@dataclass(frozen=True)
class Session:
    """One later start of a run: when, with which programs and configuration."""

    started: datetime
    versions: dict[str, str]
    config: dict[str, Any]


@dataclass(frozen=True)
class RunInfo:
    """The content of run.json; `resumed` has one entry for each time the run was taken up again."""

    format: int
    id: str
    started: datetime
    versions: dict[str, str]
    config: dict[str, Any]
    dataset: str | None = None
    resumed: tuple[Session, ...] = ()


@dataclass(frozen=True)
class Failure:
    """Why a task could not be worked on: the world or a bug, never the model."""

    error: str
    message: str
    hint: str
    trace: str
    time: datetime


@dataclass(frozen=True)
class RecordedAttempt:
    """One attempt's log: the attempt rebuilt, and its events in the order in which they happened.

    `restarts` counts earlier headers in the log, whose events are left out here.
    """

    attempt: Attempt
    header: Header
    events: tuple[Event, ...]
    restarts: int = 0

    @property
    def observations(self) -> tuple[Observation, ...]:
        """What the model saw of its calls."""
        return tuple(event for event in self.events if isinstance(event, Observation))


@dataclass(frozen=True)
class RecordedTask:
    """All that is known of one task; None or empty where the run did not get that far."""

    id: str
    folder: Path
    task: Task | None = None
    image: Image | None = None
    attempts: tuple[RecordedAttempt, ...] = ()
    shared: tuple[Event, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    matrix: Matrix | None = None
    verdict: Verdict | None = None
    result: Result | None = None
    failure: Failure | None = None


@dataclass(frozen=True)
class Run:
    """A run folder; its tasks are read one at a time, so that its size costs no memory."""

    folder: Path
    info: RunInfo | None
    task_folders: tuple[Path, ...] = ()

    def tasks(self) -> Iterator[RecordedTask]:
        """Read the tasks in the order of their ids."""
        return map(read_task, self.task_folders)


def read_bytes(path: Path) -> bytes | None:
    """Return a file's content, None when it is not there."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise from_os_error(error) from error


def read_record(path: Path, kind: Any) -> Any:
    """Return the record in a JSON file, None when the file is not there."""
    data = read_bytes(path)
    return None if data is None else decode(kind, data, str(path))


def read_events(path: Path) -> tuple[Event, ...]:
    """Return the events of a log, without a line that was cut; () when there is no log."""
    lines = complete_lines(read_bytes(path) or b"").split(b"\n")[:-1]
    return tuple(
        decode(Line, line, f"{path} line {number}") for number, line in enumerate(lines, 1)
    )


def read_info(folder: Path) -> RunInfo | None:
    """Return a run folder's run.json, None when it has none; a newer format is a UserError."""
    path = folder / "run.json"
    data = read_bytes(path)
    if data is None:
        return None
    version = decode(dict[str, Any], data, str(path)).get("format")
    if isinstance(version, int) and version > FORMAT:
        raise UserError(
            f"{folder} was written by a newer repair-agent (format {version}, known: {FORMAT})",
            "update repair-agent",
        )
    info: RunInfo = decode(RunInfo, data, str(path))
    return info


def read_attempt(path: Path) -> RecordedAttempt | None:
    """Rebuild an attempt from its log, None when not even its header was written."""
    events = read_events(path)
    starts = [index for index, event in enumerate(events) if isinstance(event, Header)]
    if not starts:
        return None
    events = events[starts[-1] :]
    header = events[0]
    assert isinstance(header, Header)
    end = next((event for event in events if isinstance(event, End)), None)
    calls = tuple(event for event in events if isinstance(event, Call))
    attempt = Attempt(
        number=header.number,
        planner=header.planner,
        model=header.model,
        seed=header.seed,
        temperature=header.temperature,
        messages=tuple(event for event in events if isinstance(event, Message)),
        calls=calls,
        end=end.reason if end else None,
        detail=end.detail if end else "",
        usage=end.usage if end else _sum(calls),
        seconds=end.seconds if end else 0.0,
    )
    return RecordedAttempt(attempt, header, events, len(starts) - 1)


def _sum(calls: tuple[Call, ...]) -> Usage:
    return sum((call.usage for call in calls), Usage())


def read_task(folder: Path) -> RecordedTask:
    """Read all that a task's folder holds."""
    logs = sorted(folder.glob("attempt-*.jsonl"), key=lambda path: _number(path.stem))
    attempts = (read_attempt(path) for path in logs)
    return RecordedTask(
        id=folder.name,
        folder=folder,
        task=read_record(folder / "task.json", Task),
        image=read_record(folder / "image.json", Image),
        attempts=tuple(attempt for attempt in attempts if attempt is not None),
        shared=read_events(folder / "shared.jsonl"),
        candidates=read_record(folder / "candidates.json", tuple[Candidate, ...]) or (),
        matrix=read_record(folder / "matrix.json", Matrix),
        verdict=read_record(folder / "verdict.json", Verdict),
        result=read_record(folder / "result.json", Result),
        failure=read_record(folder / "failure.json", Failure),
    )


def _number(stem: str) -> int:
    digits = stem.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0


def is_task(folder: Path) -> bool:
    """Tell whether a folder is a task's: it has a task, an end, or an attempt."""
    names = ("task.json", "result.json", "failure.json")
    return any((folder / name).is_file() for name in names) or any(folder.glob("attempt-*.jsonl"))


def runs_in(folder: Path) -> list[tuple[Path, RunInfo]]:
    """Return the run folders directly inside a folder, the latest last."""
    found = [(path.parent, read_info(path.parent)) for path in folder.glob("*/run.json")]
    runs = [(path, info) for path, info in found if info is not None]
    return sorted(runs, key=lambda run: (run[1].started, run[0].name))


def load_run(path: Path) -> Run:
    """Read a run folder, the run of one task's folder, or the latest run in a folder of runs."""
    if not path.is_dir():
        raise UserError(f"there is no folder {path}", "name a run folder; they are in runs/")
    info = read_info(path)
    if info is not None:
        tasks = sorted(child for child in path.iterdir() if child.is_dir() and is_task(child))
        return Run(path, info, tuple(tasks))
    if is_task(path):
        return Run(path.parent, read_info(path.parent), (path,))
    runs = runs_in(path)
    if not runs:
        raise UserError(f"{path} holds no run", "name a run folder, or a folder of run folders")
    return load_run(runs[-1][0])


def load_task(path: Path) -> RecordedTask:
    """Read a task's folder, or the only task of a run."""
    run = load_run(path)
    if len(run.task_folders) != 1:
        names = ", ".join(folder.name for folder in run.task_folders[:10])
        problem = f"has several tasks: {names}" if names else "has no task yet"
        raise UserError(f"{run.folder} {problem}", "name the folder of one task")
    return read_task(run.task_folders[0])
