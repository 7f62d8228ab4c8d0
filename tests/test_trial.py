"""What a change does when it is tried, with real pytest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.planner.guided.trial import Bench, failures
from tests.samples import CALC, PYTEST, PYTHON_PATH, REPRODUCTION, make_project
from tools.sandbox.local import LocalSandbox
from tools.sandbox.protocol import Sandbox

CHECKS = {"tests/test_issue.py": REPRODUCTION}
RIGHT = CALC.replace("len(values)\n", "len(values) if values else 0.0\n")
BREAKS = CALC.replace("sum(values) / len(values)", "0.0")


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with LocalSandbox(make_project(tmp_path / "project"), path=PYTHON_PATH) as opened:
        yield opened
        assert opened.run("git status --porcelain").output == "", "all is as it was"


def test_a_change_holds_that_passes_the_checks_and_breaks_nothing(sandbox: Sandbox) -> None:
    trial = Bench(sandbox, PYTEST, CHECKS).try_out("calc.py", RIGHT)
    assert trial.passes
    assert (trial.result, trial.report) == ("holds", "")


def test_a_change_that_leaves_a_check_failing_hears_why(sandbox: Sandbox) -> None:
    bench = Bench(sandbox, PYTEST, CHECKS)
    assert "ZeroDivisionError" in failures(bench.reports())
    trial = bench.try_out("calc.py", CALC + "# more\n")
    assert trial.failing == ("tests/test_issue.py::test_mean_of_nothing",)
    assert "ZeroDivisionError" in trial.report
    assert (trial.result, trial.passes) == ("fails", False)


def test_a_change_that_breaks_a_test_does_not_hold(sandbox: Sandbox) -> None:
    trial = Bench(sandbox, PYTEST, CHECKS).try_out("calc.py", BREAKS)
    assert (trial.failing, trial.broken) == ((), ("tests/test_calc.py::test_mean",))
    assert "assert 0.0 == 2" in trial.report
    assert (trial.result, trial.wrongs) == ("breaks", (False, 0, 1))


def test_a_test_that_failed_before_counts_against_nobody(sandbox: Sandbox) -> None:
    trial = Bench(sandbox, PYTEST, {}).try_out("calc.py", CALC + "# more\n")
    assert (trial.result, trial.passes) == ("holds", True)


def test_a_change_that_nothing_can_run_with_does_not_hold(sandbox: Sandbox) -> None:
    trial = Bench(sandbox, PYTEST, CHECKS).try_out("calc.py", "raise SystemExit(3)\n")
    assert (trial.result, trial.passes) == ("fails", False)
    assert trial.report


def test_the_same_change_is_tried_once(sandbox: Sandbox) -> None:
    bench = Bench(sandbox, PYTEST, CHECKS)
    first = bench.try_out("calc.py", RIGHT)
    bench.command = "false"
    assert bench.try_out("calc.py", RIGHT) is first


def test_without_a_test_command_nothing_is_known(sandbox: Sandbox) -> None:
    bench = Bench(sandbox, None, {})
    assert bench.reports() == ()
    trial = bench.try_out("calc.py", BREAKS)
    assert (trial.result, trial.passes) == ("untested", True)
