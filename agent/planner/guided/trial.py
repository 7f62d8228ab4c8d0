"""What a change does when it is tried: the issue checks first, then the quick tests near it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from agent.trajectory.events import TrialResult
from tools.clip import clip
from tools.junit import CaseReport
from tools.nearby_tests import find_nearby
from tools.run_tests import describe, is_structured, run_tests, run_written
from tools.sandbox.protocol import Sandbox

CHECK_SECONDS, NEAR_SECONDS = 120.0, 30.0
"""For the issue checks and for the tests near a change."""
MOST_NEAR = 3
HOLDING = ("holds", "untested")
"""Results of changes against which nothing is known."""
LONGEST_SAID = 1500
"""Characters of failures that a small model is shown."""


@dataclass(frozen=True)
class Trial:
    """What came of a change, and a report of it in words that the model may be shown.

    `failing` are issue checks that still fail, `broken` tests that the change broke.
    """

    result: TrialResult
    report: str = ""
    failing: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()

    @property
    def passes(self) -> bool:
        """True when nothing is known against the change."""
        return self.result in HOLDING

    @property
    def wrongs(self) -> tuple[bool, int, int]:
        """What trials are compared by: fewer is better."""
        return self.result in ("problems", "unchanged"), len(self.failing), len(self.broken)


@dataclass
class Bench:
    """Tries changes of one file at a time in a sandbox and puts each file back as it was.

    `checks` are test files that show the issue, by path. Tests near a file run only on a change
    that passes them, and count as broken where they passed before.
    """

    sandbox: Sandbox
    command: str | None
    checks: Mapping[str, str]
    _near: dict[str, dict[str, str]] = field(default_factory=dict)
    _known: dict[tuple[str, str], Trial] = field(default_factory=dict)

    def reports(self) -> tuple[CaseReport, ...]:
        """Run the issue checks on the repository as it is."""
        if not self.checks or self.command is None:
            return ()
        run = run_written(self.sandbox, self.command, self.checks, timeout=CHECK_SECONDS)
        return run.reports

    def try_out(self, path: str, after: str) -> Trial:
        """Return what a file's new text does."""
        if (path, after) not in self._known:
            self._known[path, after] = self._tried(path, after.encode("utf-8", "surrogateescape"))
        return self._known[path, after]

    def _tried(self, path: str, after: bytes) -> Trial:
        if self.command is None:
            return Trial("untested")
        with self._changed(path, after):
            reports = self.reports()
        failing = tuple(report.id for report in reports if report.result != "pass")
        if self.checks and not reports:
            return Trial("fails", "The tests did not run at all.", tuple(self.checks))
        if failing:
            return Trial("fails", failures(reports), failing)
        good = [name for name, result in self._learnt(path).items() if result == "pass"]
        if not good:
            return Trial("holds" if reports else "untested")
        files = list(dict.fromkeys(name.partition("::")[0] for name in good))
        with self._changed(path, after):
            run = run_tests(self.sandbox, self.command, files, timeout=2 * NEAR_SECONDS)
        results = {report.id: report.result for report in run.reports}
        broken = tuple(name for name in good if results.get(name) != "pass")
        wrong = [report for report in run.reports if report.id in broken]
        return Trial("breaks" if broken else "holds", failures(wrong), broken=broken)

    @contextmanager
    def _changed(self, path: str, after: bytes) -> Iterator[None]:
        before = self.sandbox.read(path)
        self.sandbox.write(path, after)
        try:
            yield
        finally:
            self.sandbox.write(path, before)

    def _learnt(self, path: str) -> dict[str, str]:
        """Find out what the tests near a file do while it is as it was; slow ones are left out."""
        if path not in self._near:
            self._near[path] = {}
            if self.command is not None and is_structured(self.command):
                self._learn(path, self.command)
        return self._near[path]

    def _learn(self, path: str, command: str) -> None:
        left = NEAR_SECONDS
        for file in find_nearby(self.sandbox, [path], MOST_NEAR):
            started = time.monotonic()
            run = run_tests(self.sandbox, command, [file], timeout=left)
            left -= time.monotonic() - started
            if run.completed.timed_out or left < 1:
                break
            self._near[path] |= {report.id: report.result for report in run.reports}


def failures(reports: Sequence[CaseReport]) -> str:
    """Return what failed, as a small model is shown it; "" without reports."""
    return clip(describe(reports), LONGEST_SAID) if reports else ""
