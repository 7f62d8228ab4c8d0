"""What there is to look at: a line for each run, a line for each task; and everything as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from agent import encoding
from agent.encoding import line_of
from agent.errors import UserError
from agent.recording import Failure, RecordedTask, Run, RunInfo, load_run, read_record, runs_in
from agent.records import Result, adapter
from agent.show.figures import duration, money, several
from agent.show.visible import one_line


def list_runs(folder: Path) -> Iterator[str]:
    """Yield a line for each run in a folder, the latest last, and one for each of its tasks."""
    for path, info in runs_in(folder):
        run = load_run(path)
        ends = Counter(_end(task)[0] for task in run.task_folders)
        counts = ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
        begun = f"{info.started:%Y-%m-%d %H:%M}"
        tasks = several(len(run.task_folders), "task")
        yield one_line(f"{path.name}  {begun}  {tasks}  {counts}")
        yield from (f"  {line}" for line in list_tasks(run.task_folders))


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


def as_json(recorded: Run | RecordedTask) -> str:
    """Return everything as one JSON object with the records' own field names.

    A task has its logs whole; the attempts that are rebuilt from them are left out.
    """
    if isinstance(recorded, RecordedTask):
        return encoding.as_json(plain_task(recorded), indent=2).decode()
    info = adapter(RunInfo | None).dump_python(recorded.info)
    both = {"run": info, "tasks": [plain_task(task) for task in recorded.tasks()]}
    return encoding.as_json(both, indent=2).decode()


def plain_task(task: RecordedTask) -> dict[str, Any]:
    """Return a task as plain values."""
    built = {"attempts", "folder", "logs", "shared"}
    plain: dict[str, Any] = adapter(RecordedTask).dump_python(task, exclude=built)
    plain["shared"] = [line_of(event) for event in task.shared]
    plain["logs"] = [
        {
            "number": log.number,
            "restarts": log.restarts,
            "events": [line_of(event) for event in log.events],
        }
        for log in task.logs
    ]
    return plain
