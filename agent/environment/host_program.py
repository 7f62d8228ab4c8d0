"""Programs of this machine that a build needs: run to their end within a time limit."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Timer

LAST_LINES = 20
HEED_SECONDS = 0.5
LINE_END = re.compile(rb"\r?\n|\r")


def run(
    command: Sequence[str],
    variables: Mapping[str, str],
    follow: Callable[[str], None] = lambda line: None,
    *,
    seconds: float,
    folder: Path | None = None,
    heed: Callable[[], None] = lambda: None,
) -> tuple[int, list[str]]:
    """Run a program with `variables` added to its environment; return its code and last lines.

    Each line of output goes to `follow`. After `seconds` it is killed with its children, and when
    `heed`, called twice a second, raises. It starts in `folder`.
    """
    lines: list[str] = []
    with _process(
        ["env", *(f"{name}={value}" for name, value in variables.items()), *command],
        seconds,
        folder,
    ) as process:
        for line in _lines(process, heed):
            lines = [*lines[-LAST_LINES:], line.rstrip()]
            follow(line.rstrip())
    return process.returncode, [line for line in lines if line]


def _lines(process: subprocess.Popen[bytes], heed: Callable[[], None]) -> Iterator[str]:
    assert process.stdout is not None
    output, rest = process.stdout.fileno(), b""
    while True:
        ready, _, _ = select.select([output], [], [], HEED_SECONDS)
        heed()
        if not ready:
            if process.poll() is not None:  # what it left behind holds its output open
                break
            continue
        data = os.read(output, 65536)
        if not data:
            break
        *whole, rest = LINE_END.split(rest + data)
        yield from (line.decode("utf-8", "replace") for line in whole)
    if rest:
        yield rest.decode("utf-8", "replace")


@contextmanager
def _process(
    command: Sequence[str], seconds: float, folder: Path | None
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program with a time limit; it and its children are gone at the end."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
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


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):  # all of them have ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
