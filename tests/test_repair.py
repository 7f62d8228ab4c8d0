"""A real bug of a real project in a real container: SymPy 1.1.1 and the issue of 2018."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.config import read as read_config
from agent.conversation.context_window import Window
from agent.conversation.conversation import Conversation
from agent.environment.environment import Environment, open_environment
from agent.intake import issue
from agent.messages import Sampling
from agent.model import scripted
from agent.model.budget import Budget, Limits
from agent.planner import free
from agent.records import Candidate, Matrix, Verdict
from agent.reproduction.written_test import CONVERSATION, reproduce
from agent.selection.checks import gather
from agent.selection.harvest import harvest
from agent.selection.matrix import verify
from agent.selection.verdict import judge
from tests.test_cli import PROGRAM

DATA = Path(__file__).parent / "data"
TASK = DATA / "sympy-14774.md"
WRONG = {
    "wrong": "unverified",
    "empty": "no_patch",
    "test-editing": "no_patch",
    "broken-syntax": "unverified",
    "forge-atexit": "unverified",
    "forge-conftest": "no_patch",
    "forge-hooks": "unverified",
    "forge-junit": "unverified",
    "forge-junit-exit-one": "unverified",
    "forge-os-exit": "unverified",
    "forge-prints": "unverified",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """The workplace of the task, its image built on first use."""
    config = read_config({}, os.environ, tmp_path_factory.mktemp("nowhere"))
    with open_environment(issue.read(str(TASK)), config, print) as opened:
        yield opened


def talk(script: str, name: str) -> Conversation:
    model = scripted.load(DATA / "scripts" / f"{script}.json")
    return Conversation(
        name,
        model,
        Budget(Limits()).allowance(),
        Sampling(),
        lambda event: None,
        Window(None, 8192),
    )


def attempt(place: Environment, number: int, script: str) -> Candidate | None:
    """Let a script work in a sandbox and harvest what it left."""
    with place.sandboxes.open() as sandbox:
        tools = free.toolbox(sandbox, place.image.test_command, review=False)
        free.run(talk(script, "attempt-1"), tools, sandbox, place.task, place.image)
        return harvest(sandbox, place.task.base_commit, number)


@pytest.fixture(scope="module")
def judged(place: Environment) -> tuple[dict[str, Candidate], Matrix]:
    """What every wrong script leaves, in one matrix: each row has a sandbox of its own."""
    with place.sandboxes.open() as sandbox:
        written = reproduce(talk("wrong", CONVERSATION), sandbox, place.task, place.image)
    assert written.tests, written.remark
    found = {name: attempt(place, number, name) for number, name in enumerate(WRONG, 1)}
    left = [one for one in found.values() if one is not None]
    patches = [one for one in left if one.patch]
    with place.sandboxes.open() as clean:
        files = gather(clean, patches, written, left)[-4:]
    command = place.image.test_command
    assert command is not None
    matrix, known = verify(place.sandboxes, command, patches, files, place.task.text, print)
    by_id = {one.id: one for one in known}
    named = {name: one for name, one in found.items() if one is not None}
    return {name: by_id.get(one.id, one) for name, one in named.items()}, matrix


@pytest.mark.timeout(600)
def test_what_is_wrong_or_forged_ends_as_the_design_says(
    judged: tuple[dict[str, Candidate], Matrix], subtests: pytest.Subtests
) -> None:
    candidates, matrix = judged
    for script, status in WRONG.items():
        with subtests.test(script=script):
            one = candidates.get(script)
            verdict: Verdict = judge([one] if one is not None and one.patch else [], matrix, [])
            assert verdict.status == status, verdict.sentences
            if script.startswith("forge-") and verdict.chosen and script != "forge-prints":
                assert verdict.classes[0].tampered


@pytest.mark.timeout(600)
def test_a_right_script_ends_verified_with_exit_code_0(place: Environment, tmp_path: Path) -> None:
    script = f"scripted:{DATA / 'scripts' / 'right.json'}"
    done = subprocess.run(
        [PROGRAM, "solve", TASK, "-m", script, "--attempts", "2", "--json", "-o", tmp_path / "run"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["status"], result["classes"]) == ("verified", 1)
    matrix = json.loads((tmp_path / "run" / result["task_id"] / "matrix.json").read_text())
    before = [check for check in matrix["checks"] if check["origin"] == "existing"]
    printer = [
        check["base"]
        for check in before
        if check["id"].startswith("sympy/printing/tests/test_latex.py")
    ]
    assert printer.count("pass") == 105  # and what fails there before any change stays no obstacle
    assert "fail" in printer
    base = {one["check"]: one for one in matrix["outcomes"] if one["candidate"] == "base"}
    for one in matrix["outcomes"]:
        as_before = (one["result"], one["digest"]) == (
            base[one["check"]]["result"],
            base[one["check"]]["digest"],
        )
        told = one["result"] == "fail" and (one is base[one["check"]] or not as_before)
        assert bool(one["output"]) == told, "what fails everywhere alike is kept once"
