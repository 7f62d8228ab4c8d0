"""What a run came to: counts, cost and time of all its instances, and what grades say of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from agent.benchmark.report.instance_figures import Instance, RunRecord, total
from agent.benchmark.report.resolved import STATUSES, Graded, by_repository, environments, graded
from agent.records import Usage
from agent.trajectory.grades import Environment


@dataclass(frozen=True)
class Spent:
    """What instances cost: `usage` of all of them, wall `seconds` of the finished ones.

    `priced` counts the finished ones whose cost is known. Medians are of finished instances: None
    without one, that of dollars also where a cost is unknown.
    """

    usage: Usage
    priced: int
    median_usd: float | None
    median_tokens: float | None
    seconds: float | None
    median_seconds: float | None


@dataclass(frozen=True)
class Part:
    """Some instances of a run: how they ended and what they cost."""

    instances: int
    finished: int
    statuses: dict[str, int]
    failures: dict[str, int]
    spent: Spent


@dataclass(frozen=True)
class Summary:
    """All figures of a run; `graded` has an entry for each environment that it was graded in.

    `efforts` has, for each graded instance and by environment, what it cost (dollars, None where
    unknown; tokens) and whether it was resolved.
    """

    name: str
    run: RunRecord
    whole: Part
    by_repository: dict[str, Part]
    graded: dict[Environment, Graded]
    efforts: dict[Environment, tuple[tuple[float | None, int, bool], ...]]


def summarize(run: RunRecord, name: str) -> Summary:
    """Return the figures of a run."""
    found = {environment: graded(run, environment) for environment in environments(run)}
    return Summary(
        name=name,
        run=run,
        whole=part(run.instances),
        by_repository={key: part(those) for key, those in by_repository(run.instances).items()},
        graded={key: figures for key, figures in found.items() if figures is not None},
        efforts={key: _efforts(run, key) for key in found},
    )


def part(instances: Sequence[Instance]) -> Part:
    """Return how instances ended and what they cost."""
    finished = [one for one in instances if one.status is not None]
    statuses = Counter(one.status for one in finished)
    failures = Counter(one.failure for one in instances if one.failure is not None)
    return Part(
        instances=len(instances),
        finished=len(finished),
        statuses={status: statuses[status] for status in STATUSES},
        failures=dict(sorted(failures.items())),
        spent=_spent(instances, finished),
    )


def _spent(instances: Sequence[Instance], finished: Sequence[Instance]) -> Spent:
    prices = [one.usage.usd for one in finished if one.usage.usd is not None]
    tokens = [one.usage.prompt + one.usage.completion for one in finished]
    seconds = [one.seconds for one in finished if one.seconds is not None]
    all_priced = bool(prices) and len(prices) == len(finished)
    return Spent(
        usage=total(one.usage for one in instances),
        priced=len(prices),
        median_usd=median(prices) if all_priced else None,
        median_tokens=median(tokens) if tokens else None,
        seconds=sum(seconds) if seconds else None,
        median_seconds=median(seconds) if seconds else None,
    )


def _efforts(
    run: RunRecord, environment: Environment
) -> tuple[tuple[float | None, int, bool], ...]:
    return tuple(
        (one.usage.usd, one.usage.prompt + one.usage.completion, one.vote.resolved)
        for one in run.instances
        if one.vote is not None
        and one.vote.environment == environment
        and one.vote.resolved is not None
    )
