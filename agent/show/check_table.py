"""Candidates x checks as one table, and how its rows, columns and cells read."""

from __future__ import annotations

from collections.abc import Sequence

from agent.records import BASE, Candidate, Check, CheckResult, Matrix, Verdict
from agent.show.blocks import Code, Marked, Table, Words

MARKS = {
    "pass": "✓",
    "fail": "✗ fail",
    "error": "! error",
    "timeout": "⏱ time",
    "tampered": "⚠ forged",
}
COLOURS = 6
"""Colours of classes, `c1` to `c6`; those of later classes begin again."""


def class_numbers(verdict: Verdict | None, candidates: Sequence[Candidate]) -> dict[str, int]:
    """Return for each candidate, textual twins too, the number of its class, counted from 1."""
    classes = verdict.classes if verdict else ()
    numbers = {name: number for number, one in enumerate(classes, 1) for name in one.candidates}
    for candidate in candidates:
        if candidate.id in numbers:
            numbers |= dict.fromkeys(candidate.merged, numbers[candidate.id])
    return numbers


def class_colour(number: int | None) -> str:
    """Return the kind that gives a class its colour; the classes have their numbers, too."""
    return f"c{(number - 1) % COLOURS + 1}" if number else "c0"


def ordered_checks(matrix: Matrix) -> tuple[Check, ...]:
    """Return the checks: the issue's first, then those in which candidates differ, then others."""
    behaviours: dict[str, set[tuple[str, str]]] = {}
    for outcome in matrix.outcomes:
        if outcome.candidate != BASE:
            behaviours.setdefault(outcome.check, set()).add(outcome.behaviour)
    return tuple(
        sorted(matrix.checks, key=lambda one: (not one.issue, len(behaviours.get(one.id, ())) < 2))
    )


def check_table(matrix: Matrix, verdict: Verdict | None, candidates: Sequence[Candidate]) -> Table:
    """Return a row for each of the ordered checks: its name, the base, each candidate.

    Candidates of one class stand beside each other. A result that is as on the base is `same`.
    """
    numbers = class_numbers(verdict, candidates)
    names = sorted(matrix.candidates, key=lambda name: numbers.get(name, len(numbers) + 1))
    columns: list[str | Marked] = ["check", BASE]
    for name in names:
        chosen = "★" if verdict and verdict.chosen == name else ""
        label = f"{name}{chosen} [{numbers.get(name, '-')}]"
        columns.append(Marked(label, class_colour(numbers.get(name))))
    base, *others = [matrix.row(name) for name in (BASE, *names)]
    rows: list[tuple[Words, ...]] = []
    for check in ordered_checks(matrix):
        before = base.get(check.id)
        hint = before.message if before else ""
        cells = [_cell(outcomes.get(check.id), before) for outcomes in others]
        kind = "issue" if check.issue else ""
        rows.append(((Marked(check.id, kind),), (_mark(check.base, "", hint),), *cells))
    return Table(tuple(columns), tuple(rows), "matrix")


def _mark(result: str, kind: str, hint: str) -> Marked:
    return Marked(MARKS.get(result, result), f"{result} {kind}".strip(), hint)


def _cell(outcome: CheckResult | None, base: CheckResult | None) -> Words:
    if outcome is None:
        return (Marked("·", "none", "not run"),)
    same = base is not None and base.result == outcome.result
    return (_mark(outcome.result, "same" if same else "", outcome.message),)


def result_words(outcome: CheckResult | None, comma: str = ": ") -> Words:
    """Return what a check did in words, with its message behind it."""
    if outcome is None:
        return ("not run",)
    message: Words = (comma, Code(outcome.message)) if outcome.message else ()
    return (outcome.result, *message)
