"""A run that is killed and taken up again pays for no reply twice and ends as if undisturbed."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.messages import Usage
from agent.trajectory.events import Note, Step
from agent.trajectory.reader import read_events, read_task
from tests.alike import task_content
from tests.batches import make_priced
from tests.samples import ISSUE, PYTEST, PYTHON_PATH, REPRODUCTION, make_project
from tests.stub_server import Stub, serving
from tests.test_cli import PROGRAM
from tests.test_interrupt import wait
from tests.test_solve import MEND, SUBMIT, act

STEPS = [
    act("read", path="calc.py"),
    act("bash", command=f"{PYTEST} -q tests; python3 -c 'print(object())'; mktemp"),
    act("bash", command="sleep 0.5; echo $PWD"),
    MEND,
    act("run_tests", tests=["tests"]),
    SUBMIT,
    SUBMIT,
]


def plan(name: str, said: int) -> dict[str, Any]:
    if name == "reproduce":
        return {"content": f"Here:\n```python\n{REPRODUCTION}```"}
    return STEPS[min(said, len(STEPS) - 1)]


@dataclass
class House:
    """A project, a server, and a folder for everything that the program writes."""

    folder: Path
    server: Stub
    runs: int = 0

    def start(self, output: Path, *more: str) -> subprocess.Popen[str]:
        words = ["solve", "mean.md", "--repo", "project", "--sandbox", "local", "--unsafe"]
        words += ["-m", "stub", "--base-url", self.server.url, "--attempts", "2", "-o", str(output)]
        words += ["--test-command", PYTEST, "--planner", "free"]
        (self.folder / "temporary").mkdir(exist_ok=True)
        mine = {"PATH": PYTHON_PATH, "HOME": str(self.folder), "OPENAI_API_KEY": "none-is-needed"}
        return subprocess.Popen(
            [PROGRAM, *words, *more],
            cwd=self.folder,
            env=dict(os.environ) | mine | {"TMPDIR": str(self.folder / "temporary")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, output: Path, *more: str) -> dict[str, Any]:
        process = self.start(output, "--json", *more)
        said, log = process.communicate(timeout=120)
        assert process.returncode in (0, 3, 4, 5), log
        result: dict[str, Any] = json.loads(said)
        return result

    def killed(self, output: Path, log: str, steps: int) -> None:
        """Kill a run once so many steps stand in a log."""
        process = self.start(output)
        wait(lambda: count(output, log) >= steps, 60, process)
        process.kill()
        process.communicate()

    def output(self) -> Path:
        self.runs += 1
        return self.folder / f"out{self.runs:02}"


def count(output: Path, log: str) -> int:
    found = list(output.glob(f"*/{log}.jsonl"))
    return found[0].read_bytes().count(b'"kind":"step"') if found else 0


def task_of(output: Path) -> Path:
    return next(path for path in output.iterdir() if path.is_dir())


def steps_of(output: Path) -> list[Step]:
    logs = sorted(task_of(output).glob("*.jsonl"))
    return [one for log in logs for one in read_events(log) if isinstance(one, Step)]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    make_project(folder / "project")
    (folder / "mean.md").write_text(ISSUE)
    make_priced(folder)
    stub = Stub(plan)
    stub.requests = [("", {})] * 1000  # ids have their number in them, and are billed by length
    with serving(stub):
        yield House(folder, stub)


@dataclass(frozen=True)
class Undisturbed:
    """What a run leaves that nobody kills."""

    output: Path
    result: dict[str, Any]
    steps: int


@pytest.fixture(scope="module")
def undisturbed(house: House) -> Undisturbed:
    house.finish(house.output())  # what the model can do is remembered from here on
    output = house.output()
    result = house.finish(output)
    steps = len(steps_of(output))
    assert (result["status"], steps) == ("verified", 1 + 2 * len(STEPS))
    assert result["cost_usd"] > 0
    return Undisturbed(output, result, steps)


def content(output: Path) -> dict[str, Any]:
    """Return what a run left of its one task, and the prediction."""
    predictions = (output / "predictions.jsonl").read_text()
    return {**task_content(task_of(output)), "predictions": predictions}


MOMENTS = {
    "a command that runs": [("attempt-1", 3)],
    "the end of an attempt": [("attempt-1", len(STEPS))],
    "twice, the second time while stored replies are given": [("attempt-1", 5), ("attempt-1", 7)],
    "three times, later each time": [("shared", 1), ("attempt-1", 2), ("attempt-2", 3)],
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_no_stored_reply_is_asked_for_again(
    house: House, undisturbed: Undisturbed, moment: str
) -> None:
    output, before = house.output(), len(house.server.requests)
    for log, steps in MOMENTS[moment]:
        house.killed(output, log, steps)
    result = house.finish(output)
    made = steps_of(output)
    live = [step for step in made if not step.served]
    twice = {key: n for key, n in Counter((c.conversation, c.id) for c in live).items() if n > 1}
    assert not twice
    assert len(live) == undisturbed.steps
    asked = len(house.server.requests) - before
    assert len(live) <= asked <= len(live) + len(MOMENTS[moment]), "one may be under way at a kill"
    assert any(step.served for step in made)
    alike(result, undisturbed, output)


def alike(result: dict[str, Any], undisturbed: Undisturbed, output: Path) -> None:
    """Compare a run with one that nobody killed."""
    same = ("tokens", "cost_usd", "status", "attempts", "candidates", "confidence", "errors")
    assert {key: result[key] for key in same} == {key: undisturbed.result[key] for key in same}
    ours, theirs = content(output), content(undisturbed.output)
    assert ours.keys() == theirs.keys()
    for name, text in ours.items():
        assert text == theirs[name], name
    spent = sum((c.usage for c in steps_of(output) if not c.served), Usage())
    assert (spent.prompt, spent.completion) == (
        result["tokens"]["prompt"], result["tokens"]["completion"],
    )  # fmt: skip


def test_a_reply_of_which_nothing_came_yet_is_given_again(
    house: House, undisturbed: Undisturbed
) -> None:
    output = house.output()
    house.killed(output, "attempt-1", 3)
    log = task_of(output) / "attempt-1.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    last = max(at for at, line in enumerate(lines) if line.startswith(b'{"kind":"step"'))
    log.write_bytes(b"".join(lines[: last + 1]) + b'{"kind":"outc')
    stored = count(output, "attempt-1")
    result = house.finish(output)
    made = [step for step in steps_of(output) if step.conversation == "attempt-1"]
    assert [step.served for step in made[stored:]] == [
        number < stored for number in range(len(STEPS))
    ]
    alike(result, undisturbed, output)


def test_a_run_that_was_killed_while_a_request_was_under_way(
    house: House, undisturbed: Undisturbed
) -> None:
    output, asked = house.output(), len(house.server.requests)
    process = house.start(output)

    def kill(handler: Any, stub: Stub, body: Any) -> bool:
        process.kill()
        return True

    house.server.faults[:] = [None] * 5 + [kill]
    process.communicate(timeout=60)
    result = house.finish(output)
    assert len(house.server.requests) - asked == undisturbed.steps + 1
    alike(result, undisturbed, output)


def test_a_divergence_is_on_record_with_what_it_costs(house: House) -> None:
    output = house.output()
    house.killed(output, "attempt-1", 5)
    log = task_of(output) / "attempt-1.jsonl"
    stored = [step for step in steps_of(output) if step.conversation == "attempt-1"]
    text = log.read_text()
    assert text.count("Return the mean.") >= 1
    log.write_text(text.replace("Return the mean.", "Return a mean."))  # as if read differently
    result = house.finish(output)
    (error,) = result["errors"]
    lost = sum((step.usage for step in stored[1:]), Usage())
    assert error.startswith("attempt-1 at s2: ")
    assert (
        f"{len(stored) - 1} stored requests ({lost.prompt + lost.completion:,} tokens, $" in error
    )
    events = read_task(task_of(output)).attempts[0].events
    assert error in [one.text for one in events if isinstance(one, Note)]
    live = [step for step in steps_of(output) if not step.served]
    assert result["tokens"]["prompt"] == sum(step.usage.prompt for step in live)
    assert len([step for step in live if step.conversation == "attempt-1"]) == (
        len(stored) + len(STEPS) - 1
    )


def test_what_another_model_said_is_not_given_again(house: House) -> None:
    output = house.output()
    house.server.models = ("stub", "other")
    house.killed(output, "attempt-1", 3)
    house.finish(output, "-m", "other")
    made = [step for step in steps_of(output) if step.conversation == "attempt-1"]
    assert not any(step.served for step in made)


def test_steps_are_counted_when_they_are_given_again(house: House) -> None:
    output = house.output()
    house.killed(output, "attempt-1", 3)
    result = house.finish(output, "--max-steps", "4")
    attempts = read_task(task_of(output)).attempts
    assert [(one.end and one.end.reason, len(one.steps)) for one in attempts] == [("steps", 4)] * 2
    assert result["errors"] == []
