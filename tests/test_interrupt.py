"""Ctrl-C, SIGTERM and SIGKILL in the middle of real work in a real container."""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.trajectory.reader import read_task
from tests.samples import ISSUE, PYTHON_PATH, make_project
from tests.test_cli import PROGRAM
from tools.process_owner import PREFIX
from tools.sandbox.engine import Engine

MARK = "/tmp/begun"


def bash(command: str) -> dict[str, object]:
    return {"tool_calls": [{"name": "bash", "arguments": {"command": command}}]}


MEND = bash("sed -i 's/len(values)$/max(1, len(values))/' calc.py")
SCRIPT = {
    "reproduce": ["no test"] * 2,
    "attempt-1": [MEND, bash(f"touch {MARK}; sleep 300"), bash("true")],
}


def started(folder: Path, image: str) -> subprocess.Popen[str]:
    """Start a solve and return it while its second command runs."""
    make_project(folder / "project")
    (folder / "mean.md").write_text(ISSUE)
    (folder / "script.json").write_text(json.dumps(SCRIPT))
    words = ["solve", "mean.md", "--repo", "project", "--image", image, "-o", "out"]
    process = subprocess.Popen(
        [PROGRAM, *words, "-m", "scripted:script.json", "--test-command", "sh"],
        cwd=folder,
        env=dict(os.environ) | {"PATH": PYTHON_PATH, "HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait(lambda: _steps(folder) >= 2, 120, process)
    return process


def _steps(folder: Path) -> int:
    logs = list(folder.glob("out/*/attempt-1.jsonl"))
    return logs[0].read_text().count('"kind":"step"') if logs else 0


def wait(ready: Callable[[], bool], seconds: float, process: subprocess.Popen[str]) -> None:
    """Wait until something is so; fail with what the process said when it is not."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline or (process.poll() is not None and not ready()):
            process.kill()
            pytest.fail(f"waited in vain: {process.communicate()}")
        time.sleep(0.05)


def containers_of(engine: Engine, process: subprocess.Popen[str]) -> list[str]:
    return [one.name for one in engine.containers() if f":{process.pid}:" in one.owner]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_the_work_so_far_and_leaves_no_container(
    tmp_path: Path, engine: Engine, python_image: str, number: signal.Signals, code: int
) -> None:
    process = started(tmp_path, python_image)
    assert containers_of(engine, process)
    before = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert time.monotonic() - before < 20
    assert "Traceback" not in said
    assert containers_of(engine, process) == []
    task = next(path for path in (tmp_path / "out").iterdir() if path.is_dir())
    recorded = read_task(task)
    assert [one.end and one.end.reason for one in recorded.attempts] == ["interrupted"]
    assert recorded.result is None
    assert "max(1, len(values))" in (task / "candidate-1.1.patch").read_text()


def test_after_sigkill_the_run_reads_and_nothing_is_left_after_clean(
    tmp_path: Path, engine: Engine, python_image: str
) -> None:
    process = started(tmp_path, python_image)
    process.kill()
    process.communicate()
    cleaned = subprocess.run([PROGRAM, "clean"], capture_output=True, text=True, check=True)
    assert cleaned.stderr == ""
    assert containers_of(engine, process) == []
    owners = [file.read_text() for file in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/owner")]
    assert not [owner for owner in owners if f":{process.pid}:" in owner]
    task = next(path for path in (tmp_path / "out").iterdir() if path.is_dir())
    recorded = read_task(task)
    assert recorded.attempts[0].end is None
    assert len(recorded.attempts[0].steps) >= 1
    shown = subprocess.run(
        [PROGRAM, "inspect", "--plain", task], capture_output=True, text=True, check=True
    )
    assert "sleep 300" in shown.stdout
