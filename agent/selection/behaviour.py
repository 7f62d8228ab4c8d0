"""Behaviour classes: candidates that did the same when they were run mean the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.records import Candidate, Matrix


def group(candidates: Sequence[Candidate], matrix: Matrix) -> list[list[Candidate]]:
    """Group the candidates that did the same on every check, in order of appearance.

    Without any check nothing is known of what they do, so each is a class of its own.
    """
    classes: dict[tuple[object, ...], list[Candidate]] = {}
    for candidate in candidates:
        row = matrix.row(candidate.id)
        behaviour = tuple(row[check.id].behaviour for check in matrix.checks)
        key = (candidate.applies, behaviour or candidate.id)
        classes.setdefault(key, []).append(candidate)
    return list(classes.values())


def samples(candidates: Iterable[Candidate]) -> set[str]:
    """Return the samples behind candidates: twins count each, refinements of one count once."""
    roots = {candidate.root for candidate in candidates}
    return roots.union(*(candidate.merged for candidate in candidates))
