"""The matrix: every candidate against every check, each row in a fresh sandbox."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Callable, Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

from agent.records import BASE, Candidate, Check, CheckResult, Matrix, TestResult
from agent.reproduction.issue_reason import issue_reason
from agent.selection.checks import CheckFile
from tools.base import SandboxLost
from tools.clip import clip
from tools.junit import CaseReport
from tools.nondeterminism import normalized
from tools.run_tests import Canaries, run_tests
from tools.sandbox.factory import Sandboxes
from tools.sandbox.protocol import Sandbox

BASE_SECONDS = 300.0
"""Time for the first run of the existing tests; files beyond it are left out."""
FILE_SECONDS = 120.0
"""Time for one of them."""
ROW_SECONDS = 600.0
WORKERS = 2
OUTPUT = 4000
"""Characters of what a failing check printed that are kept."""


@dataclass(frozen=True)
class Part:
    """What one author's test files did in one sandbox: reports by check id.

    `broken` and `tampered` say why reports are missing or cannot be believed.
    """

    reports: dict[str, CaseReport] = field(default_factory=dict)
    broken: str = ""
    tampered: str = ""
    applies: bool = True
    timed_out: bool = False


Row = dict[int | None, Part]
"""The parts of one candidate by author; None is the project and the writer that saw no patch.

Each author's tests run in a sandbox of their own: a test can forge the results of whatever runs
beside it or after it, and what one attempt wrote must not touch what judges it.
"""


def verify(
    sandboxes: Sandboxes,
    command: str,
    candidates: Sequence[Candidate],
    files: Sequence[CheckFile],
    issue: str,
    say: Callable[[str], None],
) -> tuple[Matrix, list[Candidate]]:
    """Run the matrix; return it, and the candidates with whether they apply.

    The clean base runs twice; a check whose two results differ is unstable and dropped. A check
    that fails on the base for the issue's reason is an issue check.
    """
    say("running the tests on the clean base")
    files, first, notes = _first_base_run(sandboxes, command, files)
    say(f"running {len(files)} test files on {len(candidates)} candidates")
    names = [identity.rpartition("::")[2] for identity in first]
    run = partial(_part, sandboxes, command, names)
    batches = _batches(files)
    subjects = [None, *candidates]
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        try:
            jobs = [
                [(author, pool.submit(run, batch, subject)) for author, batch in batches.items()]
                for subject in subjects
            ]
            again, *rows = [{author: job.result() for author, job in row} for row in jobs]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            sandboxes.abandon()  # a row may be minutes from its end
            raise
    believed = {
        author: batch for author, batch in batches.items() if _is_honest(author, again, rows)
    }
    notes += _notes(batches, believed, again, candidates, rows)
    checks, unstable, volatile = _checks(believed, first, again, issue)
    outcomes = [_outcome(BASE, check, Part(first), volatile) for check in checks]
    tried = []
    for candidate, row in zip(candidates, rows, strict=True):
        outcomes += [
            _outcome(candidate.id, check, row[check.author], volatile, first[check.id])
            for check in checks
        ]
        tried.append(replace(candidate, applies=all(part.applies for part in row.values())))
    return Matrix(tuple(checks), tuple(outcomes), tuple(unstable), tuple(notes)), tried


def _batches(files: Sequence[CheckFile]) -> dict[int | None, list[CheckFile]]:
    """Group files by author; the project's batch is there also when it is empty."""
    batches: dict[int | None, list[CheckFile]] = {None: []}
    for file in files:
        batches.setdefault(file.author, []).append(file)
    return batches


def _first_base_run(
    sandboxes: Sandboxes, command: str, files: Sequence[CheckFile]
) -> tuple[list[CheckFile], dict[str, CaseReport], list[str]]:
    """Run file by file until the time is used up; return the files that ran, reports and notes."""
    kept: list[CheckFile] = []
    reports: dict[str, CaseReport] = {}
    notes: list[str] = []
    started = time.monotonic()
    for batch in _batches(files).values():
        with sandboxes.open() as sandbox:
            for file in batch:
                left = min(FILE_SECONDS, BASE_SECONDS - (time.monotonic() - started))
                if left < 1:
                    notes.append(f"{file.path} was left out: the tests take too long together")
                    continue
                _write(sandbox, [file])
                run = run_tests(sandbox, command, file.targets, timeout=left)
                if run.broken:
                    notes.append(f"{file.path} was left out: {run.broken}")
                    continue
                kept.append(file)
                reports |= {report.id: report for report in run.reports}
    return kept, reports, notes


def _part(
    sandboxes: Sandboxes,
    command: str,
    names: Sequence[str],
    batch: Sequence[CheckFile],
    candidate: Candidate | None,
) -> Part:
    """Run one batch on one candidate, or on the clean base; again if the sandbox dies."""
    for _ in range(2):
        try:
            with sandboxes.open() as sandbox:
                return _run_part(sandbox, command, names, batch, candidate)
        except SandboxLost as lost:
            reason = lost.message
    return Part(broken=f"its sandbox was lost twice: {reason}")


def _run_part(
    sandbox: Sandbox,
    command: str,
    names: Sequence[str],
    batch: Sequence[CheckFile],
    candidate: Candidate | None,
) -> Part:
    refusal = apply(sandbox, candidate.patch) if candidate is not None else ""
    if refusal:
        return Part(broken=refusal, applies=False)
    if not batch:
        return Part()
    _write(sandbox, batch)
    canaries = Canaries.beside(posixpath.dirname(batch[0].path), names)
    targets = [target for file in batch for target in file.targets]
    run = run_tests(sandbox, command, targets, timeout=ROW_SECONDS, canaries=canaries)
    reports = {report.id: report for report in run.reports}
    return Part(reports, run.broken, run.tampered, timed_out=run.completed.timed_out)


def _is_honest(author: int | None, again: Row, rows: Sequence[Row]) -> bool:
    """Tell whether an author's checks count.

    They do not where the runs on the clean base cannot be guarded. What an attempt wrote does not
    count either where its batch is tampered with on a patch that the project's own tests find
    honest: then it is the tests that forge results.
    """
    if again[author].tampered or again[author].broken:
        return False
    return author is None or not any(
        row[author].tampered and not row[None].tampered for row in rows
    )


def _notes(
    batches: dict[int | None, list[CheckFile]],
    believed: Container[int | None],
    again: Row,
    candidates: Sequence[Candidate],
    rows: Sequence[Row],
) -> list[str]:
    notes = []
    for author in batches:
        if author not in believed:
            whose = "the project's tests" if author is None else f"the tests of attempt {author}"
            why = again[author].tampered or again[author].broken or "they forge results"
            notes.append(f"{whose} cannot be guarded here and do not count: {why}")
    for candidate, row in zip(candidates, rows, strict=True):
        problems = {part.tampered or part.broken for part in row.values()} - {""}
        notes += [f"candidate {candidate.id}: {problem}" for problem in sorted(problems)]
    return notes


def apply(sandbox: Sandbox, patch: str) -> str:
    """Apply a patch to a clean repository; return why git refuses it, "" when it applies."""
    done = sandbox.run("git apply --whitespace=nowarn -", stdin=patch.encode(), timeout=120)
    return "" if done.ok else f"the patch does not apply: {done.output.strip()[:300]}"


def _write(sandbox: Sandbox, files: Sequence[CheckFile]) -> None:
    for file in files:
        if file.content is not None:
            sandbox.write(file.path, file.content.encode())


def _checks(
    batches: dict[int | None, list[CheckFile]],
    first: dict[str, CaseReport],
    again: Row,
    issue: str,
) -> tuple[list[Check], list[str], set[str]]:
    """Make a check of every test that did the same twice on the clean base.

    A written test becomes one only if it fails there for the issue's reason: one that passes
    reproduces nothing, and one that fails for another reason would set equal patches apart. The
    third value are checks whose failure reads differently each time.
    """
    checks: list[Check] = []
    unstable: list[str] = []
    volatile: set[str] = set()
    for author, batch in batches.items():
        by_path = {file.path: file for file in batch}
        for identity, report in first.items():
            file = by_path.get(identity.partition("::")[0])
            other = again[author].reports.get(identity)
            if file is None or "skip" in (report.result, other.result if other else ""):
                continue
            if other is None or other.result != report.result:
                unstable.append(identity)
                continue
            reason = issue_reason(report, issue) if file.reproduces else ""
            if file.reproduces and not reason:
                continue
            if other.digest != report.digest:
                volatile.add(identity)
            base = _result(report)
            checks.append(Check(identity, file.origin, author, base, bool(reason), reason))
    return checks, unstable, volatile


def _result(report: CaseReport) -> TestResult:
    return "fail" if report.result == "skip" else report.result


def _outcome(
    candidate: str,
    check: Check,
    part: Part,
    volatile: Container[str],
    base: CaseReport | None = None,
) -> CheckResult:
    """Return what a check did; `base` is what it did on the clean base, for others than that."""
    report = part.reports.get(check.id)
    if part.tampered:
        return CheckResult(candidate, check.id, "tampered", message=part.tampered)
    if report is None:
        result: TestResult = "timeout" if part.timed_out else "error"
        return CheckResult(candidate, check.id, result, message=part.broken or "it did not run")
    message = f"skipped: {report.message}" if report.result == "skip" else report.message
    # What fails everywhere as it does on the base is kept once; a message may be cut by its runner.
    differs = base is None or normalized(report.text) != normalized(base.text)
    return CheckResult(
        candidate,
        check.id,
        _result(report),
        digest="" if check.id in volatile else report.digest,
        message=message,
        seconds=report.seconds,
        output=clip(report.text, OUTPUT) if differs else "",
    )
