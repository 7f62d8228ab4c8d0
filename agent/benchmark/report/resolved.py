"""What grades say of a run: the figures of one environment, official or built, never of both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import get_args

from agent.benchmark.report.instance_figures import Instance, Mark, RunRecord
from agent.benchmark.report.statistics import Interval, pass_at_k, risk_coverage, wilson_95
from agent.records import Status
from agent.trajectory.grades import Environment

THRESHOLDS = tuple(tenth / 10 for tenth in range(10))
"""Confidences from which on answers are given, in the table of abstention."""


@dataclass(frozen=True)
class Share:
    """Some of `instances`, which may be a sum of shares; `rate` is None of no instances."""

    instances: int
    resolved: float

    @property
    def rate(self) -> float | None:
        """The share, 0 to 1."""
        return self.resolved / self.instances if self.instances else None

    @property
    def wilson_95(self) -> Interval | None:
        """Its 95 % interval."""
        return wilson_95(self.resolved, self.instances)


@dataclass(frozen=True)
class Selection:
    """The vote against one attempt alone and against an oracle, on the instances that have all.

    `single` is the mean over an instance's attempts, `oracle` whether any of them is resolved.
    """

    vote: Share
    single: Share
    oracle: Share


@dataclass(frozen=True)
class Answered:
    """The answers of one status, or of at least some confidence.

    `coverage` is their share of the graded instances. `precision` is `right`, but of no instance
    where there is no patch: nothing was answered that could be right.
    """

    coverage: float
    right: Share
    precision: Share


@dataclass(frozen=True)
class Graded:
    """The figures of the instances that were graded in one environment.

    `ungraded` counts those that the harness could not grade: they are in no other figure.
    `pass_at` has a share for each k, by temperature too where temperatures varied; the instances
    in it are those with at least k graded samples. `curve` are coverage and risk.
    """

    vote: Share
    ungraded: int
    pass_at: dict[int, Share] | None
    by_temperature: dict[float, dict[int, Share]] | None
    selection: Selection | None
    by_status: dict[Status, Answered]
    by_confidence: dict[float, Answered]
    curve: tuple[tuple[float, float], ...]
    by_repository: dict[str, Share]


def graded_figures(run: RunRecord, environment: Environment) -> Graded:
    """Return the figures of an environment in which some instance was graded."""
    instances = [one for one in run.instances if environment in one.environments]
    votes = [one for one in instances if one.vote is not None and one.vote.resolved is not None]
    sampled = [_marks(one, environment) for one in instances]
    confident = [(one.confidence, one) for one in votes if one.confidence is not None]
    return Graded(
        vote=_share(votes),
        ungraded=sum(one.vote is not None and one.vote.resolved is None for one in instances),
        pass_at=pass_at(sampled, run.samples) if run.samples else None,
        by_temperature=_by_temperature(sampled, run.samples) if run.samples else None,
        selection=_selection(votes, environment) if run.samples else None,
        by_status={
            status: _answered([one for one in votes if one.status == status], votes, status)
            for status in get_args(Status)
        },
        by_confidence={
            least: _answered([one for confidence, one in confident if confidence >= least], votes)
            for least in THRESHOLDS
        },
        curve=risk_coverage(
            ((confidence, one.resolved) for confidence, one in confident), len(votes)
        ),
        by_repository={name: _share(those) for name, those in by_repository(votes).items()},
    )


def environments(run: RunRecord) -> list[Environment]:
    """Return the environments that a run was graded in, the official one first."""
    found = {name for one in run.instances for name in one.environments}
    return [environment for environment in get_args(Environment) if environment in found]


def repository(instance: str) -> str:
    """Return `owner/repo` of a SWE-bench instance id, `other` of any other id."""
    owner, mark, rest = instance.partition("__")
    name = rest.rpartition("-")[0]
    return f"{owner}/{name}" if owner and mark and name else "other"


def by_repository(instances: Iterable[Instance]) -> dict[str, list[Instance]]:
    """Return the instances of each repository, in the order of its name."""
    groups: dict[str, list[Instance]] = {}
    for one in instances:
        groups.setdefault(repository(one.id), []).append(one)
    return dict(sorted(groups.items()))


def _share(votes: Sequence[Instance]) -> Share:
    return Share(len(votes), sum(one.resolved for one in votes))


def _answered(
    answers: Sequence[Instance], votes: Sequence[Instance], status: Status | None = None
) -> Answered:
    right = _share(answers)
    precision = Share(0, 0) if status == "no_patch" else right
    return Answered(len(answers) / len(votes) if votes else 0.0, right, precision)


def _marks(one: Instance, environment: Environment) -> list[Mark]:
    return [m for m in one.samples if m.environment == environment and m.resolved is not None]


def pass_at(sampled: Sequence[Sequence[Mark]], samples: int) -> dict[int, Share]:
    """Return pass@k for k = 1 to `samples`; an instance counts where it has k graded samples."""
    counts = [(len(marks), sum(mark.resolved is True for mark in marks)) for marks in sampled]
    shares = {}
    for k in range(1, samples + 1):
        estimates = [pass_at_k(n, c, k) for n, c in counts if n >= k]
        shares[k] = Share(len(estimates), sum(estimates))
    return shares


def _by_temperature(
    sampled: Sequence[Sequence[Mark]], samples: int
) -> dict[float, dict[int, Share]] | None:
    known = {m.temperature for marks in sampled for m in marks if m.temperature is not None}
    if len(known) < 2:
        return None
    shares = {}
    for warmth in sorted(known):
        those = [[mark for mark in marks if mark.temperature == warmth] for marks in sampled]
        shares[warmth] = pass_at(those, min(samples, max(map(len, those))))
    return shares


def _selection(votes: Sequence[Instance], environment: Environment) -> Selection | None:
    both = [(one, marks) for one in votes if (marks := _marks(one, environment))]
    if not both:
        return None
    rates = [fmean(mark.resolved is True for mark in marks) for _, marks in both]
    return Selection(
        vote=_share([one for one, _ in both]),
        single=Share(len(both), sum(rates)),
        oracle=Share(len(both), sum(rate > 0 for rate in rates)),
    )
