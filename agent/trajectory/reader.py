"""What a run folder holds, read back: the one loader behind inspect, report and replay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.errors import UserError
from agent.records import (
    Candidate,
    Image,
    Location,
    Matrix,
    Reproduction,
    Result,
    Task,
    Verdict,
)
from agent.trajectory import format_1
from agent.trajectory.attempt import Attempt, latest_shared, latest_start
from agent.trajectory.encoding import complete_lines, decode, event_from
from agent.trajectory.events import Event, Locations
from agent.trajectory.repeated_text import LogTexts, restored
from agent.trajectory.run_info import (
    RunInfo,
    read_bytes,
    read_info,
    read_record,
    runs_in,
)
from agent.trajectory.task_log import SHARED, TaskLog, attempt_name


@dataclass(frozen=True)
class Failure:
    """Why a task could not be worked on: the world or a bug, never the model."""

    error: str
    message: str
    hint: str
    trace: str
    time: datetime


@dataclass(frozen=True)
class RecordedTask:
    """All that is known of one task; None or empty where the run did not get that far.

    `shared` is the log of the work that attempts share.
    """

    id: str
    folder: Path
    task: Task | None = None
    image: Image | None = None
    reproduction: Reproduction | None = None
    attempts: tuple[Attempt, ...] = ()
    shared: tuple[Event, ...] = ()
    locations: tuple[Location, ...] = ()
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
    decoded, origins, texts = [], [], LogTexts(path.parent)
    for number, line in enumerate(lines.split(b"\n")[:-1], 1):
        origin = f"{path} line {number}"
        try:
            decoded.append(restored(decode(dict[str, Any], line, origin), texts))
            origins.append(origin)
        except UserError as error:
            _tell(error, problems)
    return tuple(read_lines(decoded, origins, problems))


def read_lines(
    lines: Sequence[dict[str, Any]], origins: Sequence[str], problems: list[str] | None = None
) -> Iterator[Event]:
    """Yield the events of decoded lines of either format; damage is told in `problems`, if any."""
    if any(line.get("kind") in format_1.KINDS for line in lines):
        yield from format_1.upgraded(lines, origins, lambda error: _tell(error, problems))
        return
    for line, origin in zip(lines, origins, strict=True):
        try:
            yield event_from(line, origin)
        except UserError as error:
            _tell(error, problems)


def _tell(error: UserError, problems: list[str] | None) -> None:
    if problems is None:
        raise error
    problems.append(error.message)


PARTS: dict[str, Any] = {
    "task": Task,
    "image": Image,
    "matrix": Matrix,
    "verdict": Verdict,
    "result": Result,
    "failure": Failure,
}
"""The files of a task's folder that are one record each."""
PARTS_OF_FORMAT_1: dict[str, Any] = {
    "reproduction": Reproduction,
    "places": tuple[Location, ...],
    "candidates": tuple[Candidate, ...],
}
"""The files that format 1 had for what stands in the logs since."""


def read_part(folder: Path, name: str, problems: list[str] | None = None) -> Any:
    """Return one of the files of a task, None where there is none; damage goes to `problems`."""
    try:
        return read_record(folder / f"{name}.json", (PARTS | PARTS_OF_FORMAT_1)[name])
    except UserError as error:
        _tell(error, problems)
        return None


def read_parts(
    folder: Path, events: Iterable[Event], problems: list[str] | None = None
) -> RecordedTask:
    """Read a task's folder but for its logs, of which `events` are those that are parts of it."""
    parts = {name: read_part(folder, name, problems) for name in PARTS}
    known = {name: part for name, part in parts.items() if part is not None}
    old = {name: read_part(folder, name, problems) for name in PARTS_OF_FORMAT_1}
    reproduction, locations = old["reproduction"], old["places"] or ()
    candidates = {one.id: one for one in old["candidates"] or ()}
    for event in events:
        if isinstance(event, Reproduction):
            reproduction = event
        elif isinstance(event, Locations):
            locations = event.locations
        elif isinstance(event, Candidate):
            candidates[event.id] = _judged(folder, event, known.get("matrix"), problems)
    return RecordedTask(
        folder.name,
        folder,
        reproduction=reproduction,
        locations=locations,
        candidates=tuple(candidates.values()),
        **known,
    )


def _judged(
    folder: Path, candidate: Candidate, matrix: Matrix | None, problems: list[str] | None
) -> Candidate:
    """Return a candidate with its patch, and with what the matrix found out about it."""
    try:
        data = read_bytes(folder / patch_name(candidate.id)) or b""
    except UserError as error:
        _tell(error, problems)
        data = b""
    twins: tuple[str, ...] = ()
    refused = False
    if matrix is not None:
        twins = matrix.twins.get(candidate.id, ())
        refused = candidate.id in matrix.inapplicable
    patch = data.decode("utf-8", "surrogateescape")
    return replace(candidate, patch=patch, merged=twins, applies=not refused)


def patch_name(candidate: str) -> str:
    """Return the file name of a candidate's patch."""
    return f"candidate-{candidate}.patch"


def read_task(folder: Path, problems: list[str] | None = None) -> RecordedTask:
    """Read all that a task's folder holds; with `problems`, what is damaged is told there."""
    paths = sorted(folder.glob("attempt-*.jsonl"), key=attempt_number)
    attempts = []
    for path in paths:
        attempt = latest_start(read_events(path, problems))
        if attempt is not None:
            attempts.append(attempt)
        elif problems is not None:
            problems.append(f"{path.name} has no header that can be read")
    shared = latest_shared(read_events(folder / "shared.jsonl", problems))
    events = [*shared, *(event for attempt in attempts for event in attempt.events)]
    return replace(read_parts(folder, events, problems), attempts=tuple(attempts), shared=shared)


def read_log(folder: Path) -> TaskLog:
    """Return a task's log as earlier starts left it, to be gone on with."""
    paths = [folder / f"{SHARED}.jsonl", *folder.glob("attempt-*.jsonl")]
    earlier: dict[str, list[Event]] = {
        path.stem: [
            _judged(folder, event, None, None) if isinstance(event, Candidate) else event
            for event in read_events(path)
        ]
        for path in paths
        if path.exists()
    }
    if earlier:
        _add_files_of_format_1(folder, earlier)
    return TaskLog(folder, earlier)


def _add_files_of_format_1(folder: Path, earlier: dict[str, list[Event]]) -> None:
    """Put what format 1 had in files of their own where it stands in the logs since."""
    parts = list[Event](filter(None, [read_part(folder, "reproduction")]))
    places = read_part(folder, "places")
    parts += [Locations(places)] if places is not None else []
    earlier.setdefault(SHARED, [])[:0] = parts  # what is newer comes later
    newer = {name for name in earlier if any(isinstance(one, Candidate) for one in earlier[name])}
    for candidate in read_part(folder, "candidates") or ():
        name = attempt_name(candidate.attempt)
        if name in earlier and name not in newer:
            earlier[name].insert(-1, candidate)  # before the end


def attempt_number(path: Path) -> int:
    """Return the number at the end of a file's name, 0 where there is none."""
    digits = path.stem.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0


def is_task(folder: Path) -> bool:
    """Tell whether a folder is a task's: it has a task, an end, or an attempt."""
    names = ("task.json", "result.json", "failure.json")
    return any((folder / name).is_file() for name in names) or any(folder.glob("attempt-*.jsonl"))


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
