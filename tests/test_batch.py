"""Batches as users start them: scripted models, local sandboxes, and the official harness."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from agent.trajectory.encoding import decode
from agent.trajectory.grades import Grades
from tests.batches import LOCAL, RIGHT, WRONG, batch, make_batch, make_priced, script
from tests.samples import CALC, PYTHON_PATH, git, own_name, remove_images
from tests.stub_server import Stub, serving
from tests.test_cli import PROGRAM, SPOILING, run
from tools.sandbox.engine import Engine


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A dataset of four instances of one repository, and a script for each but the last."""
    return make_batch(tmp_path)


def statuses(here: Path) -> dict[str, str]:
    found = here / "out"
    return {
        path.parent.name[-1]: json.loads(path.read_text())["status"]
        for path in found.glob("*/result.json")
    }


def test_each_instance_ends_and_is_not_done_again(here: Path) -> None:
    done = batch(here, "--workers", "2")
    assert done.returncode == 6, "one has no script, which is no answer of a model's"
    assert statuses(here) == {"1": "unverified", "2": "unverified", "3": "no_patch"}
    failure = json.loads((here / "out" / "owner__tool-4" / "failure.json").read_text())
    assert "owner__tool-4.json" in failure["message"]
    assert "owner__tool-4: failed: " in done.stderr
    assert "2 unverified, 1 no_patch, 1 failed" in done.stderr
    assert "attempt 1/1" in (here / "out" / "owner__tool-1" / "log.txt").read_text()
    predicted = (here / "out" / "predictions.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["instance_id"][-1] for line in predicted) == ["1", "2", "3"]

    (here / "scripts" / "owner__tool-4.json").write_text(script(RIGHT))
    before = (here / "out" / "owner__tool-1" / "result.json").stat().st_mtime_ns
    again = batch(here)
    assert again.returncode == 0, again.stderr
    assert "3 finished earlier" in again.stderr
    assert statuses(here)["4"] == "unverified"
    assert not (here / "out" / "owner__tool-4" / "failure.json").exists()
    assert (here / "out" / "owner__tool-1" / "result.json").stat().st_mtime_ns == before

    (here / "scripts" / "owner__tool-3.json").write_text(script(WRONG))
    redone = batch(here, "--redo", "failed")
    assert "3 finished earlier" in redone.stderr
    assert statuses(here)["3"] == "unverified"
    aside = here / "out" / ".redone" / "owner__tool-3~1" / "result.json"
    assert json.loads(aside.read_text())["status"] == "no_patch", "nothing is lost"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--instance", "owner__tool-9"), "the dataset has no owner__tool-9"),
        (("--filter", "flask"), "no instance is left"),
        (("--filter", "("), "is no pattern"),
        (("--slice", "a"), "is no slice"),
        (("--slice=-:3",), "is no slice"),
        (("--max-run-usd", "nan"), "is no amount"),
        (("--redo", "some"), "--redo some means nothing"),
        (("--engine", "ray"), "--engine ray is not in this version"),
        (("--max-run-usd", "1"), "price is not known"),
    ],
)
def test_words_that_mean_nothing_are_said_and_leave_nothing(
    here: Path, words: tuple[str, ...], said: str
) -> None:
    done = batch(here, *words)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert not (here / "out").exists()


def test_samples_are_predicted_each_in_a_file_of_its_own(here: Path) -> None:
    two = json.loads(script(RIGHT)) | {"attempt-2": json.loads(script(WRONG))["attempt-1"]}
    (here / "scripts" / "owner__tool-1.json").write_text(json.dumps(two))
    assert batch(here, "--samples", "2", "--slice", ":1").returncode == 0
    patches = [
        json.loads((here / "out" / f"predictions-{number}.jsonl").read_text())["model_patch"]
        for number in (1, 2)
    ]
    assert ["0.0" in patch for patch in patches] == [True, False]
    before = (here / "out" / "run.json").read_bytes()
    assert json.loads(before)["config"]["samples"] == 2

    for words in (("--samples", "4"), ("--samples", "2", "-m", "scripted:others"), ()):
        other = batch(here, "--slice", ":1", *words)
        assert other.returncode == 2, other.stderr
        assert "out was worked on with " in other.stderr
        assert "give it as it was, or choose another folder with -o" in other.stderr
    assert (here / "out" / "run.json").read_bytes() == before
    assert not (here / "out" / "predictions-3.jsonl").exists()


def test_a_report_after_grading_is_of_the_run_and_not_of_the_grader(here: Path) -> None:
    nothing = json.loads(script(CALC))
    both = json.dumps(nothing | {"attempt-2": nothing["attempt-1"]})
    (here / "scripts" / "owner__tool-3.json").write_text(both)
    assert batch(here, "--samples", "2", "--instance", "owner__tool-3").returncode == 0
    graded = run(here, "evaluate", "out", "--json", REPAIR_AGENT_MODEL="another")
    assert graded.returncode == 0, graded.stderr
    assert [one["sample"] for one in json.loads(graded.stdout)] == [None, 1, 2]
    told = json.loads(run(here, "report", "out", "--json").stdout)
    assert (told["model"], told["samples"]) == ("scripted:scripts", 2)
    assert told["pass@k"] == {"1": 0.0, "2": 0.0}

    strange = run(here, "evaluate", "out", "--instance", "owner__tool-33")
    assert strange.returncode == 2
    assert "the run predicts nothing for owner__tool-33" in strange.stderr


@pytest.fixture
def running(here: Path) -> Iterator[subprocess.Popen[str]]:
    """A batch that waits in its first instance for as long as a file is not there."""
    waiting = script(RIGHT, "touch started; while [ ! -e go ]; do sleep 0.1; done")
    waiting = waiting.replace("started", f"{here}/started").replace("-e go", f"-e {here}/go")
    (here / "scripts" / "owner__tool-1.json").write_text(waiting)
    inherited = {name: value for name, value in os.environ.items() if name not in SPOILING}
    words = ("batch", "data.jsonl", "-m", "scripted:scripts", "--mirror", ".", "-o", "out")
    process = subprocess.Popen(
        [PROGRAM, *words, "--slice", ":2"],
        cwd=here,
        env=inherited | {"PATH": PYTHON_PATH, "HOME": str(here)} | LOCAL,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = monotonic() + 60
    while not (here / "started").exists():
        assert process.poll() is None, process.communicate()[1]
        assert monotonic() < until
        sleep(0.05)
    yield process
    (here / "go").touch()
    process.kill()
    process.communicate()


def test_a_folder_in_use_is_refused(here: Path, running: subprocess.Popen[str]) -> None:
    done = batch(here, "--slice", ":2")
    assert done.returncode == 2
    assert f"in use by another process (pid {running.pid})" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_batch_goes_on(
    here: Path, running: subprocess.Popen[str], number: signal.Signals
) -> None:
    running.send_signal(number)
    (here / "go").touch()
    _, said = running.communicate(timeout=60)
    assert running.returncode in (143, -9), said
    if number is signal.SIGTERM:
        assert "none has ended; 2 left, nothing more was begun" in said
        assert "Everything is in out; repair-agent report out" in said
    assert statuses(here) == {}
    again = batch(here, "--slice", ":2")
    assert again.returncode == 0, again.stderr
    assert statuses(here) == {"1": "unverified", "2": "unverified"}
    predicted = (here / "out" / "predictions.jsonl").read_text().splitlines()
    assert [json.loads(line)["instance_id"][-1] for line in predicted] == ["1", "2"]


def test_the_harness_grades_and_only_changed_patches_are_run_again(
    here: Path, engine: Engine
) -> None:
    try:
        docker = {"REPAIR_AGENT_SANDBOX": "docker"}
        done = run(
            here, "batch", "data.jsonl", "-m", "scripted:scripts", "--mirror", ".", "-o", "out",
            "--slice", ":3", "--evaluate", **(LOCAL | docker),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "1 of 3 graded resolved" in done.stderr
        path = here / "out" / "grades.json"
        grades: Grades = decode(Grades, path.read_bytes(), "grades.json")
        assert [one.resolved for one in grades.grades] == [True, False, False]
        assert {one.environment for one in grades.grades} == {"built"}
        assert grades.grades[1].failed == ("tests/test_new.py::test_mean_of_nothing",)
        assert grades.grades[2].problem == "there is no patch"
        kept = here / "out" / "owner__tool-1" / "grading" / "voted"
        assert "test_mean_of_nothing" in (kept / "test_output.txt").read_text()
        tags = [tag for one in engine.images() for tag in one.tags]
        ours = f"repair-agent/{own_name(here)}:"
        assert not [tag for tag in tags if tag.startswith(ours)], "given back"

        resumed = run(
            here, "batch", "data.jsonl", "-m", "scripted:scripts", "--mirror", ".", "-o", "out",
            "--slice", ":3", "--evaluate", **(LOCAL | docker),
        )  # fmt: skip
        assert "1 of 3 graded resolved; 3 finished earlier" in resumed.stderr

        again = run(here, "evaluate", "out", "--json", **docker)
        assert again.returncode == 0, again.stderr
        told = json.loads(again.stdout)
        assert [one["harness_run"] for one in told] == [one.harness_run for one in grades.grades]
        predictions = here / "out" / "predictions.jsonl"
        predictions.write_text(predictions.read_text().replace("7.0", "0.0"))
        changed = json.loads(
            run(here, "evaluate", "out", "--json", "--mirror", ".", **docker).stdout
        )
        assert [one["resolved"] for one in changed] == [True, True, False]
        runs = [one["harness_run"] for one in changed]
        assert (runs[0], runs[1] == grades.grades[1].harness_run) == (told[0]["harness_run"], False)
        assert git(here / own_name(here), "status", "--porcelain") == ""

        predictions.write_text(predictions.read_text().replace("7.0", "8.0").replace("0.0", "9.0"))
        away = {"DOCKER_HOST": f"unix://{here}/none.sock"}
        nowhere = run(here, "evaluate", "out", "--json", "--mirror", ".", **docker, **away)
        assert nowhere.returncode == 6, nowhere.stderr
        told = json.loads(nowhere.stdout)
        assert [one["resolved"] for one in told] == [None, None, False], "each was tried"
        assert "owner__tool-2 could not be graded: " in nowhere.stderr
    finally:
        remove_images(engine, own_name(here))


@pytest.fixture
def paid(here: Path) -> Iterator[Stub]:
    """A server that bills, whose model writes no test and mends calc.py; its prices are known."""
    calls = [reply["tool_calls"][0] for reply in json.loads(script(RIGHT))["attempt-1"]]
    says: list[dict[str, Any]] = [{"tool_calls": [call]} for call in (*calls, calls[-1])]

    def plan(name: str, said: int) -> dict[str, Any]:
        return {"content": "no"} if name == "reproduce" else says[min(said, len(says) - 1)]

    make_priced(here)
    with serving(Stub(plan)) as stub:
        yield stub


def test_the_money_of_a_run_is_kept_to_and_more_of_it_goes_on(here: Path, paid: Stub) -> None:
    def spend(*words: str) -> subprocess.CompletedProcess[str]:
        return run(
            here, "batch", "data.jsonl", "-m", "stub", "--base-url", paid.url, "--mirror", ".",
            "-o", "out", *words, OPENAI_API_KEY="sk-test",
            REPAIR_AGENT_UNSAFE="true", REPAIR_AGENT_REPLY_TOKENS="200", **LOCAL,
        )  # fmt: skip

    short = spend("--max-run-usd", "0.035")
    assert short.returncode == 3, short.stderr
    assert 0 < paid.usd <= 0.035
    assert "out of money: the run's limit of $0.035 has no room" in short.stderr
    assert 0 < len(statuses(here)) < 4
    before, asked = statuses(here), len(paid.requests)
    none = spend("--max-run-usd", "0.035")
    assert none.returncode == 3
    assert len(paid.requests) <= asked + 1, "what is known to be too little is not tried at length"
    whole = spend("--max-run-usd", "5")
    assert whole.returncode == 0, whole.stderr
    assert set(statuses(here)) == {"1", "2", "3", "4"} > set(before)
    costs = [
        json.loads(path.read_text())["cost_usd"] for path in (here / "out").glob("*/result.json")
    ]
    assert sum(costs) == pytest.approx(paid.usd, abs=1e-7)

    limit = paid.usd + 0.01  # what was put aside was paid for all the same
    for words in (("--redo", "all"), ()):
        assert spend("--max-run-usd", f"{limit}", *words).returncode == 3
        assert paid.usd <= limit
