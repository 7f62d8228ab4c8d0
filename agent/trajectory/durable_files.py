"""Files that a kill, a signal or a full disk cannot leave half-written."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.errors import from_os_error
from agent.trajectory.encoding import complete_lines

TEMPORARY = ".tmp"


@contextmanager
def disk() -> Iterator[None]:
    """Turn errors of the file system into lines that a user can act on."""
    try:
        yield
    except OSError as error:
        raise from_os_error(error) from error


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that, whenever we are killed, its name holds all of it or what it held."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMPORARY}")
    with disk():
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def is_temporary(name: str) -> bool:
    """Tell whether a file is what a killed `write_whole` left behind."""
    return name.startswith(".") and name.endswith(TEMPORARY)


class Lines:
    """A file to which whole lines are appended, at once visible to readers; shared by threads.

    `count` is how many lines it has.
    """

    def __init__(self, path: Path, count: int | None = None) -> None:
        """Open a file; `count` is given where this process wrote it, and so knows it is whole."""
        self._lock = threading.Lock()
        with disk():
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            self.count = count or 0
            if count is None and os.fstat(self._file).st_size:
                # A killed process may have left half a line; the next must not be glued to it.
                whole = complete_lines(path.read_bytes())
                os.ftruncate(self._file, len(whole))
                self.count = whole.count(b"\n")

    def append(self, line: bytes) -> None:
        """Append one line, which ends in a line feed, or nothing at all."""
        with self._lock, disk():
            start = os.fstat(self._file).st_size
            try:
                left = memoryview(line)
                while left:
                    left = left[os.write(self._file, left) :]
            except BaseException:  # a full disk, or a signal between two parts of a long line
                if os.fstat(self._file).st_size != start + len(line):
                    os.ftruncate(self._file, start)
                raise
            self.count += 1

    def close(self) -> None:
        """Close the file; what was appended is with the operating system already."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
            self._file = -1
