"""Two attempts side by side: which task two runs share, and what each side is called."""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import UserError
from agent.inspector.opened_run import OpenedRun, OpenedTask


@dataclass(frozen=True)
class Side:
    """One of two: a task, and the name of its run where the other's is another."""

    task: OpenedTask
    run: str = ""

    def called(self, what: str) -> str:
        """Return the name of something on this side."""
        return f"{self.run}: {what}" if self.run else what


def two_sides(one: OpenedRun, other: OpenedRun) -> tuple[Side, Side]:
    """Return the task that two runs share, or the only one of each; raises UserError."""
    shared = [name for name in one.ids if name in other.ids]
    names = (shared[0], shared[0]) if shared else (one.ids[:1] + other.ids[:1])
    if len(names) < 2 or (not shared and (len(one.ids) > 1 or len(other.ids) > 1)):
        raise UserError(
            f"{one.name} and {other.name} share no task", "name the folders of two tasks"
        )
    tasks = one.task(names[0]), other.task(names[1])
    for task in tasks:
        if not task.episodes:
            raise UserError(f"{task.id} has no attempt to compare", "name one that has")
    runs = _names(one, other)
    return Side(tasks[0], runs[0]), Side(tasks[1], runs[1])


def _names(one: OpenedRun, other: OpenedRun) -> tuple[str, str]:
    """Return the runs' names, with as much of their paths as tells them apart."""
    if one.folder is None or other.folder is None:
        return one.name, other.name
    parts = [list(run.folder.resolve().parts) for run in (one, other) if run.folder]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(path[-depth:]) for path in parts]
        if names[0] != names[1]:
            return names[0], names[1]
    return f"{one.folder.name} (a)", f"{other.folder.name} (b)"


def attempts_of(task: OpenedTask) -> list[int]:
    """Return the places of a task's attempts among its episodes: not of what they share."""
    numbered = [at for at, one in enumerate(task.episodes) if one.about.number is not None]
    return numbered or list(range(len(task.episodes)))
