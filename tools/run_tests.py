"""Tests: run them, read what they did, and the tool that offers this to the model.

The judge runs its matrix through this same module: what the model saw is what is judged.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import SystemRandom
from shlex import quote
from typing import Annotated

from pydantic import ConfigDict, Field

from tools import unittest_runner
from tools.base import TestCounts, ToolError, ToolResult
from tools.bash import ending
from tools.clip import clip, clip_lines
from tools.junit import CaseReport, Result, parse_junit
from tools.sandbox.protocol import Completed, Sandbox

TEST_SECONDS = 300.0
GRACE = 20
"""Seconds that an interrupted runner has to write its report."""
PLAIN_WORDS = ("basic", "default", "empty", "input", "name", "order", "simple", "value")
_WORD = re.compile(r"(?<=_)[a-z]{3,12}(?=_|$)")
_RANDOM = SystemRandom()


@dataclass(frozen=True)
class SuiteReport:
    """What one run of tests did: `reports` in order, empty when nothing structured came back.

    `broken` says why there are none; `tampered` why the results cannot be believed.
    """

    reports: tuple[CaseReport, ...]
    completed: Completed
    broken: str = ""
    tampered: str = ""


@dataclass(frozen=True)
class Canaries:
    """Two tests that look like the others: code that forges results gets one of them wrong."""

    path: str
    failing: str
    passing: str

    @classmethod
    def beside(cls, folder: str, like: Iterable[str] = ()) -> Canaries:
        """Choose names for a pair in `folder`, made of the words of the test names in `like`."""
        known = set(like)
        words = sorted({word for name in known for word in _WORD.findall(name)} | set(PLAIN_WORDS))
        chosen: list[str] = []
        while len(chosen) < 3:
            name = "_".join(["test", *_RANDOM.sample(words, 3)])
            if name not in known and name not in chosen:
                chosen.append(name)
        file, failing, passing = chosen
        return cls(f"{folder}/{file}.py" if folder else f"{file}.py", failing, passing)

    def source(self) -> str:
        """Return the file: which of the two must fail cannot be told from its shape."""
        left, right = (str(_RANDOM.randrange(100, 1000)) for _ in range(2))
        right = right if right != left else f"{left}0"
        bodies = {self.failing: (left, right), self.passing: (left, left)}
        return "\n\n".join(
            f"def {name}():\n    assert {bodies[name][0]} == int('{bodies[name][1]}')"
            for name in sorted(bodies)
        )

    def complaint(self, reports: Sequence[CaseReport], exit_code: int) -> str:
        """Say what is wrong with the canaries' results, "" when they are as they must be."""
        results = {
            r.id.rpartition("::")[2]: r.result for r in reports if r.id.startswith(self.path)
        }
        if exit_code == 0:
            return "the run claims success although one test must fail"
        if results.get(self.failing) != "fail":
            return f"a test that must fail is reported as {results.get(self.failing, 'missing')}"
        if results.get(self.passing) != "pass":
            return f"a test that must pass is reported as {results.get(self.passing, 'missing')}"
        return ""


def is_pytest(command: str) -> bool:
    """Tell whether a test command is pytest, whose results come back structured."""
    return any(word.rpartition("/")[2] in ("pytest", "py.test") for word in command.split())


def is_structured(command: str) -> bool:
    """Tell whether a test command's results come back test by test."""
    return is_pytest(command) or unittest_runner.parsed(command) is not None


def run_tests(
    sandbox: Sandbox,
    command: str,
    tests: Sequence[str],
    *,
    timeout: float = TEST_SECONDS,
    canaries: Canaries | None = None,
) -> SuiteReport:
    """Run test files or ids with the project's test command, `timeout` seconds at most.

    A command that is neither pytest nor made of unittest is given one test at a time and believed
    by its exit code; no canary guards it, so such a result verifies nothing.
    """
    if not is_structured(command):
        return _run_plain(sandbox, command, tests, timeout)
    report = _new_report(sandbox)
    paths = [*tests, canaries.path] if canaries else list(tests)
    if canaries:
        sandbox.write(canaries.path, canaries.source().encode())
    try:
        completed = sandbox.run(_line(sandbox, command, report, paths), timeout=timeout)
    finally:
        if canaries:
            sandbox.run(f"rm -f -- {quote(canaries.path)}")
    return _structured(sandbox, report, completed, paths, canaries)


def run_for(sandbox: Sandbox, command: str, seconds: float) -> SuiteReport:
    """Run all tests that a structured command finds, and report those that ended in time.

    When the time is up the runner is interrupted, as by a user, and writes what it has.
    """
    report = _new_report(sandbox)
    # The shell must outlive the runner: its end is that of the command, and of the writing.
    line = f"trap : INT; {_line(sandbox, command, report, [])}"
    stopped = f"timeout -s INT -k {GRACE} {seconds:.0f} sh -c {quote(line)}"
    completed = sandbox.run(stopped, timeout=seconds + 2 * GRACE)
    return _structured(sandbox, report, completed, [], None)


def _new_report(sandbox: Sandbox) -> str:
    """Return where a report is to be written: code under test cannot know the name before."""
    return f"{sandbox.scratch}/report-{os.urandom(6).hex()}.xml"


def _line(sandbox: Sandbox, command: str, report: str, paths: Sequence[str]) -> str:
    """Return the command that runs tests and writes a report of them."""
    made_of_unittest = unittest_runner.parsed(command)
    if made_of_unittest is not None:
        sandbox.write(unittest_runner.reporter_beside(report), unittest_runner.reporter())
        return made_of_unittest.line(report, sandbox.root, paths)
    options = (
        f"--junitxml={quote(report)} -o junit_family=xunit1 --rootdir={quote(sandbox.root)} "
        "--tb=short --continue-on-collection-errors --maxfail=0 "
        f"-o cache_dir={quote(sandbox.scratch)}/pytest-cache -q"
    )
    return f"{command} {options} {' '.join(quote(path) for path in paths)}"


def run_written(
    sandbox: Sandbox, command: str, files: Mapping[str, str], *, timeout: float
) -> SuiteReport:
    """Run test files that are not the repository's, by path, and remove them again."""
    for path, content in files.items():
        sandbox.write(path, content.encode())
    run = run_tests(sandbox, command, list(files), timeout=timeout)
    sandbox.run(f"rm -f -- {' '.join(map(quote, files))}")
    return run


def _structured(
    sandbox: Sandbox,
    report: str,
    completed: Completed,
    paths: Sequence[str],
    canaries: Canaries | None,
) -> SuiteReport:
    try:
        reports = parse_junit(sandbox.read(report), [path.partition("::")[0] for path in paths])
    except FileNotFoundError:
        tampered = "it ended with success but without a report" if completed.ok else ""
        return SuiteReport((), completed, _why(completed), tampered)
    except OSError as error:
        return SuiteReport((), completed, str(error), f"its report is no file to read: {error}")
    except ValueError as error:
        return SuiteReport((), completed, str(error), f"the report is damaged: {error}")
    if canaries is None:
        return SuiteReport(reports, completed)
    tampered = canaries.complaint(reports, completed.exit_code)
    mine = tuple(r for r in reports if not r.id.startswith(canaries.path))
    return SuiteReport(mine, completed, tampered=tampered)


def _run_plain(sandbox: Sandbox, command: str, tests: Sequence[str], timeout: float) -> SuiteReport:
    """Run each path by itself: its exit code is all that is known of it."""
    reports, completed = [], Completed(0, "")
    for test in tests:
        completed = sandbox.run(f"{command} {quote(test)}", timeout=timeout)
        result: Result = "timeout" if completed.timed_out else "pass" if completed.ok else "fail"
        last = completed.output.strip().splitlines()[-1:] or [""]
        reports.append(CaseReport(test, result, completed.seconds, last[0][:500], completed.output))
    return SuiteReport(tuple(reports), completed)


def _why(completed: Completed) -> str:
    if completed.timed_out:
        return "the tests did not end in time"
    lines = [line for line in completed.output.strip().splitlines() if line.strip()]
    wrong = [line for line in lines if "Error" in line] or lines or ["no output"]
    return f"the test runner ended with exit code {completed.exit_code}: {wrong[-1].strip()[:300]}"


@dataclass(frozen=True)
class Arguments:
    """What the model gives."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    tests: Annotated[
        tuple[str, ...],
        Field(
            min_length=1,
            max_length=50,
            description="Test files, folders or ids such as tests/test_a.py::TestB::test_c.",
        ),
    ]
    timeout: Annotated[
        float, Field(gt=0, le=1800, description="Seconds after which they are killed.")
    ] = TEST_SECONDS


@dataclass(frozen=True)
class RunTests:
    """Runs chosen tests and reports each failure with its message."""

    sandbox: Sandbox
    command: str | None
    name = "run_tests"
    description = (
        "Run chosen tests of the repository with its own test command and get the outcome: how "
        "many passed, and each failure with its traceback. Name files or single tests."
    )
    arguments = Arguments

    def __call__(self, arguments: Arguments) -> ToolResult:
        """Return the outcome of each test that did not pass, and the counts."""
        if self.command is None:
            raise ToolError("This repository has no known test command; run a test with bash.")
        run = run_tests(self.sandbox, self.command, arguments.tests, timeout=arguments.timeout)
        if run.broken or not run.reports:
            output = clip(run.completed.output, 6000)
            text = f"No test ran.\n{output}\n{ending(run.completed)}"
            return ToolResult(text=text, tests=TestCounts(), timed_out=run.completed.timed_out)
        return ToolResult(text=describe(run.reports), tests=counts(run.reports))


def counts(reports: Sequence[CaseReport]) -> TestCounts:
    """Count how tests ended; one that did not end in time counts as an error."""
    results = [report.result for report in reports]
    return TestCounts(
        passed=results.count("pass"),
        failed=results.count("fail"),
        errors=results.count("error") + results.count("timeout"),
        skipped=results.count("skip"),
    )


def describe(reports: Sequence[CaseReport]) -> str:
    """Return counts and failures of a test run as text."""
    wrong = [report for report in reports if report.result not in ("pass", "skip")]
    results = [report.result for report in reports]
    ended = {name: results.count(name) for name in ("pass", "fail", "error", "skip")}
    lines = [", ".join(f"{count} {name}" for name, count in ended.items() if count)]
    lines += clip_lines([f"{r.result.upper()} {r.id}: {r.message}" for r in wrong], 30, "failures")
    for report in wrong[:5]:
        lines.append(f"--- {report.id}\n{clip(report.text, 1500)}")
    return "\n".join(lines)
