"""The pages about a task: why a patch won, what others did differently, patches, checks, costs."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from heapq import nlargest

from agent.inspector.episode import Episode, Step
from agent.inspector.opened import OpenedTask
from agent.records import BehaviourClass, Candidate, Check, Matrix, Message, Outcome, Usage
from agent.show import verdict as verdict_sheet
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
from agent.show.figures import duration, money, several, tokens
from tools.clip import clip

SHOWN = 200_000
"""Characters of one text that are shown; the editor gets the whole."""
MOST_DIFFERENCES = 20
MOST_EXPENSIVE = 8


def overview(task: OpenedTask) -> list[Block]:
    """Return why the patch won, and how the losing classes differ from it."""
    record = task.record
    known = record.task is not None and record.image is not None and record.result is not None
    blocks: list[Block] = [*_problems(task)]
    if known and record.verdict is not None:
        assert record.task is not None
        assert record.image is not None
        assert record.result is not None
        sheet = verdict_sheet.page(
            task=record.task, image=record.image, candidates=record.candidates,
            matrix=record.matrix, verdict=record.verdict, result=record.result,
        )  # fmt: skip
        at = next((n for n, one in enumerate(sheet) if one == Heading("Behaviour classes")), None)
        after = len(sheet) if at is None else at + 2
        blocks += [*sheet[:after], *_losers(task), *sheet[after:]]
    else:
        blocks += _unfinished(task)
    if task.resolved is not None:
        told = "resolved the issue" if task.resolved else "did not resolve the issue"
        blocks.insert(1, Paragraph((f"Graded with the hidden tests, the patch {told}.",)))
    return blocks


def _problems(task: OpenedTask) -> Iterator[Block]:
    if task.problems:
        yield Heading("Parts of this record cannot be read")
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
        end = about.end or "no end yet, or it was interrupted"
        rows.append(((about.label,), (about.model,), (f"{len(episode):,}",), (end,)))
    if rows:
        yield Table(("", "model", "steps", "end"), tuple(rows))
    for candidate in record.candidates:
        yield Heading(f"Patch {candidate.id}")
        yield Diff(clip(candidate.patch, SHOWN))


def classes(task: OpenedTask) -> dict[str, int]:
    """Return for each candidate the number of its class, counted from 1."""
    verdict = task.record.verdict
    found = verdict.classes if verdict else ()
    return {name: number for number, one in enumerate(found, 1) for name in one.candidates}


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
        rows = tuple(_differences(matrix, verdict.chosen, item))
        if rows:
            columns = ("check", f"winner {verdict.chosen}", f"class {number}")
            yield Table(columns, rows[:MOST_DIFFERENCES])
        if len(rows) > MOST_DIFFERENCES:
            yield Paragraph((f"and {several(len(rows) - MOST_DIFFERENCES, 'more check')}",))
        ours, theirs = _named(task, verdict.chosen), _named(task, item.candidates[0])
        if ours and theirs:
            yield Diff(patch_difference(ours, theirs))


def _named(task: OpenedTask, name: str) -> Candidate | None:
    return next((one for one in task.record.candidates if one.id == name), None)


def _differences(
    matrix: Matrix, chosen: str, item: BehaviourClass
) -> Iterator[tuple[Words, Words, Words]]:
    found = {(one.candidate, one.check): one for one in matrix.outcomes}
    for check in matrix.checks:
        ours, theirs = found.get((chosen, check.id)), found.get((item.candidates[0], check.id))
        if _did(ours) != _did(theirs):
            yield (Code(check.id),), _words(ours), _words(theirs)


def _did(outcome: Outcome | None) -> tuple[str, str]:
    return (outcome.result, outcome.digest) if outcome else ("", "")


def _words(outcome: Outcome | None) -> Words:
    if outcome is None:
        return ("not run",)
    message: Words = (": ", Code(outcome.message)) if outcome.message else ()
    return (outcome.result, *message)


def patch_difference(one: Candidate, other: Candidate) -> str:
    """Return how one patch's text becomes the other's, as a unified diff of their lines."""
    lines = difflib.unified_diff(
        _changes(one.patch), _changes(other.patch), f"candidate {one.id}", f"candidate {other.id}",
        lineterm="", n=3,
    )  # fmt: skip
    return "\n".join(lines) or f"{one.id} and {other.id} are the same text"


def _changes(patch: str) -> list[str]:
    return [line for line in patch.splitlines() if not line.startswith("index ")]


def candidate_page(task: OpenedTask, candidate: Candidate) -> list[Block]:
    """Return a patch, where it comes from, and what was left out of it."""
    number = classes(task).get(candidate.id)
    verdict = task.record.verdict
    chosen = ", chosen" if verdict and verdict.chosen == candidate.id else ""
    group = f"class {number}{chosen}" if number else "no class"
    blocks: list[Block] = [Heading(f"Candidate {candidate.id}: {group}", 1)]
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


def two_patches(one: Candidate, other: Candidate) -> list[Block]:
    """Return how two candidates differ, and both in full."""
    return [
        Heading(f"From candidate {one.id} to candidate {other.id}", 1),
        Diff(patch_difference(one, other)),
        Heading(f"Candidate {one.id}"),
        Diff(clip(one.patch, SHOWN)),
        Heading(f"Candidate {other.id}"),
        Diff(clip(other.patch, SHOWN)),
    ]


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
    base = next((one for one in found if one.candidate == "base"), None)
    for outcome in found:
        blocks.append(Heading(f"{outcome.candidate}: {outcome.result}"))
        if outcome.message:
            blocks.append(Paragraph((Code(outcome.message),)))
        if outcome.output:
            blocks.append(Output(outcome.output, bad=outcome.result != "pass"))
        elif base and outcome is not base and base.output and _did(outcome) == _did(base):
            blocks.append(Paragraph(("It printed what it printed on the clean base.",)))
        blocks.append(Paragraph((f"{duration(outcome.seconds)}",)))
    return blocks


def step_page(step: Step, label: str, *, whole: bool = False) -> list[Block]:
    """Return what one step thought, called and saw; texts are clipped unless `whole`."""

    def text(full: str) -> str:
        return full if whole else clip(full, SHOWN)

    spent = []
    if step.usage is not None:
        spent += [tokens(step.usage), money(step.usage.usd)]
    if step.seconds is not None:
        spent.append(f"model {duration(step.seconds)}")
    if step.acting:
        spent.append(f"tools {duration(step.acting)}")
    blocks: list[Block] = [
        Heading(f"{label} step {step.number}", 1),
        Paragraph((", ".join(spent) or "cost and time unknown",)),
    ]
    blocks += [Paragraph((f"[{remark}]",)) for remark in step.remarks]
    if step.thought.strip():
        blocks += [Heading("thought"), Output(text(step.thought.strip()))]
    for act in step.acts:
        edit = ", changes a file" if act.edits else ""
        failed = ", failed" if act.failed else ""
        took = f", {duration(act.seconds)}" if act.seconds else ""
        blocks += [Heading(f"{act.name}{edit}{failed}{took}"), _called(act.name, text(act.text))]
        if act.seen is None:
            blocks.append(Paragraph(("[nothing came back]",)))
        else:
            blocks += [Heading("observation", 3), Output(text(act.seen), bad=act.failed)]
    for said in step.heard:
        blocks += [Heading("the program said"), Output(text(said))]
    return blocks


def _called(name: str, text: str) -> Block:
    if name == "plan":
        try:
            steps = json.loads(text.removeprefix("steps="))
            return Bullets(tuple((f"[{one['state']}] {one['text']}",) for one in steps))
        except (ValueError, TypeError, KeyError):
            return Output(text)
    return Output(text)


def sent_page(messages: Sequence[Message], label: str, number: int) -> list[Block]:
    """Return the messages of a request as they were sent."""
    blocks: list[Block] = [
        Heading(f"{label} step {number}: the {several(len(messages), 'message')} sent", 1)
    ]
    for place, message in enumerate(messages, 1):
        blocks.append(Heading(f"{place}. {message.role}"))
        if message.content:
            blocks.append(Output(clip(message.content, SHOWN)))
        for call in message.tool_calls:
            blocks.append(Output(f"{call.name} {clip(call.arguments, SHOWN)}"))
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
    if record.image is not None:
        image = record.image
        made = f", {image.made}, {image.toolchain}, tests: "
        words: Words = (Code(image.reference), made, Code(image.test_command or "none"))
        blocks += [Heading("Environment"), Paragraph(words)]
    if record.places:
        blocks.append(Heading("Where a change was looked for"))
        blocks.append(Bullets(tuple((Code(str(place)),) for place in record.places)))
    if record.reproduction is not None:
        written = record.reproduction.probes | record.reproduction.tests
        for path, text in written.items():
            blocks += [Heading(f"A test made of the issue alone: {path}"), Output(text)]
        if record.reproduction.remark:
            blocks.append(Paragraph((record.reproduction.remark,)))
    return blocks


def plan_page(episode: Episode) -> list[Block]:
    """Return the plan of an attempt each time that it was set."""
    label = episode.about.label
    blocks: list[Block] = [Heading(f"{label}: the plan as it changed", 1)]
    for number in range(1, len(episode) + 1):
        for act in episode.step(number).acts:
            if act.name == "plan":
                blocks += [Heading(f"step {number}"), _called(act.name, act.text)]
    if len(blocks) == 1:
        blocks.append(Paragraph(("It made no plan.",)))
    return blocks


def costs_page(task: OpenedTask) -> list[Block]:
    """Return where money and time went: by attempt, the dearest steps, the slowest commands."""
    rows: list[tuple[Words, ...]] = []
    dear: list[tuple[float, str, Step]] = []
    slow: list[tuple[float, str, int, str, str]] = []
    for episode in task.episodes:
        label, used, asking, acting = episode.about.label, Usage(), 0.0, 0.0
        for number in range(1, len(episode) + 1):
            step = episode.step(number)
            usage = step.usage or Usage()
            used += usage
            asking += step.seconds or 0.0
            acting += step.acting
            weight = usage.usd if usage.usd is not None else (usage.prompt + usage.completion) / 1e9
            dear = nlargest(MOST_EXPENSIVE, [*dear, (weight, label, step)], key=lambda one: one[0])
            for act in step.acts:
                if act.seconds:
                    entry = (act.seconds, label, number, act.name, act.text[:400])
                    slow = nlargest(MOST_EXPENSIVE, [*slow, entry], key=lambda one: one[0])
        rows.append((
            (label,), (f"{len(episode):,}",), (f"{used.prompt:,}",), (f"{used.cached:,}",),
            (f"{used.completion:,}",), (money(used.usd),), (duration(asking),), (duration(acting),),
        ))  # fmt: skip
    blocks: list[Block] = [Heading("Where money and time went", 1)]
    columns = ("", "steps", "prompt", "cached", "completion", "cost", "model", "tools")
    blocks.append(Table(columns, tuple(rows)))
    if dear and dear[0][0] > 0:
        blocks += [Heading("The dearest steps"), Table(("step", "cost", "tokens", "did"), tuple(
            ((f"{label} step {step.number}",), (money((step.usage or Usage()).usd),),
             (tokens(step.usage or Usage()),), (Code(step.summary[:200]),))
            for _, label, step in dear
        ))]  # fmt: skip
    if slow:
        blocks += [Heading("The slowest commands"), Table(("took", "step", "command"), tuple(
            ((duration(took),), (f"{label} step {number}",), (f"{name} ", Code(text)))
            for took, label, number, name, text in slow
        ))]  # fmt: skip
    else:
        blocks.append(Paragraph(("The record does not say how long commands took.",)))
    return blocks
