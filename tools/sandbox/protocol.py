"""The place where untrusted code runs: three verbs and a context manager."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

COMMAND_SECONDS = 120.0
OUTPUT_BYTES = 256 * 1024


@dataclass(frozen=True)
class Completed:
    """The end of one command: `exit_code` is minus the signal number when a signal ended it.

    `output` is standard output and error as they came, decoded as UTF-8 with backslash escapes,
    its middle left out beyond the limit; `omitted` counts the bytes left out.
    """

    exit_code: int
    output: str
    omitted: int = 0
    timed_out: bool = False
    out_of_memory: bool = False
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """True when the command ended by itself with exit code 0."""
        return self.exit_code == 0 and not self.timed_out


class Sandbox(Protocol):
    """A running sandbox; every verb raises SandboxLost when it has died."""

    @property
    def root(self) -> str:
        """The absolute path of the repository inside; relative paths start there."""

    @property
    def scratch(self) -> str:
        """The absolute path of a folder inside for what is no part of the repository."""

    def run(
        self,
        command: str,
        *,
        timeout: float = COMMAND_SECONDS,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        limit: int = OUTPUT_BYTES,
    ) -> Completed:
        """Run a shell command to its end or its timeout (seconds), keeping `limit` bytes.

        Background children outlive the command, their output discarded; on timeout everything
        that the command started is killed. Raises NotADirectoryError for a wrong `cwd`.
        """

    def read(self, path: str) -> bytes:
        """Return a file's content; raises FileNotFoundError, IsADirectoryError, PermissionError."""

    def write(self, path: str, data: bytes) -> None:
        """Write a file, making its folders and keeping its mode; raises OSError."""
