"""From issue to verdict in local sandboxes, with scripts."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent.cli.solve import run_solve
from agent.config import Config
from agent.errors import SandboxLost, UserError
from agent.intake.issue import TaskFile, read
from agent.records import Result
from agent.trajectory.attempt import Attempt
from agent.trajectory.reader import read_task
from tests.samples import CALC, ISSUE, PYTEST, PYTHON_PATH, REPRODUCTION, commit, make_project

OLD = "    return sum(values) / len(values)"
NEW = "    return sum(values) / len(values) if values else 0.0"
WROTE = {"reproduce": [f"Here:\n```python\n{REPRODUCTION}```"]}


def act(name: str, **arguments: Any) -> dict[str, Any]:
    return {"tool_calls": [{"name": name, "arguments": arguments}]}


MEND = act("edit", path="calc.py", old=OLD, new=NEW)
SUBMIT = act("submit", summary="done")
RIGHT = [act("read", path="calc.py"), MEND, act("run_tests", tests=["tests"]), SUBMIT]


class Bench:
    """One project, one issue, and a folder for runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = make_project(folder / "project")
        (folder / "mean.md").write_text(ISSUE)
        self.runs = 0
        self.test_command: str | None = PYTEST

    def issue(self) -> TaskFile:
        issue = read(str(self.folder / "mean.md"))
        return replace(issue, repository=str(self.project), test_command=self.test_command)

    def solve(self, script: dict[str, Any], output: Path | None = None, **more: Any) -> Result:
        self.runs += 1
        path = self.folder / f"script-{self.runs}.json"
        path.write_text(json.dumps(script))
        attempts = sum(name.startswith("attempt") for name in script) or 1
        config = Config(f"scripted:{path}", attempts=attempts, sandbox="local", path=PYTHON_PATH)
        config = replace(config, **more)
        self.output = output or self.folder / f"run-{self.runs}"
        with Path("/dev/null").open("w") as sink:
            return run_solve(self.issue(), config, self.output, Console(file=sink))

    @property
    def task(self) -> Path:
        return next(path for path in self.output.iterdir() if path.is_dir())


def why(attempt: Attempt) -> str | None:
    """Return why an attempt ended."""
    return attempt.end.reason if attempt.end is not None else None


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_right_patch_is_verified_and_everything_is_on_disk(bench: Bench) -> None:
    result = bench.solve({**WROTE, "attempt-1": RIGHT})
    assert result.status == "verified"
    assert result.patch is not None
    assert "if values else 0.0" in Path(result.patch).read_text()
    names = {path.name for path in bench.task.iterdir()}
    assert names >= {
        "task.json",
        "image.json",
        "attempt-1.jsonl",
        "shared.jsonl",
        "candidate-1.1.patch",
        "matrix.json",
        "verdict.json",
        "verdict.md",
        "result.json",
    }
    prediction = json.loads((bench.output / "predictions.jsonl").read_text())
    assert set(prediction) == {"instance_id", "model_name_or_path", "model_patch"}
    assert prediction["model_patch"] == Path(result.patch).read_text()
    recorded = read_task(bench.task)
    assert [why(attempt) for attempt in recorded.attempts] == ["submitted"]
    assert recorded.matrix is not None
    known_bad = [check for check in recorded.matrix.checks if check.base == "fail"]
    assert {check.issue for check in known_bad} == {True, False}


def test_a_wrong_patch_is_unverified(bench: Bench) -> None:
    wrong = act("edit", path="calc.py", old=OLD, new=OLD + " * 1")
    assert bench.solve({**WROTE, "attempt-1": [wrong, SUBMIT]}).status == "unverified"


def test_a_patch_that_breaks_a_passing_test_is_unverified(bench: Bench) -> None:
    zero = act("edit", path="calc.py", old=OLD, new="    return 0.0")
    assert bench.solve({**WROTE, "attempt-1": [zero, SUBMIT]}).status == "unverified"


def test_the_better_of_two_attempts_wins(bench: Bench) -> None:
    zero = act("edit", path="calc.py", old=OLD, new="    return 0.0")
    script = {**WROTE, "attempt-1": [zero, SUBMIT], "attempt-2": RIGHT}
    result = bench.solve(script)
    assert (result.status, result.classes) == ("verified", 2)
    assert result.patch is not None
    assert result.patch.endswith("candidate-2.1.patch")


def test_answers_that_all_pass_and_share_no_majority_disagree(bench: Bench) -> None:
    said = "from calc import mean\n\n\ndef test_said():\n    assert repr(mean([])) == 'nothing'\n"
    (bench.project / "tests" / "test_said.py").write_text(said)
    commit(bench.project, "a test that fails with any answer, each in its own way")
    values = ("0.0", "0", "False")
    script: dict[str, Any] = {
        f"attempt-{number}": [
            act("edit", path="calc.py", old=OLD, new=NEW.replace("0.0", value)),
            SUBMIT,
        ]
        for number, value in enumerate(values, 1)
    }
    result = bench.solve({**WROTE, **script})
    assert (result.status, result.classes) == ("disagree", 3)
    assert result.entropy == pytest.approx(1.585, abs=0.001)
    text = (bench.task / "verdict.md").read_text()
    assert "test_said" in text
    assert result.patch is not None


def test_without_any_change_there_is_no_patch(bench: Bench) -> None:
    result = bench.solve({**WROTE, "attempt-1": [act("bash", command="ls"), SUBMIT]})
    assert (result.status, result.patch, result.confidence) == ("no_patch", None, None)
    assert json.loads((bench.output / "predictions.jsonl").read_text())["model_patch"] == ""


def test_an_attempt_that_reaches_its_limit_is_harvested(bench: Bench) -> None:
    more = [act("bash", command="true")] * 10
    result = bench.solve({**WROTE, "attempt-1": [MEND, *more]}, max_steps=3)
    assert result.status == "verified"
    assert why(read_task(bench.task).attempts[0]) == "steps"


def test_replies_without_a_call_are_nudged_and_then_end_the_attempt(bench: Bench) -> None:
    result = bench.solve({**WROTE, "attempt-1": [MEND, "hm", "hm", "hm", "hm"]})
    attempt = read_task(bench.task).attempts[0]
    assert why(attempt) == "format"
    assert sum("called no tool" in message.content for message in attempt.messages) == 2
    assert result.status == "verified"


def test_an_attempts_own_test_judges_others_but_not_itself(bench: Bench) -> None:
    test = act("edit", path="tests/test_nothing.py", old="", new=REPRODUCTION)
    alone = bench.solve({"attempt-1": [test, MEND, SUBMIT]})
    assert alone.status == "unverified"
    other = act("edit", path="calc.py", old=OLD, new=NEW.replace(" else 0.0", " else 0 * 1.0"))
    both = bench.solve({"attempt-1": [test, MEND, SUBMIT], "attempt-2": [other, SUBMIT]})
    assert (both.status, both.classes) == ("verified", 1)
    assert both.patch is not None
    assert both.patch.endswith("candidate-2.1.patch")


def test_a_changed_existing_test_file_speaks_only_with_what_it_changed(bench: Bench) -> None:
    added = act(
        "bash", command=f"cat >> tests/test_calc.py <<'EOF'\n\n{REPRODUCTION}EOF", timeout=10
    )
    script = {"attempt-1": [added, SUBMIT], "attempt-2": RIGHT}
    assert bench.solve(script).status == "verified"
    matrix = read_task(bench.task).matrix
    assert matrix is not None
    written = [check.id for check in matrix.checks if check.origin == "reproduction"]
    assert len(written) == 1
    assert written[0].endswith("::test_mean_of_nothing")


def test_a_repository_without_tests_is_said(bench: Bench) -> None:
    for path in ("tests/test_calc.py", "conftest.py"):
        (bench.project / path).unlink()
    commit(bench.project, "no tests")
    bench.test_command = None
    result = bench.solve({**WROTE, "attempt-1": RIGHT})
    assert result.status == "unverified"
    text = (bench.task / "verdict.md").read_text()
    assert "no test" in text.lower()


def test_a_finished_task_is_not_solved_again(bench: Bench) -> None:
    first = bench.solve({**WROTE, "attempt-1": RIGHT})
    before = (bench.task / "result.json").read_bytes()
    again = bench.solve({"attempt-1": []}, bench.output)
    assert again == first
    assert (bench.task / "result.json").read_bytes() == before


def test_a_resumed_task_keeps_its_finished_attempts(bench: Bench) -> None:
    script = {**WROTE, "attempt-1": RIGHT, "attempt-2": [MEND, SUBMIT]}
    first = bench.solve(script)
    (bench.task / "result.json").unlink()
    log = (bench.task / "attempt-1.jsonl").read_bytes()
    (bench.task / "attempt-2.jsonl").write_bytes(b'{"kind": "message", "torn')
    again = bench.solve(script, bench.output)
    assert again.status == first.status == "verified"
    assert (bench.task / "attempt-1.jsonl").read_bytes() == log
    assert why(read_task(bench.task).attempts[1]) == "submitted"
    assert len((bench.output / "predictions.jsonl").read_text().splitlines()) == 1


def test_a_recorded_run_can_be_the_script_of_another(bench: Bench) -> None:
    first = bench.solve({**WROTE, "attempt-1": RIGHT, "attempt-2": [MEND, SUBMIT]})
    recorded = bench.task
    config = Config(model=f"scripted:{recorded}", attempts=2, sandbox="local", path=PYTHON_PATH)
    with Path("/dev/null").open("w") as sink:
        again = run_solve(bench.issue(), config, bench.folder / "again", Console(file=sink))
    assert again.status == first.status
    assert (bench.folder / "again" / recorded.name / "candidate-1.1.patch").read_text() == (
        recorded / "candidate-1.1.patch"
    ).read_text()


def test_a_sandbox_that_dies_is_tried_again_once(bench: Bench) -> None:
    suicide = act("bash", command="kill -9 $PPID", timeout=10)
    with pytest.raises(SandboxLost):
        bench.solve({**WROTE, "attempt-1": [MEND, suicide, SUBMIT]})
    failure = json.loads((bench.task / "failure.json").read_text())
    assert failure["error"] == "SandboxLost"
    assert not (bench.task / "result.json").exists()
    headers = (bench.task / "attempt-1.jsonl").read_text().count('"kind":"header"')
    assert headers == 2


def test_words_that_are_wrong_leave_nothing_behind(bench: Bench, tmp_path: Path) -> None:
    issue = replace(bench.issue(), repository=str(tmp_path / "nowhere"))
    (tmp_path / "s.json").write_text('{"attempt-1": []}')
    config = Config(model=f"scripted:{tmp_path / 's.json'}", sandbox="local", path=PYTHON_PATH)
    with Path("/dev/null").open("w") as sink, pytest.raises(UserError, match="nowhere"):
        run_solve(issue, config, tmp_path / "out", Console(file=sink))
    assert not (tmp_path / "out").exists()
    assert (bench.project / "calc.py").read_text() == CALC


def test_what_one_attempts_tests_leave_behind_does_not_judge_it(bench: Bench) -> None:
    """Attempt 1 plants a conftest.py from its test; it must not reach the tests of others."""
    planting = (
        "import pathlib\n"
        "pathlib.Path(__file__).with_name('conftest.py').write_text('''\n"
        "import pytest\n"
        "@pytest.hookimpl(hookwrapper=True)\n"
        "def pytest_runtest_makereport(item, call):\n"
        "    outcome = yield\n"
        "    if '_by_' in item.nodeid:\n"
        "        outcome.get_result().outcome = 'passed'\n"
        "''')\n"
    )
    plant = act("edit", path="tests/test_plant.py", old="", new=planting + REPRODUCTION)
    wrong = act("edit", path="calc.py", old=OLD, new=OLD + " * 1")
    honest = act("edit", path="tests/test_honest.py", old="", new=REPRODUCTION)
    script = {"attempt-1": [wrong, plant, SUBMIT], "attempt-2": [honest, SUBMIT]}
    assert bench.solve(script).status == "unverified"


def test_a_test_that_sabotages_others_voids_only_itself(bench: Bench) -> None:
    sabotage = (
        "import pathlib, os\n"
        "if 'if values' in pathlib.Path('calc.py').read_text():\n    os._exit(0)\n"
    )
    spoil = act("edit", path="tests/test_spoil.py", old="", new=sabotage + REPRODUCTION)
    wrong = act("edit", path="calc.py", old=OLD, new=OLD + " * 1")
    script = {**WROTE, "attempt-1": [wrong, spoil, SUBMIT], "attempt-2": RIGHT}
    result = bench.solve(script)
    assert (result.status, result.patch and result.patch[-9:]) == ("verified", "2.1.patch")


def test_equal_patches_with_helpers_of_their_own_stay_one_class(bench: Bench) -> None:
    def helped(number: int) -> list[dict[str, Any]]:
        new = NEW.replace(" else 0.0", f" else helper_{number}()")
        new += f"\n\n\ndef helper_{number}():\n    return 0.0"
        name = f"helper_{number}"
        test = f"from calc import {name}\n\n\ndef test_h():\n    assert {name}() == 0\n"
        return [
            act("edit", path="calc.py", old=OLD, new=new),
            act("edit", path=f"tests/test_h{number}.py", old="", new=test),
            SUBMIT,
        ]

    result = bench.solve({**WROTE, **{f"attempt-{n}": helped(n) for n in (1, 2, 3)}})
    assert (result.status, result.classes) == ("verified", 1)


def test_settings_of_the_project_do_not_spoil_the_run(bench: Bench) -> None:
    (bench.project / "pytest.ini").write_text("[pytest]\naddopts = -x --ff\n")
    commit(bench.project, "stop at the first failure")
    assert bench.solve({**WROTE, "attempt-1": RIGHT}).status == "verified"


def test_tests_written_elsewhere_than_they_run_are_placed(bench: Bench) -> None:
    (bench.project / "tests" / "mixin.py").write_text(
        "class Checks:\n    def test_shared(self):\n        from calc import mean\n"
        "        assert mean([2]) == 2\n"
    )
    (bench.project / "tests" / "test_calc.py").write_text(
        "from mixin import Checks\n\n\nclass TestCalc(Checks):\n    pass\n"
    )
    commit(bench.project, "a mixin")
    assert bench.solve({**WROTE, "attempt-1": RIGHT}).status == "verified"
    matrix = read_task(bench.task).matrix
    assert matrix is not None
    assert "tests/test_calc.py::TestCalc::test_shared" in {check.id for check in matrix.checks}


def test_a_patch_that_makes_its_report_unreadable_is_tampering_of_its_own(bench: Bench) -> None:
    forging = (
        "\nimport atexit, os, sys\n\n\ndef _hide():\n"
        "    path = next((a[11:] for a in sys.argv if a.startswith('--junitxml=')), None)\n"
        "    if path:\n        os.path.exists(path) and os.unlink(path)\n        os.mkfifo(path)\n"
        "\n\natexit.register(_hide)"
    )
    bad = act("edit", path="calc.py", old=OLD, new=NEW + "\n" + forging)
    script = {**WROTE, "attempt-1": [bad, SUBMIT], "attempt-2": RIGHT}
    result = bench.solve(script)
    assert (result.status, result.patch and result.patch[-9:]) == ("verified", "2.1.patch")


def test_a_failure_that_reads_differently_each_time_splits_no_class(bench: Bench) -> None:
    (bench.project / "tests" / "test_random.py").write_text(
        "import os\nfrom calc import mean\n\n\ndef test_random():\n    assert os.urandom(4) == 1\n"
    )
    commit(bench.project, "a failure of many faces")
    other = act("edit", path="calc.py", old=OLD, new=NEW.replace(" else 0.0", " else 0 * 1.0"))
    result = bench.solve({**WROTE, "attempt-1": RIGHT, "attempt-2": [other, SUBMIT]})
    assert (result.status, result.classes) == ("verified", 1)


def test_a_folder_of_other_work_is_refused(bench: Bench, tmp_path: Path) -> None:
    bench.solve({**WROTE, "attempt-1": RIGHT})
    bench.project = make_project(tmp_path / "another")
    with pytest.raises(UserError, match="is about"):
        bench.solve({**WROTE, "attempt-1": RIGHT}, bench.output)


def test_a_limit_that_leaves_no_attempt_is_named(bench: Bench) -> None:
    result = bench.solve({**WROTE, "attempt-1": RIGHT}, time_limit=0.001)
    assert result.status == "no_patch"
    assert any("the limit of seconds is used up" in error for error in result.errors)


def test_an_attempt_whose_work_cannot_be_taken_costs_only_itself(bench: Bench) -> None:
    gone = act("bash", command="rm -rf .git")
    result = bench.solve({**WROTE, "attempt-1": [gone, SUBMIT], "attempt-2": RIGHT})
    assert result.status == "verified"
    assert any(error.startswith("attempt 1: ") for error in result.errors)
