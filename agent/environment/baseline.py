"""What a repository's own tests do in its new environment, before anybody changes the code."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from agent.errors import UserError
from agent.records import Image
from agent.trajectory.encoding import decode, encode
from tools.junit import CaseReport, Result
from tools.run_tests import is_structured, run_for
from tools.sandbox.container import ImageInfo
from tools.sandbox.engine import Engine
from tools.sandbox.factory import Sandboxes
from tools.sandbox.image_builder import Builder

LABEL = "repair-agent.first-run"
SECONDS = 60.0
"""How long the tests are tried; a suite of hours is tried in part."""
SLOWEST, FAILING = 10, 100
"""How many tests are kept by name."""
INTERRUPTED = (124, 137, -9)
"""How `timeout` ends when the time was up, and when the runner did not heed the interrupt."""


@dataclass(frozen=True)
class FirstRun:
    """Counts by result; ids of tests that failed before any change; the slowest, with seconds.

    `whole` tells whether all tests ran in the time, `problem` why none did; `command` is how they
    ran, for at most `allowed` seconds.
    """

    counts: dict[str, int]
    failing: tuple[str, ...] = ()
    slowest: tuple[tuple[str, float], ...] = ()
    whole: bool = True
    problem: str = ""
    command: str = ""
    allowed: float = 0.0

    def lines(self) -> list[str]:
        """Return the first run as lines of text, the counts first."""
        if self.problem:
            return [f"tests: none ran ({self.problem})"]
        counts = ", ".join(f"{number:,} {result}" for result, number in self.counts.items())
        cut = "" if self.whole else ", the first ones, then the time was up"
        lines = [f"tests: {counts}{cut}"]
        if self.failing:
            lines += ["failing before any change:", *(f"  {name}" for name in self.failing)]
        slowest = [f"  {seconds:6.2f} s  {name}" for name, seconds in self.slowest]
        return [*lines, "slowest:", *slowest]


def measure(
    engine: Engine, image: Image, sandboxes: Sandboxes, seconds: float = SECONDS
) -> FirstRun:
    """Return the first run of an image's tests, from the image where it is recorded already.

    Else they are run, and what they did is recorded with the image. Raises EngineError.
    """
    command = image.test_command or ""
    described = engine.image(image.reference) or ImageInfo((), "", 0)
    known = recorded(described)
    if known and known.command == command and (known.whole or known.allowed >= seconds):
        return known
    with sandboxes.open() as sandbox:
        run = run_for(sandbox, command, seconds) if is_structured(command) else None
    if run is None:
        return FirstRun({}, problem=f"what {command} does cannot be told test by test")
    ended = not run.completed.timed_out and run.completed.exit_code not in INTERRUPTED
    result = summary(run.reports, whole=ended, problem=run.broken if ended else "")
    result = replace(result, command=command, allowed=seconds)
    with Builder(engine, image.reference) as builder:
        builder.commit(
            image.reference,
            labels={**described.labels, LABEL: encode(result).decode()},
            environment=described.environment,
            workdir=described.workdir,
            user=described.user,
        )
    return result


def recorded(image: ImageInfo) -> FirstRun | None:
    """Return the first run in an image's label, None when it is missing or cannot be read."""
    if LABEL not in image.labels:
        return None
    try:
        first_run: FirstRun = decode(FirstRun, image.labels[LABEL].encode(), LABEL)
    except UserError:
        return None
    return first_run


def summary(reports: tuple[CaseReport, ...], *, whole: bool, problem: str) -> FirstRun:
    """Return the parts of a test run that are recorded."""
    if not reports:
        return FirstRun({}, whole=whole, problem=problem or "the time was up before one ended")
    counts = Counter(report.result for report in reports)
    order: tuple[Result, ...] = ("pass", "fail", "error", "timeout", "skip")
    failing = [report.id for report in reports if report.result not in ("pass", "skip")]
    slow = sorted(reports, key=lambda report: -report.seconds)[:SLOWEST]
    return FirstRun(
        {result: counts[result] for result in order if counts[result]},
        tuple(failing[:FAILING]),
        tuple((report.id, round(report.seconds, 3)) for report in slow),
        whole,
    )
