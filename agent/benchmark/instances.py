"""Which instances of a dataset a batch works on, and in which order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from agent.errors import UserError
from agent.intake.issue import TaskFile

SLICE = re.compile(r"(-?\d+)?:(-?\d+)?")


@dataclass(frozen=True)
class Choice:
    """Filters, all of which an instance must pass: ids, a pattern found in the id, a slice A:B.

    The slice is taken of what the other filters leave, in the dataset's order.
    """

    ids: tuple[str, ...] = ()
    pattern: str | None = None
    part: str | None = None

    def of(self, tasks: Mapping[str, TaskFile]) -> list[TaskFile]:
        """Return the chosen tasks, those of one repository together.

        Their environments share layers. Raises UserError for an id that is not there, a pattern or
        slice that means nothing, and for nothing left.
        """
        missing = [one for one in self.ids if one not in tasks]
        if missing:
            raise UserError(f"the dataset has no {', '.join(missing[:5])}", "check --instance")
        found = [task for task in tasks.values() if not self.ids or task.id in self.ids]
        if self.pattern is not None:
            found = [task for task in found if _pattern(self.pattern).search(task.id)]
        found = found[_slice(self.part)] if self.part is not None else found
        if not found:
            raise UserError("no instance is left to work on", "check --filter and --slice")
        first = {task.repository: number for number, task in reversed([*enumerate(found)])}
        return sorted(found, key=lambda task: first[task.repository])


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise UserError(
            f"--filter {text!r} is no pattern: {error}", "such as django|flask"
        ) from error


def _slice(text: str) -> slice:
    found = SLICE.fullmatch(text)
    if not found:
        raise UserError(f"--slice {text!r} is no slice", "write it like 0:10, :5 or -3:")
    first, last = (int(bound) if bound else None for bound in found.groups())
    return slice(first, last)
