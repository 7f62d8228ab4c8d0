"""A run that was opened: its tasks are read one at a time, when they are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.errors import UserError
from agent.inspector.episode import Episode, LoggedEpisode
from agent.records import Result
from agent.trajectory.grades import read_grades
from agent.trajectory.indexed_log import IndexedLog
from agent.trajectory.missing_files import missing_files
from agent.trajectory.reader import (
    Failure,
    RecordedTask,
    attempt_number,
    read_part,
    read_parts,
)
from agent.trajectory.run_info import RunInfo
from agent.trajectory.task_log import SHARED


@dataclass(frozen=True)
class OpenedTask:
    """One task: its records, its episodes, whether its patch was resolved where that is known."""

    record: RecordedTask
    episodes: tuple[Episode, ...] = ()
    problems: tuple[str, ...] = ()
    resolved: bool | None = None
    without_steps: tuple[Episode, ...] = ()

    @property
    def id(self) -> str:
        return self.record.id


@dataclass(frozen=True)
class TaskLine:
    """What a list says of a task."""

    id: str
    status: str
    confidence: float | None = None
    entropy: float | None = None
    candidates: int | None = None
    tokens: int | None = None
    usd: float | None = None
    seconds: float | None = None
    resolved: bool | None = None
    remark: str = ""


@dataclass(frozen=True)
class OpenedRun:
    """A run: tasks are opened one at a time. `foreign` holds those of other agents' files."""

    name: str
    folder: Path | None
    info: RunInfo | None = None
    problems: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()
    foreign: tuple[OpenedTask, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """The tasks' ids, in order."""
        return tuple(path.name for path in self.folders) + tuple(one.id for one in self.foreign)

    def task(self, identity: str) -> OpenedTask:
        """Open one task; raises UserError when there is none of that id."""
        for one in self.foreign:
            if one.id == identity:
                return one
        for path in self.folders:
            if path.name == identity:
                return open_task(path, self.grades().get(identity))
        raise UserError(f"{self.name} has no task {identity}", "the list shows those that it has")

    def lines(self) -> Iterator[TaskLine]:
        """Yield what the list says of each task."""
        grades = self.grades()
        for path in self.folders:
            yield _line(path, grades.get(path.name))
        for one in self.foreign:
            usage = one.episodes[0].about.usage if one.episodes else None
            tokens = usage.prompt + usage.completion if usage else 0
            status = one.episodes[0].about.end if one.episodes else _predicted(one)
            yield TaskLine(
                one.id, status, candidates=len(one.record.candidates), tokens=tokens or None,
                usd=usage.usd if usage else None, resolved=one.resolved,
            )  # fmt: skip

    def grades(self) -> dict[str, bool | None]:
        """Return what the harness said of the voted patches."""
        if self.folder is None:
            return {}
        try:
            found = read_grades(self.folder)
        except UserError:  # told when the run was opened
            return {}
        grades = found.grades if found else ()
        return {one.instance: one.resolved for one in grades if one.sample is None}


def _predicted(one: OpenedTask) -> str:
    return "predicted" if one.record.candidates else "no patch"


def open_task(folder: Path, resolved: bool | None = None) -> OpenedTask:
    """Read a task's records; its logs are read where they are looked at."""
    problems: list[str] = []
    episodes = [
        LoggedEpisode(IndexedLog(path), f"attempt {attempt_number(path)}")
        for path in sorted(folder.glob("attempt-*.jsonl"), key=attempt_number)
    ]
    shared = folder / f"{SHARED}.jsonl"
    if shared.exists():
        episodes.append(LoggedEpisode(IndexedLog(shared, shared=True), SHARED))
    parts = [event for episode in episodes for event in episode.log.parts()]
    record = read_parts(folder, parts, problems)
    problems += missing_files(record)
    problems += [problem for one in episodes for problem in one.problems]
    begun = tuple(episode for episode in episodes if len(episode))
    without_steps = tuple(episode for episode in episodes if not len(episode))
    return OpenedTask(record, begun, tuple(problems), resolved, without_steps)


def _line(folder: Path, resolved: bool | None) -> TaskLine:
    problems: list[str] = []
    result: Result | None = read_part(folder, "result", problems)
    if result is not None:
        tokens = result.tokens.prompt + result.tokens.completion
        return TaskLine(
            folder.name, result.status, result.confidence, result.entropy, result.candidates,
            tokens, result.cost_usd, result.seconds, resolved,
        )  # fmt: skip
    failure: Failure | None = read_part(folder, "failure", problems)
    if failure is not None:
        return TaskLine(folder.name, "failed", resolved=resolved, remark=failure.message)
    status = "damaged" if problems else "unfinished"
    return TaskLine(folder.name, status, resolved=resolved, remark=" ".join(problems))
