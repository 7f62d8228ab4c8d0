"""Which task two runs share."""

from __future__ import annotations

from agent.errors import UserError
from agent.inspector.opened import OpenedRun, OpenedTask


def two_tasks(one: OpenedRun, other: OpenedRun) -> tuple[OpenedTask, OpenedTask]:
    """Return the task that two runs share, or the only one of each; raises UserError."""
    shared = [name for name in one.ids if name in other.ids]
    names = (shared[0], shared[0]) if shared else (one.ids[:1] + other.ids[:1])
    if len(names) < 2 or (not shared and (len(one.ids) > 1 or len(other.ids) > 1)):
        raise UserError(
            f"{one.name} and {other.name} share no task", "name the folders of two tasks"
        )
    found = one.task(names[0]), other.task(names[1])
    for task in found:
        if not task.episodes:
            raise UserError(f"{task.id} has no attempt to compare", "name one that has")
    return found
