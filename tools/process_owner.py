"""Names of processes, so that what a killed one has left behind is known as its own."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "repair-agent-"
OWNER_FILE = "owner"


def make_folder() -> Path:
    """Make a temporary folder that says whose it is: `clean` removes what is nobody's."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    (folder / OWNER_FILE).write_text(owner(), encoding="utf-8")
    return folder


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make such a folder and remove it when the block ends."""
    folder = make_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def owner() -> str:
    """Name this process so that another one can tell whether it still lives."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def owner_lives(name: str) -> bool:
    """Tell whether the process that `owner` named is alive; one on another host counts as alive."""
    host, _, rest = name.rpartition(":")[0].rpartition(":")
    started = name.rpartition(":")[2]
    return host != socket.gethostname() or (rest.isdigit() and _started(int(rest)) == started)


def _started(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return "gone"
