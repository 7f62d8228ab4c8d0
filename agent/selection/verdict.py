"""The verdict: the vote, the confidence, the risks, and the sentences that explain them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent.records import Candidate, Dropped, Matrix, Verdict
from agent.selection.behaviour import samples
from agent.selection.confidence import confidence, entropy
from agent.selection.risks import risks
from agent.selection.vote import Vote, vote


def judge(
    candidates: Sequence[Candidate],
    matrix: Matrix,
    dropped: Sequence[Dropped],
    rejected: int = 0,
) -> Verdict:
    """Return the verdict over judged candidates.

    `dropped` is what patchless attempts left, `rejected` how many samples attempts tried and did
    not hand in.
    """
    outcome = vote(candidates, matrix)
    chosen = outcome.standings[outcome.chosen].candidate if outcome.chosen else None
    return Verdict(
        status=outcome.status,
        chosen=outcome.chosen,
        classes=outcome.classes,
        confidence=confidence(outcome.classes, len(samples(candidates)), outcome.status, rejected),
        entropy=entropy(outcome.classes),
        risks=risks(chosen.patch) if chosen else (),
        sentences=tuple(_sentences(outcome, matrix, candidates, dropped, rejected)),
    )


def _choice(chosen: str, candidates: Sequence[Candidate], rejected: int) -> str:
    """Return the sentence that says from how many candidates one was chosen."""
    count, different = len(samples(candidates)), len(candidates)
    if different == 1:
        alike = f": all of {count} samples are alike" if count > 1 else ""
        sentence = f"Candidate {chosen} is the only one{alike}"
    else:
        left = f" different ones, left by {count} samples" if count > different else ""
        sentence = f"Candidate {chosen} was chosen from {different}{left}"
    more = f"; attempts tried and rejected {rejected} more" if rejected else ""
    return f"{sentence}{more}."


def _sentences(
    outcome: Vote,
    matrix: Matrix,
    candidates: Sequence[Candidate],
    dropped: Sequence[Dropped],
    rejected: int,
) -> Iterator[str]:
    if outcome.chosen is None:
        tried = f"; {rejected} samples were tried and rejected" if rejected else ""
        yield f"No attempt left a patch{tried}."
        if dropped:
            names = ", ".join(sorted({item.path for item in dropped}))
            yield f"What they changed is left out of patches: {names}."
        return
    best, standing = outcome.classes[0], outcome.standings[outcome.chosen]
    issue = [check for check in matrix.checks if check.issue]
    yield _choice(outcome.chosen, candidates, rejected)
    if not standing.candidate.applies:
        yield "It does not apply to a clean checkout."
    if best.tampered:
        yield "Its results cannot be believed: the tests that guard each run were tampered with."
    if not matrix.checks:
        yield "No test judged it: the repository has none near the change, and none was written."
    elif not issue:
        yield "No test fails on the clean base for the issue's reason, so nothing shows a repair."
    elif standing.issue_passed:
        passed = len(standing.issue_passed)
        judging = passed + len(standing.issue_failed)
        yield f"{passed} of {judging} issue checks that fail on the clean base pass with it."
        if judging < len(issue):
            yield "Tests that its own attempt wrote are not counted."
    else:
        yield f"It passes none of the {len(issue)} issue checks that it did not write itself."
    if standing.regressions:
        names = ", ".join(standing.regressions[:5])
        count = len(standing.regressions)
        yield f"{count} checks that pass on the clean base fail with it: {names}."
    elif matrix.checks and not best.tampered and standing.candidate.applies:
        yield "No check that passes on the clean base fails with it."
    yield f"Its class holds {best.mass:.0%} of the samples in {len(outcome.classes)} classes."
    if outcome.status == "disagree":
        yield "Several classes pass every issue check and none holds half of the samples."
