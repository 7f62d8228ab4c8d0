"""Programs of this machine that a build needs: run to their end within a time limit."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic

LAST_LINES = 20
CHECK_SECONDS = 0.5
LINE_END = re.compile(rb"\r?\n|\r")


def run(
    command: Sequence[str],
    variables: Mapping[str, str],
    follow: Callable[[str], None] = lambda line: None,
    *,
    seconds: float,
    folder: Path | None = None,
    check_halt: Callable[[], None] = lambda: None,
) -> tuple[int, list[str]]:
    """Run a program with `variables` added to its environment; return its code and last lines.

    Each line of output goes to `follow`. After `seconds` it is killed with its children, and when
    `check_halt`, called twice a second, raises. It starts in `folder`.
    """
    deadline, last, rest = monotonic() + seconds, deque[str](maxlen=LAST_LINES), b""
    process = subprocess.Popen(
        ["env", *(f"{name}={value}" for name, value in variables.items()), *command],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        while monotonic() < deadline:
            ready, _, _ = select.select([process.stdout], [], [], CHECK_SECONDS)
            check_halt()
            if not ready and process.poll() is None:
                continue
            # Where it has ended and nothing is to be read, a child of its holds its output open.
            data = os.read(process.stdout.fileno(), 65536) if ready else b""
            *lines, rest = LINE_END.split(rest + data)
            for line in lines if data else filter(None, [rest]):
                text = line.decode("utf-8", "replace").rstrip()
                last.append(text)
                follow(text)
            if not data:
                break
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - monotonic()))
    finally:
        with suppress(ProcessLookupError):  # all of them have ended
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    return process.returncode, [line for line in last if line]
