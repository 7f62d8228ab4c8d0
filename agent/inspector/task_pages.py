"""The pages about a task: why a patch won, what others did differently, patches, checks, costs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.inspector.interdiff import interdiff
from agent.inspector.opened_run import OpenedTask
from agent.records import BASE, Candidate, Check, CheckResult, Matrix
from agent.show.blocks import (
    Block,
    Bullets,
    Code,
    Diff,
    Heading,
    Output,
    Paragraph,
    Table,
    Words,
)
from agent.show.check_table import class_numbers, result_words
from agent.show.figures import duration, several
from agent.show.verdict_sheet import verdict_sheet
from agent.trajectory.reader import RecordedTask
from tools.clip import clip

SHOWN = 200_000
"""Characters of one text that are shown; the editor gets the whole."""
MOST_DIFFERENCES = 20
MOST_SHOWN, MOST_LINES = 5, 15
"""Failures of a losing class that are shown with what they printed, and lines of each."""


def overview(task: OpenedTask) -> list[Block]:
    """Return why the patch won, and how the losing classes differ from it."""
    record = task.record
    pages = [*_problems(task)]
    if record.task and record.image and record.result and record.verdict:
        pages += verdict_sheet(
            task=record.task,
            image=record.image,
            candidates=record.candidates,
            matrix=record.matrix,
            verdict=record.verdict,
            result=record.result,
            losers=list(_losers(task)),
        )
    else:
        pages += _unfinished(task)
    if task.resolved is not None:
        verb = "resolved the issue" if task.resolved else "did not resolve the issue"
        what = "the patch" if record.candidates else "what was handed in, which holds no patch,"
        pages.insert(1, Paragraph((f"Graded with the hidden tests, {what} {verb}.",)))
    return pages


def _problems(task: OpenedTask) -> Iterator[Block]:
    if task.problems:
        yield Heading("Parts of this record are damaged or missing")
        yield Bullets(tuple((one,) for one in task.problems))


def _unfinished(task: OpenedTask) -> Iterator[Block]:
    record = task.record
    title = record.task.title if record.task else ""
    yield Heading(record.id, 1)
    if title:
        yield Paragraph((title,))
    if record.failure is not None:
        failure = record.failure
        yield Heading("It failed because of the world, not of the model")
        yield Paragraph((f"{failure.error}: {failure.message}",))
        if failure.hint:
            yield Paragraph((failure.hint,))
        if failure.trace:
            yield Output(failure.trace, bad=True)
    rows = []
    for episode in task.episodes:
        about = episode.about
        end = about.end or ("no end yet, or it was interrupted" if about.number is not None else "")
        rows.append(((about.label,), (about.model,), (f"{len(episode):,}",), (end,)))
    if rows:
        yield Table(("", "model", "steps", "end"), tuple(rows))
    for candidate in record.candidates:
        yield Heading(f"Patch {candidate.id}")
        yield Diff(clip(candidate.patch, SHOWN))


def _losers(task: OpenedTask) -> Iterator[Block]:
    """Say for each losing class in which checks it did something else than the winner."""
    record = task.record
    verdict, matrix = record.verdict, record.matrix
    if verdict is None or verdict.chosen is None or matrix is None:
        return
    for number, item in enumerate(verdict.classes, 1):
        if verdict.chosen in item.candidates:
            continue
        yield Heading(f"What class {number} did differently ({', '.join(item.candidates)})", 3)
        rows = [matrix.row(name) for name in (verdict.chosen, item.candidates[0])]
        pairs = [
            (check.id, [row.get(check.id) for row in rows])
            for check in matrix.checks
            if len({one and one.behaviour for one in (row.get(check.id) for row in rows)}) > 1
        ]
        if pairs:
            columns = ("check", f"winner {verdict.chosen}", f"class {number}")
            lines = [((Code(check),), *map(result_words, both)) for check, both in pairs]
            yield Table(columns, tuple(lines[:MOST_DIFFERENCES]))
        if len(pairs) > MOST_DIFFERENCES:
            yield Paragraph((f"and {several(len(pairs) - MOST_DIFFERENCES, 'more check')}",))
        base = matrix.row(BASE)
        for check, both in pairs[:MOST_SHOWN]:
            for name, outcome in zip((verdict.chosen, item.candidates[0]), both, strict=True):
                output = _failure_lines(outcome, base.get(check))
                if output:
                    yield Paragraph((Code(check), f" with {name}:"))
                    yield Output(output, bad=True)
        winner, loser = candidate_of(task, verdict.chosen), candidate_of(task, item.candidates[0])
        if winner is not None and loser is not None:
            yield Paragraph((
                f"How its patch {loser.id} (+) differs from the winner's {winner.id} (-), as the "
                f"files are left; in full under Patches:",
            ))  # fmt: skip
            yield Diff(clip(interdiff(winner.patch, loser.patch) or loser.patch, SHOWN))


def candidate_of(task: OpenedTask, name: str | None) -> Candidate | None:
    """Return the candidate of an id."""
    return next((one for one in task.record.candidates if one.id == name), None)


def _failure_lines(outcome: CheckResult | None, base: CheckResult | None) -> str:
    """Return what a failure printed: pytest's lines about the error, or else the last lines."""
    if outcome is None or outcome.result == "pass":
        return ""
    # What failed as it does on the clean base is kept there only.
    lines = (outcome.output or (base.output if base else "")).splitlines()
    errors = [line[1:].removeprefix("   ") for line in lines if re.match(r"E(\s|$)", line)]
    return "\n".join((errors or lines)[-MOST_LINES:])


def patch_of(record: RecordedTask, attempt: int | None) -> Candidate | None:
    """Return the patch of an attempt: the chosen one if it is its own, else its first."""
    own = [one for one in record.candidates if attempt is None or one.attempt == attempt]
    chosen = record.verdict.chosen if record.verdict else None
    return next((one for one in own if one.id == chosen), own[0] if own else None)


def candidate_page(task: OpenedTask, candidate: Candidate) -> list[Block]:
    """Return a patch, where it comes from, and what was left out of it."""
    verdict = task.record.verdict
    number = class_numbers(verdict, task.record.candidates).get(candidate.id)
    chosen = ", chosen" if verdict and verdict.chosen == candidate.id else ""
    group = f": class {number}{chosen}" if number else ": in no class" if verdict else ""
    blocks: list[Block] = [Heading(f"Candidate {candidate.id}{group}", 1)]
    stands = next((one.id for one in task.record.candidates if candidate.id in one.merged), None)
    if stands is not None:
        blocks.append(Paragraph((f"Textually the same as {stands}, which was judged for both",)))
    if candidate.merged:
        blocks.append(Paragraph((f"Textually the same: {', '.join(candidate.merged)}",)))
    if candidate.root != candidate.id:
        blocks.append(Paragraph((f"A refinement of sample {candidate.root}",)))
    if not candidate.applies:
        blocks.append(Paragraph(("It does not apply to a clean checkout.",)))
    blocks.append(Diff(clip(candidate.patch, SHOWN)))
    if candidate.dropped:
        blocks.append(Heading("Left out"))
        items = tuple((Code(one.path), f": {one.reason}") for one in candidate.dropped)
        blocks.append(Bullets(items))
    for path, text in candidate.tests.items():
        blocks += [Heading(f"A test that it wrote: {path}"), Output(clip(text, SHOWN))]
    return blocks


def two_patches(one: tuple[str, Candidate], other: tuple[str, Candidate]) -> list[Block]:
    """Return how what two patches make differs, and both in full, each by what it is called."""
    ours, theirs = one[0], other[0]
    difference = interdiff(one[1].patch, other[1].patch)
    blocks: list[Block] = [Heading(f"From {ours} to {theirs}", 1)]
    if difference:
        legend = f"- is as {ours} leaves the file, + as {theirs} does; other lines are the same."
        blocks += [Paragraph((legend,)), Diff(clip(difference, SHOWN))]
    else:
        blocks.append(Paragraph(("Both leave the same lines.",)))
    for name, candidate in (one, other):
        blocks += [Heading(f"{name} in full"), Diff(clip(candidate.patch, SHOWN))]
    return blocks


def check_page(task: OpenedTask, check: Check) -> list[Block]:
    """Return all that one check did: on the clean base and with each candidate."""
    matrix = task.record.matrix or Matrix((), ())
    author = f", written by attempt {check.author}" if check.author is not None else ""
    kind = "an issue check" if check.issue else "no issue check"
    blocks: list[Block] = [
        Heading(check.id, 1),
        Paragraph((f"{check.origin}{author}, {kind}, {check.base} on the clean base",)),
    ]
    if check.reason:
        blocks.append(Paragraph(("It fails there for the issue's reason: ", Code(check.reason))))
    found = [one for one in matrix.outcomes if one.check == check.id]
    numbers = class_numbers(task.record.verdict, task.record.candidates)
    rows = [
        (
            (outcome.candidate,),
            (str(numbers.get(outcome.candidate, "")),),
            (outcome.result,),
            (duration(outcome.seconds),),
            (Code(outcome.message),) if outcome.message else ("",),
        )
        for outcome in sorted(found, key=lambda one: numbers.get(one.candidate, 0))
    ]
    blocks.append(Table(("", "class", "result", "took", "message"), tuple(rows)))
    for outcome in found:
        if outcome.output:
            blocks.append(Heading(f"What it printed with {outcome.candidate}"))
            blocks.append(Output(outcome.output, bad=outcome.result != "pass"))
    return blocks


def issue_page(task: OpenedTask) -> list[Block]:
    """Return the issue, the environment, the plan as it changed, and tests made of the issue."""
    record = task.record
    blocks: list[Block] = [Heading(record.id, 1)]
    if record.task is not None:
        one = record.task
        blocks += [
            Bullets((
                ("from ", Code(one.source)),
                (Code(one.repository), " at ", Code(one.base_commit)),
                *((note,) for note in one.notes),
            )),
            Heading("Issue"),
            Output(clip(one.text, SHOWN)),
        ]  # fmt: skip
    elif task.episodes and len(task.episodes[0]):
        for message in task.episodes[0].sent(1):
            blocks += [Heading(f"What it was told first: {message.role}")]
            blocks += [Output(clip(message.content, SHOWN))]
    if record.image is not None:
        image = record.image
        how = f", {image.made}, {image.toolchain}, tests: "
        words: Words = (Code(image.reference), how, Code(image.test_command or "none"))
        blocks += [Heading("Environment"), Paragraph(words)]
    if record.locations:
        blocks.append(Heading("Where a change was looked for"))
        blocks.append(Bullets(tuple((Code(str(place)),) for place in record.locations)))
    if record.reproduction is not None:
        written = record.reproduction.probes | record.reproduction.tests
        for path, text in written.items():
            blocks += [Heading(f"A test made of the issue alone: {path}"), Output(text)]
        if record.reproduction.remark:
            blocks.append(Paragraph((record.reproduction.remark,)))
    return blocks
