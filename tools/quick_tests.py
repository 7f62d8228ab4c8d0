"""Tests near an edit, run without being asked for: they show what it breaks or mends."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tools.clip import clip_lines
from tools.junit import CaseReport
from tools.nearby_tests import find_nearby, is_collected
from tools.run_tests import is_structured, run_tests
from tools.sandbox.protocol import Sandbox

SECONDS = 20.0
"""For all tests after one edit; files that have taken longer are left out."""
MOST_FILES = 4
MOST_LINES = 20


@dataclass
class QuickTests:
    """Runs the tests nearest to an edited file, before its first edit and after each.

    A command whose results do not come test by test runs nothing.
    """

    sandbox: Sandbox
    command: str | None
    seconds: float = SECONDS
    _near: dict[str, list[str]] = field(default_factory=dict)
    _before: dict[str, dict[str, str]] = field(default_factory=dict)
    _durations: dict[str, float] = field(default_factory=dict)

    def before(self, path: str) -> None:
        """Learn what the tests near a file do while it is as it was."""
        if self.command is None or not is_structured(self.command) or path in self._near:
            return
        if not path.endswith(".py"):
            self._near[path] = []
            return
        near = [] if is_collected(path) else find_nearby(self.sandbox, [path], MOST_FILES)
        self._near[path] = near
        left = self.seconds
        for file in near:
            if file not in self._durations and left > 1:
                started = time.monotonic()
                self._before[file] = outcomes(self._run([file], left))
                left -= time.monotonic() - started

    def after(self, path: str) -> str:
        """Return what the tests near an edited file do now, "" when there are none to run."""
        if self.command is None or path not in self._near:
            return ""
        files = [path] if is_collected(path) else self._quick(self._near[path])
        if not files:
            return ""
        reports = self._run(files, self.seconds)
        known = {name: r for file in files for name, r in self._before.get(file, {}).items()}
        return summary(files, reports, known)

    def _quick(self, near: Sequence[str]) -> list[str]:
        chosen, total = [], 0.0
        for file in near:
            total += self._durations.get(file, self.seconds)
            if total < self.seconds:
                chosen.append(file)
        return chosen

    def _run(self, files: Sequence[str], seconds: float) -> tuple[CaseReport, ...]:
        assert self.command is not None
        run = run_tests(self.sandbox, self.command, files, timeout=seconds)
        for file in files:
            if not run.completed.timed_out:
                self._durations[file] = run.completed.seconds / len(files)
            else:  # an edit that never ends says nothing of a file that was quick before it
                self._durations.setdefault(file, self.seconds)
        return run.reports


def outcomes(reports: Sequence[CaseReport]) -> dict[str, str]:
    """Return each test's result by its id."""
    return {report.id: report.result for report in reports}


def summary(files: Sequence[str], reports: Sequence[CaseReport], before: Mapping[str, str]) -> str:
    """Say in at most 20 lines how tests went, those first whose result the edit changed."""
    names = ", ".join(files)
    if not reports:
        return f"Tests near the edit ({names}) did not run; see why with run_tests."
    results = outcomes(reports)
    wrong = [report for report in reports if report.result in ("fail", "error", "timeout")]
    broken = [report for report in wrong if before.get(report.id) == "pass"]
    failed = [name for name, result in before.items() if result in ("fail", "error")]
    mended = [name for name in failed if results.get(name) == "pass"]
    counts = Counter(results.values())
    kinds = ("pass", "fail", "error", "skip")
    counted = ", ".join(f"{counts[kind]} {kind}" for kind in kinds if counts[kind])
    lines = [f"Tests near the edit ({names}): {counted}."]
    lines += [f"BROKEN by this change: {report.id}: {report.message}" for report in broken]
    lines += [f"mended: {name}" for name in mended]
    for report in wrong:
        if report not in broken:
            mark = "failed before, too" if report.id in before else "FAIL"
            lines.append(f"{mark}: {report.id}: {report.message}")
    return "\n".join(line[:300] for line in clip_lines(lines, MOST_LINES, "lines"))
