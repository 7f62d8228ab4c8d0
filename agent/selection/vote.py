"""The vote over behaviour classes, and the status: pure functions over a matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.records import BehaviourClass, Candidate, Matrix, Status
from agent.selection.behaviour import group, samples


@dataclass(frozen=True)
class Standing:
    """What the checks say of one candidate, as ids of checks and the number that it passes.

    Issue checks that its own attempt wrote are in neither list of issue checks.
    """

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
    checks. Within a class the candidate that passes the most issue checks of others stands for
    it, then the earliest.
    """
    if not candidates:
        return Vote((), {}, None, "no_patch")
    standings = {candidate.id: standing(candidate, matrix) for candidate in candidates}
    groups = group(candidates, matrix)
    # A sample and its refinement may behave apart: each counts where it is, and shares add up.
    total = sum(len(samples(members)) for members in groups)
    classes = [_class_of(members, standings, total) for members in groups]
    classes.sort(key=lambda each: _rank(each, standings[each.candidates[0]]), reverse=True)
    return Vote(tuple(classes), standings, classes[0].candidates[0], _status(classes, standings))


def standing(candidate: Candidate, matrix: Matrix) -> Standing:
    """Return what the checks say of one candidate."""
    row = matrix.row(candidate.id)
    passed = {check.id for check in matrix.checks if row[check.id].result == "pass"}
    authors = attempts_behind(candidate)
    independent = [check.id for check in matrix.checks if check.issue and {check.author} != authors]
    regressions = [c.id for c in matrix.checks if c.base == "pass" and c.id not in passed]
    return Standing(
        candidate,
        issue_passed=tuple(check for check in independent if check in passed),
        issue_failed=tuple(check for check in independent if check not in passed),
        regressions=tuple(regressions),
        passed=len(passed),
        tampered=any(outcome.result == "tampered" for outcome in row.values()),
    )


def attempts_behind(candidate: Candidate) -> set[int]:
    """Return the attempts that arrived at this patch: its own and those of its textual twins."""
    return {candidate.attempt, *(int(twin.partition(".")[0]) for twin in candidate.merged)}


def _class_of(
    members: Sequence[Candidate], standings: Mapping[str, Standing], total: int
) -> BehaviourClass:
    """Return a class; the member with the most independent evidence stands first."""
    members = sorted(members, key=lambda member: -len(standings[member.id].issue_passed))
    first = standings[members[0].id]
    return BehaviourClass(
        candidates=tuple(member.id for member in members),
        mass=len(samples(members)) / total,
        issue_checks_passed=len(first.issue_passed),
        regressions=first.regressions,
        tampered=first.tampered,
    )


def _rank(behaviour_class: BehaviourClass, first: Standing) -> tuple[float, ...]:
    """Return what classes are sorted by, best last; `first` is its first candidate's standing."""
    passed, failed = len(first.issue_passed), len(first.issue_failed)
    return (
        first.candidate.applies and not first.tampered,
        -len(first.regressions),
        passed / max(1, passed + failed),
        passed,
        behaviour_class.mass,
        first.passed,
    )


def _status(ranked: Sequence[BehaviourClass], standings: Mapping[str, Standing]) -> Status:
    """Return the status of the best class; section 10 of the design defines it."""
    firsts = [(each, standings[each.candidates[0]]) for each in ranked]
    # Those that pass every issue check that may judge them, and at least one.
    whole = [c for c, s in firsts if s.issue_passed and not s.issue_failed and not s.tampered]
    if len(whole) >= 2 and all(each.mass < 0.5 for each in whole):
        return "disagree"
    best, first = firsts[0]
    proven = first.issue_passed and not first.regressions and not first.tampered
    return "verified" if proven and first.candidate.applies and best.mass >= 0.5 else "unverified"
