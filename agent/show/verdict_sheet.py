"""The verdict sheet: what was found out about a patch, for whoever must decide about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent.records import (
    BehaviourClass,
    Candidate,
    Check,
    CheckResult,
    Image,
    Matrix,
    Result,
    Status,
    Task,
    Verdict,
)
from agent.show.blocks import Block, Bullets, Code, Diff, Heading, Paragraph, Piece, Table, Words
from agent.show.check_table import result_words
from agent.show.figures import duration, money, several, tokens

STATUS: dict[Status, str] = {
    "verified": "verified patch",
    "unverified": "patch, not verified",
    "disagree": "candidates disagree",
    "no_patch": "no patch",
}
NO_TESTS = (
    "The repository has no tests that could be run: nothing shows that the patch keeps what worked."
)
NOT_CALIBRATED = (
    " It follows from the share of the samples tried that behave like this patch and from the "
    "checks; it is not yet calibrated on data, so read it as an order, not as a probability."
)


def verdict_sheet(
    *,
    task: Task,
    image: Image,
    candidates: Sequence[Candidate],
    matrix: Matrix | None,
    verdict: Verdict,
    result: Result,
    losers: Sequence[Block] = (),
) -> list[Block]:
    """Return the sheet; sections that would be empty are left out.

    `losers` are put below the table of the behaviour classes.
    """
    matrix = matrix or Matrix((), ())
    chosen = next((item for item in candidates if item.id == verdict.chosen), None)
    return [
        Heading(f"{task.id}: {STATUS[verdict.status]}", 1),
        Paragraph((task.title,)),
        *(Paragraph((f"{note}.",)) for note in task.notes),
        *_reasons(image, verdict),
        *(_question(matrix, verdict) if verdict.status == "disagree" else ()),
        *(_patch(chosen, result) if chosen else ()),
        *_classes(matrix, verdict),
        *losers,
        *(_evidence(matrix, verdict, chosen) if chosen else ()),
        *_list("Left out of the patch", _left_out(candidates, chosen)),
        *_list("Look at before merging", _risks(verdict)),
        *_list("Remarks", _doubts(matrix, result)),
        *_confidence(verdict),
        *_list("Cost", _cost(image, result)),
    ]


def _list(title: str, items: Iterator[Words]) -> Iterator[Block]:
    bullets = tuple(items)
    if bullets:
        yield Heading(title)
        yield Bullets(bullets)


def _reasons(image: Image, verdict: Verdict) -> Iterator[Block]:
    if verdict.sentences:
        yield Paragraph((" ".join(verdict.sentences),))
    if image.test_command is None:
        yield Paragraph((NO_TESTS,))


def _question(matrix: Matrix, verdict: Verdict) -> Iterator[Block]:
    """Ask the maintainer about the checks in which the leading classes differ."""
    most = max((item.issue_checks_passed for item in verdict.classes), default=0)
    leading = [
        item for item in verdict.classes if item.issue_checks_passed == most and not item.tampered
    ]
    rows = [matrix.row(item.candidates[0]) for item in leading]
    items = [
        _answers(check, leading, outcomes)
        for check in matrix.checks
        if (outcomes := [row.get(check.id) for row in rows])
        and len({one and one.behaviour for one in outcomes}) > 1
    ]
    yield Heading("Which behaviour is right?")
    if items:
        yield Paragraph(("The candidates solve the issue in different ways. They differ here:",))
        yield Bullets(tuple(items))
    else:
        yield Paragraph(("No single check tells the candidates apart; compare their patches.",))


def _answers(
    check: Check, leading: Sequence[BehaviourClass], outcomes: Sequence[CheckResult | None]
) -> Words:
    probe = check.origin == "probe"
    words: list[Piece] = ["What should " if probe else "Should ", Code(check.id)]
    words.append(" give? " if probe else " pass? ")
    for number, (item, outcome) in enumerate(zip(leading, outcomes, strict=True)):
        words.append(f"{'; ' if number else ''}{', '.join(item.candidates)}: ")
        words.append(outcome.result if outcome else "not run")
        if outcome and outcome.message:
            words += [" (", Code(outcome.message), ")"]
    return tuple(words)


def _patch(chosen: Candidate, result: Result) -> Iterator[Block]:
    yield Heading("Patch")
    merged = f", textually the same as {', '.join(chosen.merged)}" if chosen.merged else ""
    where: Words = (Code(result.patch), ", ") if result.patch else ()
    yield Paragraph((*where, f"candidate {chosen.id} of attempt {chosen.attempt}{merged}"))
    if not chosen.applies:
        yield Paragraph(("It does not apply to a clean checkout.",))
    yield Diff(chosen.patch)


def _classes(matrix: Matrix, verdict: Verdict) -> Iterator[Block]:
    if not verdict.classes:
        return
    total = sum(check.issue for check in matrix.checks)
    yield Heading("Behaviour classes")
    yield Table(
        ("candidates", "mass", "issue checks passed", "regressions", ""),
        tuple(
            (
                (", ".join(item.candidates),),
                (f"{item.mass:.0%}",),
                (f"{item.issue_checks_passed} of {total}",),
                (str(len(item.regressions)),),
                (_remark(item, verdict),),
            )
            for item in verdict.classes
        ),
    )


def _remark(item: BehaviourClass, verdict: Verdict) -> str:
    marks = ["chosen"] if verdict.chosen in item.candidates else []
    return ", ".join(marks + ["tampered with its checks"] * item.tampered)


def _evidence(matrix: Matrix, verdict: Verdict, chosen: Candidate) -> Iterator[Block]:
    outcomes = matrix.row(chosen.id)
    failing = [check for check in matrix.checks if check.base != "pass" and check.id in outcomes]
    fixed = [check for check in failing if outcomes[check.id].result == "pass"]
    if fixed:
        yield Heading("Fails before, passes with the patch")
        yield Table(("check", "from", "before", "why it counts"), tuple(map(_fixed_row, fixed)))
    unfixed = (check.id for check in failing if check.issue and check not in fixed)
    broken = next(
        (item.regressions for item in verdict.classes if chosen.id in item.candidates), ()
    )
    for title, checks in (
        ("Issue checks that still do not pass", unfixed),
        ("Regressions", broken),
    ):
        yield from _list(title, (_bullet(check, outcomes.get(check)) for check in checks))


def _fixed_row(check: Check) -> tuple[Words, ...]:
    reason: Words = ("it fails for the issue's reason: ", Code(check.reason))
    return (
        (Code(check.id),),
        (check.origin if check.author is None else f"{check.origin}, attempt {check.author}",),
        (check.base,),
        reason if check.issue else ("it does not: it fails for another reason than the issue's",),
    )


def _bullet(check: str, outcome: CheckResult | None) -> Words:
    return (Code(check), *((": ", *result_words(outcome, ", ")) if outcome else ()))


def _left_out(candidates: Sequence[Candidate], chosen: Candidate | None) -> Iterator[Words]:
    for item in [chosen] if chosen else candidates:
        of = "" if chosen else f" (candidate {item.id})"
        yield from ((Code(dropped.path), f": {dropped.reason}{of}") for dropped in item.dropped)


def _risks(verdict: Verdict) -> Iterator[Words]:
    for risk in verdict.risks:
        yield f"{risk.kind}: ", Code(f"{risk.path}:{risk.line}"), " ", Code(risk.text)


def _doubts(matrix: Matrix, result: Result) -> Iterator[Words]:
    yield from ((note,) for note in matrix.notes)
    for check in matrix.unstable:
        yield Code(check), ": unstable without the patch, not counted"
    yield from (("error: ", Code(error)) for error in result.errors)


def _confidence(verdict: Verdict) -> Iterator[Block]:
    if verdict.confidence is None:
        return
    entropy = "" if verdict.entropy is None else f", semantic entropy {verdict.entropy:.2f} bits"
    yield Heading("Confidence")
    yield Paragraph((f"{verdict.confidence:.2f}{entropy}.{NOT_CALIBRATED}",))


def _cost(image: Image, result: Result) -> Iterator[Words]:
    counts = (
        several(result.attempts, "attempt"),
        several(result.candidates, "candidate"),
        several(result.classes, "behaviour class", "behaviour classes"),
    )
    yield (", ".join(counts),)
    yield (f"{money(result.cost_usd)}, {tokens(result.tokens)}, {duration(result.seconds)}",)
    yield "model ", Code(result.model)
    yield "image ", Code(image.reference), f", {image.made}, {image.toolchain}"
