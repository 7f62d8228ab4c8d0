"""The verdict sheet: what was found out about a patch, for whoever must decide about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypedDict, Unpack

from rich.console import RenderableType

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
from agent.show import blocks
from agent.show.blocks import Block, Bullets, Code, Diff, Heading, Paragraph, Table, Words
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


class Parts(TypedDict):
    """What a sheet is made of."""

    task: Task
    image: Image
    candidates: Sequence[Candidate]
    matrix: Matrix | None
    verdict: Verdict
    result: Result


def sheet(**parts: Unpack[Parts]) -> str:
    """Return the sheet as Markdown, the content of verdict.md."""
    return blocks.markdown(page(**parts))


def screen(**parts: Unpack[Parts]) -> RenderableType:
    """Return the sheet for the terminal."""
    return blocks.screen(page(**parts))


def page(
    *,
    task: Task,
    image: Image,
    candidates: Sequence[Candidate],
    matrix: Matrix | None,
    verdict: Verdict,
    result: Result,
) -> list[Block]:
    """Return the sheet as blocks; sections that would be empty are left out."""
    matrix = matrix or Matrix((), ())
    chosen = next((item for item in candidates if item.id == verdict.chosen), None)
    return [
        Heading(f"{task.id}: {STATUS[verdict.status]}", 1),
        Paragraph((task.title,)),
        *(Paragraph((f"{note}.",)) for note in task.notes),
        *_why(image, verdict),
        *(_question(matrix, verdict) if verdict.status == "disagree" else ()),
        *(_patch(chosen, result) if chosen else ()),
        *_classes(matrix, verdict),
        *(_evidence(matrix, verdict, chosen) if chosen else ()),
        *_left_out(candidates, chosen),
        *_risks(verdict),
        *_doubts(matrix, result),
        *_confidence(verdict),
        *_cost(image, result),
    ]


def _why(image: Image, verdict: Verdict) -> Iterator[Block]:
    if verdict.sentences:
        yield Paragraph((" ".join(verdict.sentences),))
    if image.test_command is None:
        yield Paragraph((NO_TESTS,))


def _question(matrix: Matrix, verdict: Verdict) -> Iterator[Block]:
    """Say in which checks the leading classes differ, as a question for the maintainer."""
    most = max((item.issue_checks_passed for item in verdict.classes), default=0)
    leading = [
        item for item in verdict.classes if item.issue_checks_passed == most and not item.tampered
    ]
    by_pair = {(outcome.candidate, outcome.check): outcome for outcome in matrix.outcomes}
    items = [
        (*_should(check), *_answers(outcomes, leading))
        for check in matrix.checks
        if (outcomes := [by_pair.get((item.candidates[0], check.id)) for item in leading])
        and len({(found.result, found.digest) if found else None for found in outcomes}) > 1
    ]
    yield Heading("Which behaviour is right?")
    if items:
        yield Paragraph(("The candidates solve the issue in different ways. They differ here:",))
        yield Bullets(tuple(items))
    else:
        yield Paragraph(("No single check tells the candidates apart; compare their patches.",))


def _should(check: Check) -> Words:
    if check.origin == "probe":
        return ("What should ", Code(check.id), " give? ")
    return ("Should ", Code(check.id), " pass? ")


def _answers(outcomes: Sequence[CheckResult | None], leading: Sequence[BehaviourClass]) -> Words:
    words: list[str | Code] = []
    for outcome, item in zip(outcomes, leading, strict=True):
        words += ["; " if words else "", f"{', '.join(item.candidates)}: "]
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
    found = {item.check: item for item in matrix.outcomes if item.candidate == chosen.id}
    failing = [check for check in matrix.checks if check.base != "pass" and check.id in found]
    fixed = [check for check in failing if found[check.id].result == "pass"]
    if fixed:
        yield Heading("Fails before, passes with the patch")
        yield Table(("check", "from", "before", "why it counts"), tuple(map(_fixed, fixed)))
    open_ = [check for check in failing if check.issue and check not in fixed]
    if open_:
        yield Heading("Issue checks that still do not pass")
        yield Bullets(tuple(_bullet(check.id, found[check.id]) for check in open_))
    broken = next(
        (item.regressions for item in verdict.classes if chosen.id in item.candidates), ()
    )
    if broken:
        yield Heading("Regressions")
        yield Bullets(tuple(_bullet(check, found.get(check)) for check in broken))


def _fixed(check: Check) -> tuple[Words, ...]:
    reason: Words = ("it fails for the issue's reason: ", Code(check.reason))
    return (
        (Code(check.id),),
        (check.origin if check.author is None else f"{check.origin}, attempt {check.author}",),
        (check.base,),
        reason if check.issue else ("it does not: it fails for another reason than the issue's",),
    )


def _bullet(check: str, outcome: CheckResult | None) -> Words:
    if outcome is None:
        return (Code(check),)
    message: Words = (", ", Code(outcome.message)) if outcome.message else ()
    return (Code(check), f": {outcome.result}", *message)


def _left_out(candidates: Sequence[Candidate], chosen: Candidate | None) -> Iterator[Block]:
    shown = [chosen] if chosen else candidates
    items = [
        (Code(dropped.path), f": {dropped.reason}" + ("" if chosen else f" (candidate {item.id})"))
        for item in shown
        for dropped in item.dropped
    ]
    if items:
        yield Heading("Left out of the patch")
        yield Bullets(tuple(items))


def _risks(verdict: Verdict) -> Iterator[Block]:
    if verdict.risks:
        yield Heading("Look at before merging")
        yield Bullets(
            tuple(
                (f"{risk.kind}: ", Code(f"{risk.path}:{risk.line}"), " ", Code(risk.text))
                for risk in verdict.risks
            )
        )


def _doubts(matrix: Matrix, result: Result) -> Iterator[Block]:
    items: list[Words] = [(note,) for note in matrix.notes]
    items += [
        (Code(check), ": unstable without the patch, not counted") for check in matrix.unstable
    ]
    items += [("error: ", Code(error)) for error in result.errors]
    if items:
        yield Heading("Remarks")
        yield Bullets(tuple(items))


def _confidence(verdict: Verdict) -> Iterator[Block]:
    if verdict.confidence is None:
        return
    entropy = "" if verdict.entropy is None else f", semantic entropy {verdict.entropy:.2f} bits"
    yield Heading("Confidence")
    yield Paragraph((f"{verdict.confidence:.2f}{entropy}.{NOT_CALIBRATED}",))


def _cost(image: Image, result: Result) -> Iterator[Block]:
    counts = (
        several(result.attempts, "attempt"),
        several(result.candidates, "candidate"),
        several(result.classes, "behaviour class", "behaviour classes"),
    )
    yield Heading("Cost")
    yield Bullets(
        (
            (", ".join(counts),),
            (f"{money(result.cost_usd)}, {tokens(result.tokens)}, {duration(result.seconds)}",),
            ("model ", Code(result.model)),
            ("image ", Code(image.reference), f", {image.made}, {image.toolchain}"),
        )
    )
