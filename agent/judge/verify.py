"""The matrix: every candidate against every check, each row in a fresh sandbox."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from agent.judge.evidence import CheckFile
from agent.judge.reason import issue_reason
from agent.records import Candidate, Check, Matrix, Outcome, TestResult
from tools.junit import CaseReport
from tools.run_tests import Canaries, SuiteReport, run_tests
from tools.sandbox import Sandbox
from tools.sandboxes import Sandboxes

BASE = "base"
BASE_SECONDS = 300.0
"""Time for the first run of the existing tests; files beyond it are left out."""
ROW_SECONDS = 600.0
WORKERS = 2


@dataclass(frozen=True)
class Row:
    """What one run of all test files did: reports by check id.

    `tampered` and `broken` say why reports are missing or cannot be believed.
    """

    reports: dict[str, CaseReport] = field(default_factory=dict)
    broken: str = ""
    tampered: str = ""
    applies: bool = True
    timed_out: bool = False

    def __add__(self, other: Row) -> Row:
        return Row(
            self.reports | other.reports,
            self.broken or other.broken,
            self.tampered or other.tampered,
            self.applies and other.applies,
            self.timed_out or other.timed_out,
        )


def verify(
    sandboxes: Sandboxes,
    command: str,
    candidates: Sequence[Candidate],
    files: Sequence[CheckFile],
    issue: str,
    say: Callable[[str], None],
) -> tuple[Matrix, list[Candidate]]:
    """Run the matrix; return it and the candidates with what is now known of them.

    The clean base runs twice; a check whose two results differ is unstable and dropped. A check
    that fails on the base for the issue's reason is an issue check.
    """
    say("running the tests on the clean base")
    files, first, notes = _first_base_run(sandboxes, command, files)
    say(f"running {len(files)} test files on {len(candidates)} candidates")
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        try:
            again = pool.submit(_row, sandboxes, command, files, None)
            rows = [pool.submit(_row, sandboxes, command, files, one) for one in candidates]
            second = again.result()
            done = [row.result() for row in rows]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            sandboxes.abandon()  # a row may be minutes from its end
            raise
    if second.tampered or second.broken:
        notes.append(f"the second run on the clean base failed: {second.tampered or second.broken}")
    checks, unstable = _checks(files, first, second, issue)
    outcomes = [_outcome(BASE, check, first.reports.get(check.id), Row()) for check in checks]
    for candidate, row in zip(candidates, done, strict=True):
        outcomes += [_outcome(candidate.id, c, row.reports.get(c.id), row) for c in checks]
        if row.tampered or row.broken:
            notes.append(f"candidate {candidate.id}: {row.tampered or row.broken}")
    matrix = Matrix(tuple(checks), tuple(outcomes), tuple(unstable), tuple(notes))
    known = [replace(one, applies=row.applies) for one, row in zip(candidates, done, strict=True)]
    return matrix, known


def _first_base_run(
    sandboxes: Sandboxes, command: str, files: Sequence[CheckFile]
) -> tuple[list[CheckFile], Row, list[str]]:
    """Run file by file until the time is used up; return the files that ran."""
    kept: list[CheckFile] = []
    reports: dict[str, CaseReport] = {}
    notes: list[str] = []
    started = time.monotonic()
    with sandboxes.open() as sandbox:
        for file in files:
            left = BASE_SECONDS - (time.monotonic() - started)
            if left < 1:
                notes.append(f"{file.path} was left out: the tests near the change take too long")
                continue
            _place(sandbox, [file])
            run = run_tests(sandbox, command, file.targets, timeout=left)
            if run.broken:
                notes.append(f"{file.path} was left out: {run.broken}")
                continue
            kept.append(file)
            reports |= {report.id: report for report in run.reports}
    return kept, Row(reports), notes


def _row(
    sandboxes: Sandboxes, command: str, files: Sequence[CheckFile], candidate: Candidate | None
) -> Row:
    """Run all files in a fresh sandbox with one patch applied, or with none.

    What an attempt wrote runs in a process of its own: a test can forge the results of all tests
    beside it, and must not forge those that judge its own attempt.
    """
    total = Row()
    with sandboxes.open() as sandbox:
        if candidate is not None:
            refusal = apply(sandbox, candidate.patch)
            if refusal:
                return Row(broken=refusal, applies=False)
        for author in dict.fromkeys(file.author for file in files):
            batch = [file for file in files if file.author == author]
            _place(sandbox, batch)
            canaries = Canaries.beside(posixpath.dirname(batch[0].path))
            targets = [target for file in batch for target in file.targets]
            run = run_tests(sandbox, command, targets, timeout=ROW_SECONDS, canaries=canaries)
            total += _as_row(run)
    return total


def _as_row(run: SuiteReport) -> Row:
    reports = {report.id: report for report in run.reports}
    return Row(reports, run.broken, run.tampered, timed_out=run.completed.timed_out)


def apply(sandbox: Sandbox, patch: str) -> str:
    """Apply a patch to a clean repository; return what git says against it, "" when it applies."""
    done = sandbox.run("git apply --whitespace=nowarn -", stdin=patch.encode(), timeout=120)
    return "" if done.ok else f"the patch does not apply: {done.output.strip()[:300]}"


def _place(sandbox: Sandbox, files: Sequence[CheckFile]) -> None:
    for file in files:
        if file.content is not None:
            sandbox.write(file.path, file.content.encode())


def _checks(
    files: Sequence[CheckFile], first: Row, second: Row, issue: str
) -> tuple[list[Check], list[str]]:
    """Make a check of every test that did the same twice on the clean base."""
    by_path = {file.path: file for file in files}
    checks, unstable = [], []
    for identity, report in first.reports.items():
        other = second.reports.get(identity)
        result = report.result
        if result == "skip" or (other is not None and other.result == "skip"):
            continue
        if other is None or other.result != result:
            unstable.append(identity)
            continue
        file = by_path[identity.partition("::")[0]]
        if not file.reproduces:
            checks.append(Check(identity, "existing", None, result))
        elif result != "pass":  # a written test that passes here reproduces nothing
            reason = issue_reason(report, issue)
            checks.append(
                Check(identity, "reproduction", file.author, result, bool(reason), reason)
            )
    return checks, unstable


def _outcome(candidate: str, check: Check, report: CaseReport | None, row: Row) -> Outcome:
    if row.tampered:
        return Outcome(candidate, check.id, "tampered", message=row.tampered)
    if report is None:
        result: TestResult = "timeout" if row.timed_out else "error"
        return Outcome(candidate, check.id, result, message=row.broken or "it did not run")
    if report.result == "skip":
        return Outcome(candidate, check.id, "fail", report.digest, f"skipped: {report.message}")
    return Outcome(
        candidate, check.id, report.result, report.digest, report.message, report.seconds
    )
