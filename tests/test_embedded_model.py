"""The commands about the embedded model, with the real file."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from agent.cli.model import entries, lines
from agent.model.embedded.model_file import EMBEDDED

PROGRAM = Path(sys.executable).with_name("repair-agent")
AWAY = "http://127.0.0.1:9"


def test_the_list_names_the_file_that_is_here(model_path: Path) -> None:
    first = entries(model_path.parent)[0]
    assert (first.model, first.path) == ("local", str(model_path))
    assert first.sha256 == EMBEDDED.sha256
    assert f"               1.1 GB, Apache-2.0, here: {model_path}" in list(lines([first]))


def test_pulling_what_is_here_needs_no_network_and_no_time(model_path: Path) -> None:
    """The path is all that is printed, and 1.1 GB are not read again."""
    environ = {"XDG_CACHE_HOME": str(model_path.parents[2]), "HTTPS_PROXY": AWAY}
    started = time.monotonic()
    done = subprocess.run(
        [PROGRAM, "model", "pull"],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert time.monotonic() - started < 10
    assert done.stdout == f"{model_path}\n"
    assert done.stderr == ""


def test_pulling_without_a_network_is_one_line(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path), "HTTPS_PROXY": AWAY, "NO_PROXY": ""}
    environ |= dict.fromkeys(("UV_DEFAULT_INDEX", "PIP_INDEX_URL"), f"{AWAY}/simple/")
    done = subprocess.run(
        [PROGRAM, "model", "pull"],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=False,
    )
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert (done.returncode, done.stdout) == (6, "")
    assert "the Hugging Face hub: no connection" in error
    assert "goes on where it stopped" in error
    assert not list(tmp_path.rglob("*.gguf"))
