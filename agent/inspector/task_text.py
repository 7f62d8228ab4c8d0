"""A task as text for grep: every line says what it belongs to; the verdict comes first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent.inspector.episode import Episode
from agent.inspector.opened_run import OpenedTask
from agent.inspector.step_view import Step
from agent.records import Candidate, Matrix, Reproduction, Result, Verdict
from agent.show.figures import duration, money, several, spent, tokens
from agent.show.terminal_safe import one_line, visible
from agent.trajectory.reader import Failure, RecordedTask
from agent.trajectory.task_log import SHARED

COLUMN = 8
"""Characters of a column of results: the longest result has as many."""


def task_lines(task: OpenedTask) -> Iterator[str]:
    """Yield the lines of a task: verdict, grade and chosen patch, then how it came to them."""
    record = task.record
    chosen = record.verdict.chosen if record.verdict else None
    yield f"task {one_line(task.id)}"
    yield from (f"problem: {one_line(problem)}" for problem in task.problems)
    if record.verdict is not None:
        yield from _verdict(record.verdict)
    if record.folder.is_dir():
        yield from _end(record)
    if task.resolved is not None:
        yield f"grade: {'resolved' if task.resolved else 'not resolved'}"
    first = [one for one in record.candidates if one.id == chosen]
    for candidate in first:
        yield from prefixed(f"candidate {candidate.id} patch", candidate.patch)
    yield from _head(record)
    yield from _reproduction(record.reproduction)
    for number, location in enumerate(record.locations, 1):
        yield one_line(f"location {number}: {location}")
    for episode in (*task.episodes, *task.without_steps):
        yield from _episode(episode)
    for candidate in record.candidates:
        yield from _candidate(candidate, patch=candidate not in first)
    if record.matrix is not None:
        yield from _matrix(record.matrix)
    if record.verdict is not None:
        yield from _classes(record.verdict)


def _episode(episode: Episode) -> Iterator[str]:
    about = episode.about
    here = about.label if about.label == SHARED else f"attempt {about.number or 1}"
    if about.restarts:
        yield f"{here}: started again after {several(about.restarts, 'interrupted start')}"
    if here != SHARED:
        planner = f"planner {about.planner}, " if about.planner else ""
        sampling = f", {about.sampling}" if about.sampling else ""
        agent = f"{about.label}, " if about.number is None else ""
        yield one_line(f"{here}: {agent}{planner}model {about.model}{sampling}")
        if about.image:
            yield one_line(f"{here}: image {about.image}, tools {about.tools or 'none'}")
    yield from (f"{here}: [{one_line(remark)}]" for remark in about.remarks)
    for message in episode.sent(1) if len(episode) else ():
        yield from prefixed(f"{here} {message.role}", message.content)
    for number in range(1, len(episode) + 1):
        yield from _step(episode.step(number), f"{here} step {number}")
    if here != SHARED:
        yield f"{here} end: {one_line(about.end or 'none, it was interrupted')}"
        took = f", {duration(about.seconds)}" if about.seconds else ""
        yield f"{here} used: {spent(about.usage)}{took}"


def _step(step: Step, here: str) -> Iterator[str]:
    messages = f"{several(step.sent, 'message')}, " if step.sent else ""
    took = f", {duration(step.seconds)}" if step.seconds is not None else ""
    if step.usage is not None or messages:
        yield f"{here} request: {messages}{spent(step.usage)}{took}"
    yield from (f"problem: {one_line(problem)}" for problem in step.problems)
    remarks = [remark for remark in step.remarks if remark not in step.problems]
    yield from (f"{here}: [{one_line(remark)}]" for remark in remarks)
    if step.thought.strip():
        yield from prefixed(f"{here} thought", step.thought)
    for act in step.acts:
        name = one_line(act.name)
        yield from prefixed(f"{here} {name}", act.text)
        if act.seen is not None:
            verb = "refused" if act.refused else "failed" if act.failed else "gave"
            yield from prefixed(f"{here} {name} {verb}", act.seen)
        if act.seconds:
            yield f"{here} {name} took: {duration(act.seconds)}"
    for text in step.heard:
        yield from prefixed(f"{here} user", text)


def _candidate(candidate: Candidate, *, patch: bool) -> Iterator[str]:
    files = ", ".join(candidate.files) or "no file"
    yield one_line(f"candidate {candidate.id}: {files}")
    for dropped in candidate.dropped:
        yield one_line(f"candidate {candidate.id} without {dropped.path}: {dropped.reason}")
    if patch:
        yield from prefixed(f"candidate {candidate.id} patch", candidate.patch)


def _head(recorded: RecordedTask) -> Iterator[str]:
    task, image = recorded.task, recorded.image
    if task is not None:
        yield from prefixed("task source", task.source)
        yield from prefixed("task repository", f"{task.repository} at {task.base_commit}")
        yield from prefixed("task issue", task.text)
    if image is not None:
        text = f"{image.reference}, {image.made}, {image.toolchain}"
        yield from prefixed("image", f"{text}, tests: {image.test_command or 'none'}")


def prefixed(prefix: str, text: str, mark: str = ":") -> Iterator[str]:
    """Yield the lines of a text, each with what it belongs to."""
    for line in visible(text).removesuffix("\n").split("\n"):
        yield f"{prefix}{mark} {line}".rstrip()


def _reproduction(written: Reproduction | None) -> Iterator[str]:
    if written is None:
        return
    for path, content in written.probes.items():
        yield from prefixed(f"probe {one_line(path)}", content)
    for path, content in written.tests.items():
        yield from prefixed(f"reproduction {one_line(path)}", content)
    if written.remark:
        yield from prefixed("reproduction", written.remark)


def _matrix(matrix: Matrix) -> Iterator[str]:
    names = matrix.candidates
    yield f"matrix {_row(['base', *names])} {'origin':<12} issue check"
    for check in matrix.checks:
        column = matrix.column(check.id)
        results = [column[name].result if name in column else "-" for name in names]
        issue = "yes" if check.issue else "-"
        row = _row([check.base, *results])
        yield f"matrix {row} {check.origin:<12} {issue:<5} {one_line(check.id)}"
    for outcome in matrix.outcomes:
        if outcome.message and outcome.result != "pass":
            where = f"matrix {outcome.candidate} {one_line(outcome.check)}"
            yield from prefixed(where, outcome.message)
        if outcome.output:
            where = f"matrix {outcome.candidate} {one_line(outcome.check)} output"
            yield from prefixed(where, outcome.output)
    for check_id in matrix.unstable:
        yield f"matrix unstable: {one_line(check_id)}"
    for note in matrix.notes:
        yield f"matrix note: {one_line(note)}"


def _row(cells: Sequence[str]) -> str:
    return " ".join(cell.ljust(COLUMN) for cell in cells)


def _verdict(verdict: Verdict) -> Iterator[str]:
    confidence = "none" if verdict.confidence is None else f"{verdict.confidence:.2f}"
    entropy = "none" if verdict.entropy is None else f"{verdict.entropy:.2f} bits"
    chosen = verdict.chosen or "none"
    yield f"verdict: {verdict.status}, chosen {chosen}, confidence {confidence}, entropy {entropy}"
    for sentence in verdict.sentences:
        yield f"verdict: {one_line(sentence)}"
    for risk in verdict.risks:
        yield one_line(f"risk {risk.kind}: {risk.path}:{risk.line}: {risk.text}")


def _classes(verdict: Verdict) -> Iterator[str]:
    for number, item in enumerate(verdict.classes, 1):
        regressions = several(len(item.regressions), "regression")
        passed = f"{several(item.issue_checks_passed, 'issue check')} passed"
        tampered = ", tampered" if item.tampered else ""
        members = ", ".join(item.candidates)
        yield f"class {number}: {members}: mass {item.mass:.2f}, {passed}, {regressions}{tampered}"
        for check in item.regressions:
            yield f"class {number} regression: {one_line(check)}"


def _end(recorded: RecordedTask) -> Iterator[str]:
    if recorded.result is not None:
        yield f"result: {_summary(recorded.result)}"
        for error in recorded.result.errors:
            yield f"result error: {one_line(error)}"
    elif recorded.failure is not None:
        yield from prefixed("failure", _failed(recorded.failure))
        yield from prefixed("failure", recorded.failure.trace) if recorded.failure.trace else ()
    else:
        yield "result: none, the task is not finished"


def _summary(result: Result) -> str:
    patch = one_line(result.patch) if result.patch else "no file"
    spent = f"{tokens(result.tokens)}, {money(result.cost_usd)}, {duration(result.seconds)}"
    return f"{result.status}, {patch}, {several(result.attempts, 'attempt')}, {spent}"


def _failed(failure: Failure) -> str:
    hint = f" ({failure.hint})" if failure.hint else ""
    return f"{failure.error}: {failure.message}{hint}"
