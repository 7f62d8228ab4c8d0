"""The same content as text that greps well, and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from agent.errors import UserError
from agent.inspector.common_tasks import Side, two_sides
from agent.inspector.episode import ForeignTrajectory
from agent.inspector.interdiff import interdiff
from agent.inspector.opened_run import OpenedRun, OpenedTask
from agent.inspector.opening import Opened, RunShelf, open_run
from agent.inspector.task_pages import patch_of
from agent.inspector.task_text import prefixed, task_lines
from agent.show.figures import several
from agent.show.task_listing import list_tasks, plain_task
from agent.show.terminal_safe import one_line
from agent.trajectory.encoding import as_json
from agent.trajectory.encoding import plain as values
from agent.trajectory.missing_files import missing_files
from agent.trajectory.reader import read_task


def lines(opened: Opened, beside: OpenedRun | None = None) -> Iterator[str]:
    """Yield the lines of what was opened; each says what it belongs to."""
    if isinstance(opened, RunShelf):
        yield from _shelf(opened)
        return
    if beside is not None:
        yield from _compared(*two_sides(opened, beside))
        return
    for problem in opened.problems:
        yield f"problem: {one_line(problem)}"
    for identity in opened.ids:
        yield from task_lines(opened.task(identity))


def _shelf(shelf: RunShelf) -> Iterator[str]:
    """Yield a line for each run, the latest first, and one for each of its tasks."""
    for line in shelf.runs:
        started = f"{line.started:%Y-%m-%d %H:%M}" if line.started else "-"
        run = open_run(line.path)
        ends = Counter(one.status for one in run.lines())
        counts = ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
        told = line.problem or f"{several(len(run.folders), 'task')}  {counts}"
        yield one_line(f"{line.path.name}  {started}  {line.model}  {line.dataset}  {told}")
        yield from (f"  {one}" for one in list_tasks(run.folders))


def _compared(one: Side, other: Side) -> Iterator[str]:
    """Yield the first attempts of both step by step, then what their patches make differently."""
    for side, what in (("a", one), ("b", other)):
        about = what.task.episodes[0].about
        told = f"{what.task.id} {about.label}, model {about.model}, {about.end or 'no end yet'}"
        yield one_line(f"{side}: {what.called(told)}")
    ours, theirs = one.task.episodes[0], other.task.episodes[0]
    numbers = zip_longest(range(1, len(ours) + 1), range(1, len(theirs) + 1))
    for left, right in numbers:
        for side, episode, number in (("a", ours, left), ("b", theirs, right)):
            if number is not None:
                step = episode.step(number)
                failed = " failed" if step.failed else ""
                yield one_line(f"{side} step {number}{failed}: {step.summary}", 300)
    first, second = (
        patch_of(what.task.record, what.task.episodes[0].about.number) for what in (one, other)
    )
    if first is not None and second is not None:
        yield f"patches: from a's candidate {first.id} to b's candidate {second.id}"
        difference = interdiff(first.patch, second.patch)
        yield from prefixed("patches", difference or "both leave the same lines")


def json_text(opened: Opened, beside: OpenedRun | None = None) -> Iterator[str]:
    """Yield everything as one JSON object with the records' own field names.

    With a second run it is a list of two such objects.
    """
    if isinstance(opened, RunShelf):
        raise UserError(f"{opened.folder} holds several runs", "name one of them")
    found: Any = _run(opened) if beside is None else [_run(opened), _run(beside)]
    yield from as_json(found, indent=2).decode("utf-8").splitlines()


def _run(opened: OpenedRun) -> dict[str, Any]:
    info: Any = values(opened.info)
    tasks, problems = [], list(opened.problems)
    for identity in opened.ids:
        task = opened.task(identity)
        if task.record.folder.is_dir():
            record = read_task(task.record.folder, problems)
            problems += missing_files(record)
            tasks.append(plain_task(record))
        else:
            tasks.append(_foreign(task))
    return {"run": info, "tasks": tasks, "problems": problems}


def _foreign(task: OpenedTask) -> dict[str, Any]:
    found = [one.trajectory for one in task.episodes if isinstance(one, ForeignTrajectory)]
    recorded: Any = values(found)
    patch = task.record.candidates[0].patch if task.record.candidates else None
    return {"id": task.id, "patch": patch, "resolved": task.resolved, "trajectories": recorded}


def named_task(path: Path, opened: Opened) -> OpenedTask:
    """Return the only task of what was opened; raises UserError."""
    ids = opened.ids if isinstance(opened, OpenedRun) else ()
    if not isinstance(opened, OpenedRun) or len(ids) != 1:
        raise UserError(f"{path} is not one task", "name the folder of one task")
    return opened.task(ids[0])
