"""Tests near an edit: run in a real sandbox, told in few lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.samples import CALC, PYTEST, commit, make_project, sandbox_of
from tools.edit import Arguments, Edit
from tools.junit import CaseReport
from tools.quick_tests import MOST_LINES, QuickTests, summary
from tools.sandbox.protocol import Sandbox


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


@pytest.fixture
def sandbox(project: Path) -> Iterator[Sandbox]:
    with sandbox_of(project) as opened:
        yield opened


def test_an_edit_shows_what_it_breaks_and_what_failed_before(sandbox: Sandbox) -> None:
    edit = Edit(sandbox, QuickTests(sandbox, PYTEST))
    said = edit(Arguments(path="calc.py", old="sum(values)", new="max(values)"))

    assert "Tests near the edit (tests/test_calc.py): 2 fail." in said
    assert "BROKEN by this change: tests/test_calc.py::test_mean: assert 1.5 == 2" in said
    assert "failed before, too: tests/test_calc.py::test_known_to_fail" in said

    back = edit(Arguments(path="calc.py", old="max(values)", new="sum(values)"))
    assert "1 pass, 1 fail." in back
    assert "BROKEN" not in back


def test_an_edit_shows_what_it_mends(sandbox: Sandbox) -> None:
    edit = Edit(sandbox, QuickTests(sandbox, PYTEST))
    said = edit(
        Arguments(
            path="calc.py", old="sum(values) / len(values)", new="2 if len(values) > 1 else 7"
        )
    )
    assert "mended: tests/test_calc.py::test_known_to_fail" in said


def test_a_new_test_is_run_at_once(sandbox: Sandbox) -> None:
    edit = Edit(sandbox, QuickTests(sandbox, PYTEST))
    text = "from calc import mean\n\n\ndef test_it():\n    assert mean([]) == 0"
    said = edit(Arguments(path="tests/test_new.py", old="", new=text))
    assert "Tests near the edit (tests/test_new.py): 1 fail." in said
    assert "ZeroDivisionError" in said
    assert sandbox.read("tests/test_new.py").endswith(b"== 0\n")


def test_slow_tests_are_left_out(project: Path) -> None:
    (project / "tests" / "test_calc.py").write_text(
        "import time\nfrom calc import mean\n\n\ndef test_slow():\n    time.sleep(60)\n"
    )
    commit(project, "slow")
    with sandbox_of(project) as sandbox:
        said = Edit(sandbox, QuickTests(sandbox, PYTEST, seconds=3))(
            Arguments(path="calc.py", old="sum(values)", new="max(values)")
        )
    assert "Tests near" not in said


@pytest.mark.parametrize("command", [None, "make check"])
def test_without_pytest_nothing_is_run(sandbox: Sandbox, command: str | None) -> None:
    edit = Edit(sandbox, QuickTests(sandbox, command))
    assert "Tests near" not in edit(Arguments(path="calc.py", old="sum(values)", new="max(values)"))
    assert sandbox.read("calc.py").decode() == CALC.replace("sum(values)", "max(values)")


def test_other_files_than_code_have_no_tests(sandbox: Sandbox) -> None:
    edit = Edit(sandbox, QuickTests(sandbox, PYTEST))
    assert "Tests near" not in edit(Arguments(path="notes.txt", old="", new="x"))


def test_what_is_told_is_short() -> None:
    reports = [CaseReport(f"t.py::test_{n}", "fail", 0.1, "x" * 1000, "") for n in range(100)]
    lines = summary(["t.py"], reports, {}).splitlines()
    assert len(lines) <= MOST_LINES + 1
    assert all(len(line) <= 300 for line in lines)
