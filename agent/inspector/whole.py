"""A task read whole, damage and all: for text, JSON and other agents' forms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from agent.encoding import complete_lines, event_of
from agent.errors import UserError
from agent.events import Event, Header
from agent.inspector.opened import OpenedTask
from agent.recording import Log, RecordedTask, attempt_number, last_starts, read_bytes, rebuilt


def whole(task: OpenedTask) -> tuple[RecordedTask, tuple[str, ...]]:
    """Return a task with its logs, and what cannot be read of it, one line each."""
    problems = list(task.problems)
    folder = task.record.folder
    paths = sorted(folder.glob("attempt-*.jsonl"), key=attempt_number)
    logs = tuple(log for path in paths if (log := _log(path, problems)) is not None)
    shared = last_starts(_events(folder / "shared.jsonl", problems))
    record = replace(
        task.record, logs=logs, attempts=tuple(map(rebuilt, logs)), shared=tuple(shared)
    )
    return record, tuple(problems)


def _log(path: Path, problems: list[str]) -> Log | None:
    events = _events(path, problems)
    starts = [place for place, event in enumerate(events) if isinstance(event, Header)]
    if not starts:
        problems.append(f"{path.name} has no header that can be read")
        return None
    header = events[starts[-1]]
    assert isinstance(header, Header)
    return Log(header.number, tuple(events[starts[-1] :]), len(starts) - 1)


def _events(path: Path, problems: list[str]) -> list[Event]:
    data = read_bytes(path) or b""
    lines = complete_lines(data)
    if len(lines) < len(data):
        problems.append(f"{path.name}: the last line was cut and is left out")
    return list(_readable(path, lines, problems))


def _readable(path: Path, lines: bytes, problems: list[str]) -> Iterator[Event]:
    for number, line in enumerate(lines.split(b"\n")[:-1], 1):
        try:
            yield event_of(line, f"{path.name} line {number}")
        except UserError as error:
            problems.append(error.message)
