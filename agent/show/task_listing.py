"""What there is to look at: a line for each task; and a task as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from agent.errors import UserError
from agent.records import Result
from agent.show.figures import duration, money
from agent.show.terminal_safe import one_line
from agent.trajectory.encoding import line_of, plain
from agent.trajectory.reader import Failure, RecordedTask
from agent.trajectory.run_info import read_record


def list_tasks(folders: Iterable[Path]) -> Iterator[str]:
    """Yield a line for each task of a run, also where its end cannot be read."""
    for folder in folders:
        try:
            end = _end(folder)
        except UserError as error:
            end = ("damaged", error.message)
        yield one_line("  ".join((folder.name, *end)))


def _end(folder: Path) -> tuple[str, ...]:
    result: Result | None = read_record(folder / "result.json", Result)
    if result is not None:
        confidence = "-" if result.confidence is None else f"{result.confidence:.2f}"
        return (result.status, confidence, money(result.cost_usd), duration(result.seconds))
    failure: Failure | None = read_record(folder / "failure.json", Failure)
    return ("failed", failure.message) if failure is not None else ("unfinished",)


def plain_task(task: RecordedTask) -> dict[str, Any]:
    """Return a task with the records' own field names; the events of its logs are whole."""
    logs = {"attempts", "folder", "shared"}
    names = (field.name for field in fields(task) if field.name not in logs)
    found = {name: plain(getattr(task, name)) for name in names}
    found["shared"] = [line_of(event) for event in task.shared]
    found["attempts"] = [
        {
            "number": attempt.number,
            "restarts": attempt.restarts,
            "events": [line_of(event) for event in attempt.events],
        }
        for attempt in task.attempts
    ]
    return found
