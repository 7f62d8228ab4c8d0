"""Canaries against code that forges its results, with a real pytest in a real sandbox."""

import os
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from tests.samples import CALC, PYTEST, make_project, sandbox_of
from tools.junit import parse_junit
from tools.run_tests import Canaries, is_pytest, run_for, run_tests
from tools.sandbox.local import LocalSandbox
from tools.sandbox.protocol import Sandbox

FORGERIES = {
    "atexit": "import atexit, os\natexit.register(os._exit, 0)\n",
    "exit": "import os\nprint('2 passed')\nos._exit(0)\n",
    "report": """
import atexit, os, re, sys
def forge():
    path = next(a.split('=', 1)[1] for a in sys.argv if a.startswith('--junitxml='))
    text = open(path).read()
    open(path, 'w').write(re.sub(r'<failure.*?</failure>', '', text, flags=re.S))
    os._exit(1)
atexit.register(forge)
""",
    "hook": """
import _pytest.reports as r
make = r.TestReport.from_item_and_call.__func__
def passed(cls, item, call):
    call.excinfo = None
    return make(cls, item, call)
r.TestReport.from_item_and_call = classmethod(passed)
""",
    "all fail": """
import atexit, os, re, sys
def forge():
    path = next(a.split('=', 1)[1] for a in sys.argv if a.startswith('--junitxml='))
    text = re.sub(r'/>', '><failure message="x">x</failure></testcase>', open(path).read())
    open(path, 'w').write(text)
    os._exit(1)
atexit.register(forge)
""",
    "assert": """
import builtins, _pytest.assertion.rewrite as w
w._call_reprcompare = None
import _pytest.runner
_pytest.runner.CallInfo.excinfo = property(lambda self: None, lambda self, value: None)
""",
}


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with sandbox_of(make_project(tmp_path / "project")) as opened:
        yield opened


def run(sandbox: Sandbox) -> tuple[dict[str, str], str, str]:
    done = run_tests(
        sandbox, PYTEST, ["tests/test_calc.py"], timeout=60, canaries=Canaries.beside("tests")
    )
    return {report.id: report.result for report in done.reports}, done.broken, done.tampered


def test_an_honest_run_is_believed_and_leaves_no_canary(sandbox: Sandbox) -> None:
    results, broken, tampered = run(sandbox)
    assert results == {
        "tests/test_calc.py::test_mean": "pass",
        "tests/test_calc.py::test_known_to_fail": "fail",
    }
    assert (broken, tampered) == ("", "")
    assert sandbox.run("git status --short").output == ""


@pytest.mark.parametrize("command", [PYTEST, "python3 -m unittest"])
def test_a_run_on_the_host_leaves_nothing_behind(tmp_path: Path, command: str) -> None:
    before = set(Path("/tmp").glob("report-*"))
    with LocalSandbox(make_project(tmp_path / "project"), path=os.environ["PATH"]) as opened:
        assert run_tests(opened, command, ["tests/test_calc.py"], timeout=60).broken == ""
        (report,) = Path(opened.scratch).glob("report-*.xml")
        assert report.stat().st_size > 0
    assert not report.exists()
    assert set(Path("/tmp").glob("report-*")) == before


@pytest.mark.parametrize("how", FORGERIES)
def test_a_forged_run_is_not_believed(sandbox: Sandbox, how: str) -> None:
    sandbox.write("calc.py", (CALC + FORGERIES[how]).encode())
    results, broken, tampered = run(sandbox)
    assert tampered or broken, results
    if how != "assert":
        assert tampered, broken


def test_code_that_does_not_import_is_an_error_of_its_tests(sandbox: Sandbox) -> None:
    sandbox.write("calc.py", b"def mean(:\n")
    results, broken, tampered = run(sandbox)
    assert (results, broken, tampered) == ({"tests/test_calc.py": "error"}, "", "")


def test_a_run_that_hangs_is_broken_by_time(sandbox: Sandbox) -> None:
    sandbox.write("calc.py", b"import time\ntime.sleep(60)\n")
    done = run_tests(sandbox, PYTEST, ["tests/test_calc.py"], timeout=3)
    assert done.completed.timed_out
    assert done.broken == "the tests did not end in time"


@pytest.mark.parametrize("command", [PYTEST, "python3 -m unittest"])
def test_what_ended_in_time_is_reported(sandbox: Sandbox, command: str) -> None:
    sandbox.run("rm -rf tests *.py")
    slow = "import time\n\nimport unittest\n\n\nclass Case(unittest.TestCase):\n"
    slow += "    def test_a(self):\n        pass\n\n    def test_b(self):\n        time.sleep(60)\n"
    sandbox.write("test_slow.py", slow.encode())
    started = monotonic()
    done = run_for(sandbox, command, 8)
    assert 8 <= monotonic() - started < 55
    found = {report.id: report.result for report in done.reports}
    assert found["test_slow.py::Case::test_a"] == "pass"
    assert found.get("test_slow.py::Case::test_b") != "pass"
    assert done.completed.exit_code == 124


def test_another_runner_is_believed_by_its_exit_code_test_by_test(sandbox: Sandbox) -> None:
    sandbox.write("a.sh", b"exit 0\n")
    sandbox.write("b.sh", b"echo wrong; exit 1\n")
    done = run_tests(sandbox, "sh", ["a.sh", "b.sh"])
    assert [(r.id, r.result, r.message) for r in done.reports] == [
        ("a.sh", "pass", ""),
        ("b.sh", "fail", "wrong"),
    ]
    assert not is_pytest("sh")
    assert is_pytest("python -m pytest -x")
    assert is_pytest("/usr/bin/py.test")


def test_ids_classes_and_exceptions_are_read_from_a_real_report(sandbox: Sandbox) -> None:
    sandbox.write(
        "tests/test_more.py",
        b"import pytest\nfrom calc import mean\n\n\nclass TestIt:\n"
        b"    @pytest.mark.parametrize('n', [0])\n    def test_raises(self, n):\n"
        b"        mean([])\n\n    @pytest.mark.skip\n    def test_skipped(self):\n        pass\n",
    )
    reports = {r.id: r for r in run_tests(sandbox, PYTEST, ["tests/test_more.py"]).reports}
    raised = reports["tests/test_more.py::TestIt::test_raises[0]"]
    assert (raised.result, raised.exception) == ("fail", "ZeroDivisionError")
    assert raised.frames == ("tests/test_more.py", "calc.py")
    assert reports["tests/test_more.py::TestIt::test_skipped"].result == "skip"


def test_the_digest_ignores_addresses_and_times_but_not_results() -> None:
    def report(said: str) -> str:
        xml = (
            f'<testsuites><testsuite name="p"><testcase file="t.py" classname="t" name="a">'
            f'<failure message="{said}">E   {said}</failure></testcase></testsuite></testsuites>'
        )
        return parse_junit(xml.encode())[0].digest

    assert report("ValueError: at 0x7f01 in 0.31s") == report("ValueError: at 0x7f99 in 4s")
    assert report("ValueError: 1") != report("ValueError: 2")


@pytest.mark.parametrize("data", [b"", b"<a", b"<html/>", b"\xff\xfe"])
def test_a_damaged_report_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a JUnit report"):
        parse_junit(data)
