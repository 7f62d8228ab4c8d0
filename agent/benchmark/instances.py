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
            try:
                found = [task for task in found if re.search(self.pattern, task.id)]
            except re.error as error:
                reason = f"--filter {self.pattern!r} is no pattern: {error}"
                raise UserError(reason, "such as django|flask") from error
        if self.part is not None:
            bounds = SLICE.fullmatch(self.part)
            if not bounds:
                hint = "write it like 0:10, :5 or -3:"
                raise UserError(f"--slice {self.part!r} is no slice", hint)
            found = found[slice(*(int(bound) if bound else None for bound in bounds.groups()))]
        if not found:
            raise UserError("no instance is left to work on", "check --filter and --slice")
        first = {task.repository: number for number, task in reversed([*enumerate(found)])}
        return sorted(found, key=lambda task: first[task.repository])
