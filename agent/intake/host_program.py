"""Programs of this machine that a build needs: run to their end within a time limit."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

LAST_LINES = 20


def run(
    command: Sequence[str],
    variables: Mapping[str, str],
    follow: Callable[[str], None] = lambda line: None,
    *,
    seconds: float,
    folder: Path | None = None,
) -> tuple[int, list[str]]:
    """Run a program with `variables` added to its environment; return its code and last lines.

    Each line of output goes to `follow`. After `seconds` it is killed with its children. It starts
    in `folder`.
    """
    lines: list[str] = []
    with _process(
        ["env", *(f"{name}={value}" for name, value in variables.items()), *command],
        seconds,
        folder,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines = [*lines[-LAST_LINES:], line.rstrip()]
            follow(line.rstrip())
    return process.returncode, [line for line in lines if line]


@contextmanager
def _process(
    command: Sequence[str], seconds: float, folder: Path | None
) -> Iterator[subprocess.Popen[str]]:
    """Start a program with a time limit; it and its children are gone at the end."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    limit = Timer(seconds, _kill, [process])
    limit.start()
    try:
        yield process
        process.wait()
    finally:
        limit.cancel()
        _kill(process)
        if process.stdout:
            process.stdout.close()


def _kill(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
