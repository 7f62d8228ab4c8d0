"""What SWE-bench's harness said of a run's patches: `grades.json` of the run folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.errors import UserError
from agent.records import FORMAT
from agent.trajectory.run_info import read_record

Environment = Literal["official", "built"]
"""SWE-bench's own image of an instance, or one that was built here: never one figure of both."""


@dataclass(frozen=True)
class Grade:
    """One patch's grade.

    `sample` is None for the patch that was voted for, else the number of the attempt whose own
    patch it is. `patch` is the SHA-256 of its text, "" where there was none: no patch is not
    resolved, and is not run. `resolved` is None where the harness could not tell, for the reason
    in `problem`. `failed` are tests that had to pass and did not. `harness_run` is the id under
    which the harness ran it, new whenever the patch is.
    """

    instance: str
    sample: int | None
    patch: str
    resolved: bool | None
    environment: Environment
    harness_run: str = ""
    failed: tuple[str, ...] = ()
    problem: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Grades:
    """All grades of a run, and the version of the harness that gave them."""

    harness: str
    grades: tuple[Grade, ...] = ()
    format: int = FORMAT


def read_grades(folder: Path) -> Grades | None:
    """Return the grades of a run, None when it was not graded; a newer format is a UserError."""
    path = folder / "grades.json"
    grades: Grades | None = read_record(path, Grades)
    if grades is not None and grades.format > FORMAT:
        raise UserError(
            f"{path} was written by a newer repair-agent (format {grades.format}, known: {FORMAT})",
            "update repair-agent",
        )
    return grades
