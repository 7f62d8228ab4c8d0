"""Live progress: what a terminal of some width shows, and the lines of a pipe."""

from __future__ import annotations

import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from fcntl import ioctl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from agent.messages import Usage
from agent.show.progress import LiveProgress, PlainProgress, State, Watch, progress, view

USED = Usage(12_000, 345, 0, 0.0123)
HOSTILE = "bash: printf '\x1b[2J\x1b]0;owned\x07'\r\nrm -rf /"


def shown(state: State, seconds: float, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(view(state, seconds))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_the_view_has_attempt_step_tokens_money_time_and_the_last_action() -> None:
    state = State("", 2, 4, 17, "bash: python -m pytest -x", USED)
    assert shown(state, 83.9, 80) == [
        "1:23  attempt 2/4  step 17  12,345 tokens  $0.0123",
        "bash: python -m pytest -x",
    ]


def test_the_view_before_any_attempt_shows_the_stage_alone() -> None:
    assert shown(State("building the image"), 3, 80) == ["0:03", "building the image"]


@pytest.mark.parametrize("width", [1, 5, 20, 33])
def test_a_narrow_terminal_cuts_lines_and_keeps_their_number(width: int) -> None:
    state = State("", 2, 4, 17, "bash: " + "x" * 500, USED)
    lines = shown(state, 83.9, width)
    assert len(lines) == 2
    assert all(len(line) <= width for line in lines)
    assert lines[1].endswith("…")


@given(st.text(st.characters()), st.integers(1, 120))
def test_no_action_breaks_the_two_lines(action: str, width: int) -> None:
    lines = shown(State("working", 1, 1, 1, action, USED), 0, width)
    assert len(lines) == 2
    assert not re.search("[\x00-\x1f\x7f-\x9f]", "".join(lines))


def ticking(*seconds: float) -> Callable[[], float]:
    left = list(seconds)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def drive(watch: Watch) -> None:
    watch.stage("building the image\nwith odd names")
    watch.attempt(1, 2)
    watch.step(1, HOSTILE, USED)
    watch.step(2, "submit", Usage(1, 1))
    watch.done()
    watch.done()


def test_a_pipe_gets_a_line_for_each_event() -> None:
    file = io.StringIO()
    console = Console(file=file)
    watch = PlainProgress(console, ticking(100.0, 101.0, 110.0, 161.0))
    drive(watch)
    assert isinstance(progress(console), PlainProgress)
    assert file.getvalue() == (
        "0:01 building the image with odd names\n"
        "0:10 attempt 1/2\n"
        "1:01 attempt 1/2 step 1 (12,345 tokens, $0.0123): "
        "bash: printf '\\x1b[2J\\x1b]0;owned\\x07' rm -rf /\n"
        "1:01 attempt 1/2 step 2 (2 tokens, price unknown): submit\n"
    )


def test_the_live_view_executes_nothing_and_leaves_no_trace() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, height=20, color_system="standard")
    watch = progress(console)
    assert isinstance(watch, LiveProgress)
    drive(watch)
    written = file.getvalue()
    assert "\x1b]0" not in written
    assert "\\x1b[2J\\x1b]0;owned\\x07" in written
    assert "attempt 1/2" in written
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1, "the cursor comes back"
    assert "\x1b[2J" not in written, "redrawn in place, the screen is never wiped"


LIVE = """
import sys, time
from rich.console import Console
from agent.messages import Usage
from agent.show.progress import progress
watch = progress(Console(stderr=True))
watch.attempt(1, 1)
for number in range(1, 4):
    watch.step(number, "bash: sleep", Usage(number, 0, 0, 0.5))
    print(number, flush=True)
    time.sleep(0.5)
time.sleep(1.2)
watch.done()
"""


def test_on_a_real_terminal_time_goes_on_and_standard_output_stays_clean() -> None:
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    with subprocess.Popen(
        [sys.executable, "-c", LIVE], stdout=subprocess.PIPE, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            written += data
        assert process.stdout is not None
        assert process.stdout.read() == b"1\n2\n3\n"
    os.close(ours)
    text = written.decode()
    assert "step 3  3 tokens  $0.5" in text
    assert {"0:01", "0:02"} <= set(re.findall(r"0:0\d", text))
    assert text.endswith("\x1b[2K") or "\x1b[?25h" in text.splitlines()[-1]
