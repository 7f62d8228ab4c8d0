"""A run writes its folder and does not read it: state is handed on in memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.samples import ISSUE, PYTEST, PYTHON_PATH, make_project
from tests.test_guided import MEAN, RIGHT, SHOWN, USELESS
from tests.test_solve import RIGHT as DRIVEN
from tests.test_solve import WROTE

PROJECT = Path(__file__).parent.parent
WATCHED = """
import os, sys
run = os.environ["WATCHED_RUN"]
log = os.open(os.environ["OPENED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        path, flags = os.fsdecode(arguments[0]), arguments[2]
        if path.startswith(run):
            reads = flags & os.O_ACCMODE != os.O_WRONLY
            os.write(log, f"{'r' if reads else 'w'} {path[len(run):]}\\n".encode())

sys.addaudithook(hook)
from agent.cli.main import main
sys.argv[0] = "repair-agent"
main()
"""
"""The command line, with every file of the run folder that it opens written down."""


def opened(folder: Path, script: dict[str, Any], issue: str, *words: str) -> list[tuple[str, str]]:
    """Solve a task and return the files of its folder as they were opened: r or w, and the name."""
    project, run = make_project(folder / "project"), folder / "run"
    (folder / "mean.md").write_text(issue)
    (folder / "script.json").write_text(json.dumps(script))
    told = folder / "opened"
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, "solve", "mean.md", "-m", "scripted:script.json", "-o", run,
         "--repo", project, "--test-command", PYTEST, "--sandbox", "local", *words],
        cwd=folder,
        env={**os.environ, "PATH": PYTHON_PATH, "PYTHONPATH": str(PROJECT),
             "WATCHED_RUN": f"{run}/", "OPENED": str(told)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line.partition(" ") for line in told.read_text().splitlines()]
    return [(how, name) for how, _, name in lines]


@pytest.mark.parametrize(
    ("script", "issue", "words"),
    [
        ({**WROTE, "attempt-1": DRIVEN, "attempt-2": DRIVEN}, ISSUE, ()),
        (
            {"localize": [MEAN], "attempt-1.1": [[USELESS, RIGHT]], "attempt-2.1": [[RIGHT]]},
            SHOWN,
            ("--planner", "guided"),
        ),
    ],
    ids=["the model drives", "the program drives"],
)
def test_nothing_is_read_from_the_first_message_to_the_result(
    tmp_path: Path, script: dict[str, Any], issue: str, words: tuple[str, ...]
) -> None:
    files = opened(tmp_path, script, issue, "--attempts", "2", *words)

    names = [name for _, name in files]
    first = next(at for at, name in enumerate(names) if name.endswith(".jsonl"))
    last = next(at for at, name in enumerate(names) if "/.result.json." in name)
    during = files[first : last + 1]
    assert {"w"} == {how for how, _ in during}
    for wanted in ("shared.jsonl", "attempt-2.jsonl", "candidate-1.", "matrix.json", "verdict.md"):
        assert any(wanted in name for _, name in during), wanted
