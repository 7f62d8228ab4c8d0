"""Classes, votes and the status: pure functions over a matrix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.records import BehaviourClass, Candidate, Check, CheckResult, Matrix, Status, TestResult

GOOD: tuple[TestResult, ...] = ("pass",)


@dataclass(frozen=True)
class Standing:
    """What the checks say of one candidate; its own attempt's tests have no voice in it."""

    candidate: Candidate
    issue_passed: tuple[str, ...]
    issue_failed: tuple[str, ...]
    regressions: tuple[str, ...]
    passed: int
    tampered: bool


@dataclass(frozen=True)
class Vote:
    """The outcome of the vote: classes from best to worst, the winner, the status."""

    classes: tuple[BehaviourClass, ...]
    standings: dict[str, Standing]
    chosen: str | None
    status: Status


def vote(candidates: Sequence[Candidate], matrix: Matrix) -> Vote:
    """Group candidates by what they did and choose one.

    The best class has the fewest regressions, then passes the largest share of the issue checks
    that may judge it, then the most of them, then holds the most samples, then passes the most
    checks. Within a class the candidate with the most issue
    checks of others stands for it, then the earliest.
    """
    if not candidates:
        return Vote((), {}, None, "no_patch")
    table = {(outcome.candidate, outcome.check): outcome for outcome in matrix.outcomes}
    standings = {one.id: standing(one, matrix.checks, table) for one in candidates}
    groups = group(candidates, matrix.checks, table)
    # A sample and its refinement may behave apart: each counts where it is, and shares add up.
    total = sum(len(samples(members)) for members in groups)
    classes = [behaviour(members, standings, total) for members in groups]
    ranked = sorted(classes, key=lambda one: _rank(one, standings), reverse=True)
    chosen = ranked[0].candidates[0]
    status = decide(ranked, standings)
    return Vote(tuple(ranked), standings, chosen, status)


def standing(
    candidate: Candidate, checks: Iterable[Check], table: dict[tuple[str, str], CheckResult]
) -> Standing:
    """Count for one candidate; a check by its own attempt does not speak for it."""
    passed_issue: list[str] = []
    failed_issue: list[str] = []
    regressions: list[str] = []
    passed, tampered = 0, False
    for check in checks:
        result = table[candidate.id, check.id].result
        tampered |= result == "tampered"
        own = attempts_behind(candidate) == {check.author}
        if result in GOOD:
            passed += 1
        if check.issue and not own:
            (passed_issue if result in GOOD else failed_issue).append(check.id)
        if check.base in GOOD and result not in GOOD:
            regressions.append(check.id)
    return Standing(
        candidate,
        tuple(passed_issue),
        tuple(failed_issue),
        tuple(regressions),
        passed,
        tampered,
    )


def attempts_behind(candidate: Candidate) -> set[int]:
    """Return the attempts that arrived at this patch: its own and those of its textual twins."""
    return {candidate.attempt, *(int(twin.partition(".")[0]) for twin in candidate.merged)}


def group(
    candidates: Sequence[Candidate],
    checks: Sequence[Check],
    table: dict[tuple[str, str], CheckResult],
) -> list[list[Candidate]]:
    """Put candidates that did the same on every check together, in order of appearance.

    Without any check nothing is known of what they do, so each stands alone.
    """
    classes: dict[tuple[object, ...], list[Candidate]] = {}
    for candidate in candidates:
        did: list[object] = [candidate.applies, None if checks else candidate.id]
        for check in checks:
            outcome = table[candidate.id, check.id]
            did.append((outcome.result, outcome.digest))
        classes.setdefault(tuple(did), []).append(candidate)
    return list(classes.values())


def samples(candidates: Iterable[Candidate]) -> set[str]:
    """Return the samples behind candidates: twins count each, refinements of one count once."""
    roots = {candidate.root for candidate in candidates}
    return roots.union(*(candidate.merged for candidate in candidates))


def behaviour(
    members: Sequence[Candidate], standings: dict[str, Standing], total: int
) -> BehaviourClass:
    """Describe one class; the member with the most independent evidence stands first."""
    members = sorted(members, key=lambda one: -len(standings[one.id].issue_passed))
    first = standings[members[0].id]
    return BehaviourClass(
        candidates=tuple(member.id for member in members),
        mass=len(samples(members)) / total,
        issue_checks_passed=len(first.issue_passed),
        regressions=first.regressions,
        tampered=first.tampered,
    )


def _rank(one: BehaviourClass, standings: dict[str, Standing]) -> tuple[float, ...]:
    first = standings[one.candidates[0]]
    return (
        first.candidate.applies and not one.tampered,
        -len(one.regressions),
        len(first.issue_passed) / max(1, len(first.issue_passed) + len(first.issue_failed)),
        one.issue_checks_passed,
        one.mass,
        first.passed,
    )


def decide(ranked: Sequence[BehaviourClass], standings: dict[str, Standing]) -> Status:
    """Return the status of the best class, as the design defines it."""
    best, whole = ranked[0], [one for one in ranked if passes_all(one, standings)]
    if len(whole) >= 2 and all(one.mass < 0.5 for one in whole):
        return "disagree"
    applies = standings[best.candidates[0]].candidate.applies
    proven = best.issue_checks_passed >= 1 and not best.regressions and not best.tampered
    return "verified" if applies and proven and best.mass >= 0.5 else "unverified"


def passes_all(one: BehaviourClass, standings: dict[str, Standing]) -> bool:
    """Tell whether a class passes every issue check that may judge it, and at least one."""
    first = standings[one.candidates[0]]
    return bool(first.issue_passed) and not first.issue_failed and not one.tampered
