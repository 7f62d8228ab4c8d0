"""What a run folder holds, read back: the one loader behind inspect, report and replay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.errors import UserError
from agent.records import (
    FORMAT,
    Attempt,
    Call,
    Candidate,
    Image,
    Location,
    Matrix,
    Message,
    Reproduction,
    Result,
    Task,
    Usage,
    Verdict,
)
from agent.trajectory.encoding import complete_lines, decode, event_of
from agent.trajectory.events import End, Event, Header
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
class Log:
    """The events of attempt `number` in the order in which they happened.

    `restarts` counts earlier starts of the attempt, whose events are left out here.
    """

    number: int
    events: tuple[Event, ...]
    restarts: int = 0

    @property
    def observations(self) -> tuple[Observation, ...]:
        """What the model saw of its calls."""
        return tuple(event for event in self.events if isinstance(event, Observation))


@dataclass(frozen=True)
class RecordedTask:
    """All that is known of one task; None or empty where the run did not get that far.

    `attempts` are rebuilt from `logs`, in the same order; `shared` is the log of the work that
    attempts share.
    """

    id: str
    folder: Path
    task: Task | None = None
    image: Image | None = None
    reproduction: Reproduction | None = None
    attempts: tuple[Attempt, ...] = ()
    logs: tuple[Log, ...] = ()
    shared: tuple[Event, ...] = ()
    places: tuple[Location, ...] = ()
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
    """Return a file's content, None when it is not there; raises UserError when it is no file."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(*unreadable(path, error)) from error


def unreadable(path: Path, error: OSError) -> tuple[str, str]:
    """Say that a file cannot be read, and what to do."""
    why = (error.strerror or str(error)).lower()
    return f"{path} cannot be read: {why}", "let it be read, or restore it from a copy of the run"


def read_record(path: Path, kind: Any) -> Any:
    """Return the record in a JSON file, None when the file is not there."""
    data = read_bytes(path)
    return None if data is None else decode(kind, data, str(path))


def read_events(path: Path, problems: list[str] | None = None) -> tuple[Event, ...]:
    """Return the events of a log, without a line that was cut; () when there is no log.

    A damaged line raises UserError; with `problems` it is left out and told there.
    """
    try:
        data = read_bytes(path) or b""
    except UserError as error:
        _tell(error, problems)
        return ()
    lines = complete_lines(data)
    if problems is not None and len(lines) < len(data):
        problems.append(f"{path.name}: the last line was cut and is left out")
    found: list[Event] = []
    for number, line in enumerate(lines.split(b"\n")[:-1], 1):
        try:
            found.append(event_of(line, f"{path} line {number}"))
        except UserError as error:
            _tell(error, problems)
    return tuple(found)


def _tell(error: UserError, problems: list[str] | None) -> None:
    if problems is None:
        raise error
    problems.append(error.message)


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


def read_log(path: Path, problems: list[str] | None = None) -> Log | None:
    """Return the latest start of an attempt, None when not even its header was written."""
    events = read_events(path, problems)
    starts = [index for index, event in enumerate(events) if isinstance(event, Header)]
    if not starts:
        if problems is not None:
            problems.append(f"{path.name} has no header that can be read")
        return None
    header = events[starts[-1]]
    assert isinstance(header, Header)
    return Log(header.number, events[starts[-1] :], len(starts) - 1)


def starts(events: Sequence[Event], prefix: str = "") -> list[list[Event]]:
    """Return the starts that a log holds, the latest last.

    A header begins one; in the log that attempts share, the first message of the conversation
    whose ids begin with `prefix` does.
    """
    found: list[list[Event]] = []
    for event in events:
        again = isinstance(event, Message) and prefix and event.id == f"{prefix}m0"
        if isinstance(event, Header) or again:
            found.append([])
        if found:
            found[-1].append(event)
    return found


def last_starts(shared: Sequence[Event]) -> tuple[Event, ...]:
    """Return the events of a shared log without those of conversations that began again later."""
    kept: list[Event] = []
    for event in shared:
        if isinstance(event, Message) and event.id.endswith("-m0"):
            before = event.id.removesuffix("m0")
            kept = [
                one
                for one in kept
                if not (isinstance(one, Message | Call) and one.id.startswith(before))
            ]
        kept.append(event)
    return tuple(kept)


def rebuilt(log: Log) -> Attempt:
    """Return the attempt that a log tells of; `end` is None when it was killed."""
    header, end = log.events[0], log.events[-1]
    assert isinstance(header, Header)
    calls = tuple(event for event in log.events if isinstance(event, Call))
    attempt = Attempt(
        number=header.number,
        planner=header.planner,
        model=header.model,
        seed=header.seed,
        temperature=header.temperature,
        messages=tuple(event for event in log.events if isinstance(event, Message)),
        calls=calls,
    )
    if isinstance(end, End):
        return replace(
            attempt,
            end=end.reason,
            detail=end.detail,
            usage=end.usage,
            seconds=end.seconds,
            rejected=end.rejected,
        )
    seconds = sum(call.seconds for call in calls) + sum(one.seconds for one in log.observations)
    return replace(attempt, usage=_sum(calls), seconds=seconds)


def _sum(calls: tuple[Call, ...]) -> Usage:
    return sum((call.usage for call in calls), Usage())


PARTS: dict[str, Any] = {
    "task": Task,
    "image": Image,
    "reproduction": Reproduction,
    "places": tuple[Location, ...],
    "candidates": tuple[Candidate, ...],
    "matrix": Matrix,
    "verdict": Verdict,
    "result": Result,
    "failure": Failure,
}
"""The files of a task's folder that are one record each."""


def read_part(folder: Path, name: str, problems: list[str] | None = None) -> Any:
    """Return one of PARTS, None where there is none; with `problems`, damage is told there."""
    try:
        return read_record(folder / f"{name}.json", PARTS[name])
    except UserError as error:
        _tell(error, problems)
        return None


def read_parts(folder: Path, problems: list[str] | None = None) -> RecordedTask:
    """Read what a task's folder holds but for its logs."""
    parts = {name: read_part(folder, name, problems) for name in PARTS}
    known = {name: part for name, part in parts.items() if part is not None}
    return RecordedTask(folder.name, folder, **known)


def read_task(folder: Path, problems: list[str] | None = None) -> RecordedTask:
    """Read all that a task's folder holds; with `problems`, what is damaged is told there."""
    paths = sorted(folder.glob("attempt-*.jsonl"), key=attempt_number)
    logs = tuple(log for path in paths if (log := read_log(path, problems)) is not None)
    return replace(
        read_parts(folder, problems),
        attempts=tuple(map(rebuilt, logs)),
        logs=logs,
        shared=last_starts(read_events(folder / "shared.jsonl", problems)),
    )


def attempt_number(path: Path) -> int:
    """Return the number at the end of a file's name, 0 where there is none."""
    digits = path.stem.rpartition("-")[2]
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
