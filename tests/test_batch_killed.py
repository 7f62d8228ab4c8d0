"""A batch that is killed at random moments, and taken up again until it ends."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import sleep
from typing import Any

import pytest

from agent.trajectory.events import Step
from agent.trajectory.reader import read_events
from tests.alike import run_content
from tests.batches import LOCAL, make_batch, make_priced
from tests.samples import PYTEST, PYTHON_PATH, REPRODUCTION
from tests.stub_server import Stub, serving
from tests.test_cli import PROGRAM, SPOILING
from tests.test_interrupt import wait
from tests.test_solve import MEND, SUBMIT, act

WORKERS, SAMPLES = 2, 2
STEPS = [
    act("read", path="calc.py"),
    act("bash", command="sleep 0.2; echo $PWD"),
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
    """A dataset, a model server that bills, and batches in folders of their own."""

    folder: Path
    server: Stub
    finished: dict[str, int] = field(default_factory=dict)

    def start(self, output: Path, *more: str) -> subprocess.Popen[str]:
        words = ["batch", "data.jsonl", "--mirror", ".", "--workers", str(WORKERS), *more]
        words += ["-m", "stub", "--base-url", self.server.url, "--samples", str(SAMPLES)]
        inherited = {name: value for name, value in os.environ.items() if name not in SPOILING}
        mine = {"PATH": PYTHON_PATH, "HOME": str(self.folder), "OPENAI_API_KEY": "none-is-needed"}
        mine |= {"REPAIR_AGENT_UNSAFE": "true", "REPAIR_AGENT_TEST_COMMAND": PYTEST}
        return subprocess.Popen(
            [PROGRAM, *words, "-o", str(output)],
            cwd=self.folder,
            env=inherited | LOCAL | mine,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, output: Path, *more: str) -> str:
        process = self.start(output, *more)
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
        return said

    def kill(self, output: Path, asked: int, later: float) -> None:
        """Kill a batch a moment after its server was asked so often in all."""
        process = self.start(output)
        wait(lambda: len(self.server.requests) >= asked, 120, process)
        sleep(later)
        process.kill()
        process.communicate()
        found = {path.parent.name: path.stat().st_mtime_ns for path in output.glob("*/result.json")}
        assert self.finished.items() <= found.items(), "a finished task stays as it is"
        self.finished = found


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    make_priced(tmp_path)
    stub = Stub(plan)
    stub.requests = [("", {})] * 1000  # ids have their number in them, and are billed by length
    with serving(stub):
        yield House(tmp_path, stub)


def steps_of(output: Path) -> list[tuple[str, Step]]:
    """Return all steps of all starts, each with its task."""
    logs = sorted(output.glob("*/*.jsonl"))
    return [(log.parent.name, one) for log in logs for one in read_events(log)
            if isinstance(one, Step)]  # fmt: skip


@pytest.mark.parametrize(("instances", "kills"), [
    (2, 1), pytest.param(3, 5, marks=pytest.mark.long)
])  # fmt: skip
def test_a_batch_killed_at_random_moments_ends_as_if_undisturbed(
    house: House, instances: int, kills: int
) -> None:
    make_batch(house.folder, instances)
    # What the model can do is remembered from here on.
    house.finish(house.folder / "first", "--slice", ":1")
    whole, output = house.folder / "whole", house.folder / "out"
    before = len(house.server.requests)
    house.finish(whole)
    each = len(house.server.requests) - before
    assert each == instances * (1 + SAMPLES * len(STEPS)) == len(steps_of(whole))

    before, chance = len(house.server.requests), Random(20261125)
    moments = sorted(chance.sample(range(1, each), kills))
    for moment in moments:
        house.kill(output, before + moment, chance.uniform(0, 0.5))
    said = house.finish(output)

    asked = len(house.server.requests) - before
    live = Counter((task, one.conversation, one.id) for task, one in steps_of(output)
                   if not one.served)  # fmt: skip
    assert max(live.values()) == 1, "no reply that was stored is paid for again"
    assert sum(live.values()) == each
    assert each <= asked <= each + kills * WORKERS, "what was under way at a kill is asked again"
    assert f"{len(house.finished)} finished earlier" in said or not house.finished
    ours, theirs = run_content(output), run_content(whole)
    assert ours.keys() == theirs.keys()
    for name, content in ours.items():
        assert content == theirs[name], name
