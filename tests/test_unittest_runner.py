"""Runners made of unittest: their results come back test by test, as pytest's do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.samples import commit, make_project, sandbox_of
from tools.junit import CaseReport
from tools.run_tests import Canaries, is_structured, run_tests, run_written
from tools.sandbox.protocol import Sandbox
from tools.unittest_runner import UnittestCommand, parsed

UNITTEST = "python3 -m unittest"
CASES = '''
import unittest
import calc


class Base:
    def test_inherited(self):
        self.assertEqual(calc.mean([2, 2]), 2)


class Means(Base, unittest.TestCase):
    """A case with one of each."""

    def test_good(self):
        self.assertEqual(calc.mean([1, 3]), 2)

    def test_bad(self):
        """With a docstring, which unittest would show in place of its name."""
        self.assertEqual(calc.mean([1, 3]), 9, "the mean is wrong")

    def test_raises(self):
        calc.mean([])

    def test_parts(self):
        for wanted in (1, 2):
            with self.subTest(wanted=wanted):
                self.assertEqual(wanted, 2)

    @unittest.skip("not today")
    def test_skipped(self):
        pass

    @unittest.expectedFailure
    def test_known(self):
        self.fail()


class NotSetUp(unittest.TestCase):
    def setUp(self):
        raise OSError("no such thing")

    def test_any(self):
        pass


class ClassNotSetUp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise OSError("nothing at all")

    def test_any(self):
        pass


def test_plain():
    assert calc.mean([4]) == 4


def test_plain_bad():
    values = []
    assert calc.mean([4]) == 5, values
'''


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    project = make_project(tmp_path / "p")
    (project / "tests" / "__init__.py").write_text("")
    (project / "tests" / "test_cases.py").write_text(CASES)
    (project / "tests" / "test_broken.py").write_text("import nothing_of_that_name\n")
    (project / "more").mkdir()
    (project / "more" / "runtests.py").write_text(
        "import sys, unittest\n"
        "from pathlib import Path\n"
        "sys.path.insert(0, str(Path(__file__).resolve().parent.parent))\n"
        "names = [one for one in sys.argv[1:] if not one.startswith('-')]\n"
        "suite = unittest.defaultTestLoader.loadTestsFromNames(names)\n"
        "sys.exit(not unittest.TextTestRunner().run(suite).wasSuccessful())\n"
    )
    (project / "more" / "app").mkdir()
    (project / "more" / "app" / "__init__.py").write_text("")
    (project / "more" / "app" / "tests.py").write_text(CASES)
    commit(project, "tests")
    with sandbox_of(project) as opened:
        yield opened


def results(reports: tuple[CaseReport, ...]) -> dict[str, str]:
    return {report.id: report.result for report in reports}


@pytest.mark.parametrize(
    ("command", "path"),
    [(UNITTEST, "tests/test_cases.py"), ("python3 more/runtests.py", "more/app/tests.py")],
)
def test_every_kind_of_end_is_told(sandbox: Sandbox, command: str, path: str) -> None:
    run = run_tests(sandbox, command, [path])
    assert results(run.reports) == {
        f"{path}::Means::test_inherited": "pass",
        f"{path}::Means::test_good": "pass",
        f"{path}::Means::test_bad": "fail",
        f"{path}::Means::test_raises": "fail",
        f"{path}::Means::test_parts": "fail",
        f"{path}::Means::test_skipped": "skip",
        f"{path}::Means::test_known": "pass",
        f"{path}::NotSetUp::test_any": "error",
        f"{path}::ClassNotSetUp::setUpClass": "error",
        f"{path}::test_plain": "pass",
        f"{path}::test_plain_bad": "fail",
    }
    told = {report.id.rpartition("::")[2]: report for report in run.reports}
    assert told["test_raises"].exception == "ZeroDivisionError"
    assert told["test_raises"].frames == (path, "calc.py")
    assert told["test_bad"].exception == told["test_plain_bad"].exception == "AssertionError"
    assert "the mean is wrong" in told["test_bad"].message
    assert not run.completed.ok


def test_one_test_can_be_named_and_a_file_that_does_not_import_is_told(sandbox: Sandbox) -> None:
    one = "tests/test_cases.py::Means::test_good"
    assert results(run_tests(sandbox, UNITTEST, [one]).reports) == {one: "pass"}
    run = run_tests(sandbox, UNITTEST, ["tests/test_broken.py", one])
    found = results(run.reports)
    assert found.pop(one) == "pass"
    assert found == {"tests/test_broken.py::import": "error"}


def test_written_functions_and_canaries_run_as_under_pytest(sandbox: Sandbox) -> None:
    files = {"tests/test_new.py": "import calc\n\ndef test_it():\n    assert calc.mean([]) == 0\n"}
    (report,) = run_written(sandbox, UNITTEST, files, timeout=30).reports
    assert (report.id, report.result) == ("tests/test_new.py::test_it", "fail")
    assert (report.exception, report.frames) == (
        "ZeroDivisionError", ("tests/test_new.py", "calc.py"),
    )  # fmt: skip
    canaries = Canaries.beside("tests")
    run = run_tests(sandbox, UNITTEST, ["tests/test_cases.py"], canaries=canaries)
    assert run.tampered == ""
    assert len(run.reports) == 11, "the canaries are not among the results"


def test_a_forged_result_is_found_out(sandbox: Sandbox) -> None:
    forger = (
        "import unittest\nunittest.TestCase.run = lambda self, result: result.addSuccess(self)\n"
    )
    sandbox.write("calc.py", sandbox.read("calc.py") + forger.encode())
    run = run_tests(sandbox, UNITTEST, ["tests/test_cases.py"], canaries=Canaries.beside("tests"))
    assert run.tampered


@pytest.mark.parametrize(
    ("command", "python", "program", "base"),
    [
        ("python tests/runtests.py", "python", ["tests/runtests.py"], "tests"),
        ("python -Wall ./runtests.py -v2", "python -Wall", ["./runtests.py", "-v2"], ""),
        ("A=1 python3.9 -m unittest -q", "A=1 python3.9", ["-m", "unittest", "-q"], ""),
        ("python manage.py test", "python", ["manage.py", "test"], ""),
    ],
)
def test_runners_made_of_unittest_are_known(
    command: str, python: str, program: list[str], base: str
) -> None:
    assert parsed(command) == UnittestCommand(python, tuple(program), base)
    assert is_structured(command)


@pytest.mark.parametrize(
    "command", ["python -m pytest", "pytest runtests.py", "make test", "python 'unclosed"]
)
def test_others_are_not(command: str) -> None:
    assert parsed(command) is None
    assert is_structured(command) is ("pytest" in command)


def test_tests_are_named_from_the_runners_folder() -> None:
    django = parsed("python tests/runtests.py")
    assert django is not None
    assert django.label("tests/app/tests.py::Case::test_it") == "app.tests.Case.test_it"
    assert django.label("tests/app/test_new.py::test_it") == "app.test_new"
    assert django.label("tests/app/tests.py::Case") == "app.tests.Case"
    assert django.label("tests/app") == "app"
