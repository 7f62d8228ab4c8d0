"""Two runs against each other, on the instances that both have graded in the same environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from agent.benchmark.report.instance_figures import RunRecord
from agent.benchmark.report.statistics import mcnemar
from agent.benchmark.report.summary import Summary
from agent.trajectory.grades import Environment


@dataclass(frozen=True)
class Pair:
    """Which instances of `instances` either of two runs resolved, by the names of the runs.

    `environment` is None when the runs share no graded instance. `p_value` is McNemar's, exact
    and two-sided, None without an instance.
    """

    first: str
    second: str
    environment: Environment | None
    instances: int
    both: int
    neither: int
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    p_value: float | None


def pairs(summaries: Sequence[Summary]) -> tuple[Pair, ...]:
    """Return every two runs' comparisons, one for each environment that they share."""
    return tuple(
        pair for first, second in combinations(summaries, 2) for pair in compare(first, second)
    )


def compare(first: Summary, second: Summary) -> list[Pair]:
    """Return the comparisons of two runs: official images and built ones are not put together."""
    ours, theirs = _marks(first.run), _marks(second.run)
    shared = [key for key in ours if key in theirs]
    found = [
        _pair(first.name, second.name, environment, marks)
        for environment in ("official", "built")
        if (marks := {i: (ours[i, e], theirs[i, e]) for i, e in shared if e == environment})
    ]
    return found or [Pair(first.name, second.name, None, 0, 0, 0, (), (), None)]


def _pair(
    first: str, second: str, environment: Environment, marks: dict[str, tuple[bool, bool]]
) -> Pair:
    only_first = tuple(sorted(key for key, mark in marks.items() if mark == (True, False)))
    only_second = tuple(sorted(key for key, mark in marks.items() if mark == (False, True)))
    return Pair(
        first=first,
        second=second,
        environment=environment,
        instances=len(marks),
        both=sum(mark == (True, True) for mark in marks.values()),
        neither=sum(mark == (False, False) for mark in marks.values()),
        only_first=only_first,
        only_second=only_second,
        p_value=mcnemar(len(only_first), len(only_second)),
    )


def _marks(run: RunRecord) -> dict[tuple[str, Environment], bool]:
    return {
        (one.id, one.vote.environment): one.vote.resolved
        for one in run.instances
        if one.vote is not None and one.vote.resolved is not None
    }
