"""What a run came to: counts, cost and time of all its instances, and what grades say of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import get_args

from agent.benchmark.report.instance_figures import Instance, RunRecord, total
from agent.benchmark.report.resolved import Graded, by_repository, environments, graded_figures
from agent.messages import Usage
from agent.records import Status
from agent.trajectory.grades import Environment

Effort = tuple[float | None, int, bool]
"""What a graded instance cost (dollars, None where unknown; tokens), and whether it is resolved."""


@dataclass(frozen=True)
class Spent:
    """What instances cost: `usage` of all of them, wall `seconds` of the finished ones.

    Medians are of finished instances: None without one, that of dollars also where a cost is
    unknown.
    """

    usage: Usage
    median_usd: float | None
    median_tokens: float | None
    seconds: float | None
    median_seconds: float | None

    @property
    def tokens(self) -> int:
        """Tokens of prompts and completions."""
        return self.usage.prompt + self.usage.completion

    @property
    def cached_share(self) -> float | None:
        """The share of the prompts that was cached, None without a prompt."""
        return self.usage.cached / self.usage.prompt if self.usage.prompt else None


@dataclass(frozen=True)
class Part:
    """Some instances of a run: how they ended and what they cost."""

    instances: int
    finished: int
    statuses: dict[str, int]
    failures: dict[str, int]
    spent: Spent

    @property
    def failed(self) -> int:
        """Instances that failed for the world's reasons."""
        return sum(self.failures.values())

    @property
    def unfinished(self) -> int:
        """Instances that neither finished nor failed."""
        return self.instances - self.finished - self.failed


@dataclass(frozen=True)
class Summary:
    """All figures of a run; `graded` has an entry for each environment that it was graded in."""

    name: str
    run: RunRecord
    whole: Part
    by_repository: dict[str, Part]
    graded: dict[Environment, Graded]
    efforts: dict[Environment, tuple[Effort, ...]]


def summarize(run: RunRecord, name: str) -> Summary:
    """Return the figures of a run."""
    return Summary(
        name=name,
        run=run,
        whole=part(run.instances),
        by_repository={key: part(those) for key, those in by_repository(run.instances).items()},
        graded={key: graded_figures(run, key) for key in environments(run)},
        efforts={key: _efforts(run, key) for key in environments(run)},
    )


def part(instances: Sequence[Instance]) -> Part:
    """Return how instances ended and what they cost."""
    finished = [one for one in instances if one.status is not None]
    statuses = Counter(one.status for one in finished)
    failures = Counter(one.failure for one in instances if one.failure is not None)
    prices = [one.usage.usd for one in finished if one.usage.usd is not None]
    tokens = [one.usage.prompt + one.usage.completion for one in finished]
    seconds = [one.seconds for one in finished if one.seconds is not None]
    return Part(
        instances=len(instances),
        finished=len(finished),
        statuses={status: statuses[status] for status in get_args(Status)},
        failures=dict(sorted(failures.items())),
        spent=Spent(
            usage=total([one.usage for one in instances]),
            median_usd=median(prices) if prices and len(prices) == len(finished) else None,
            median_tokens=median(tokens) if tokens else None,
            seconds=sum(seconds) if seconds else None,
            median_seconds=median(seconds) if seconds else None,
        ),
    )


def _efforts(run: RunRecord, environment: Environment) -> tuple[Effort, ...]:
    return tuple(
        (one.usage.usd, one.usage.prompt + one.usage.completion, one.vote.resolved)
        for one in run.instances
        if one.vote is not None
        and one.vote.environment == environment
        and one.vote.resolved is not None
    )
