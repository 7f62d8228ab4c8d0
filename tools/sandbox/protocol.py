"""The place where untrusted code runs: three verbs and a context manager."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypedDict, Unpack

COMMAND_SECONDS = 120.0
OUTPUT_BYTES = 256 * 1024


class Options(TypedDict, total=False):
    """How a command is run; `Command` says what each is and what it is by default."""

    timeout: float
    cwd: str
    env: Mapping[str, str]
    stdin: bytes
    limit: int


@dataclass(frozen=True)
class Command:
    """A shell command, to be killed after `timeout` seconds.

    It runs in the folder `cwd`, relative to the repository, with the variables `env` besides the
    sandbox's own and with `stdin` as its input. Of its output `limit` bytes are kept.
    """

    text: str
    timeout: float = COMMAND_SECONDS
    cwd: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    limit: int = OUTPUT_BYTES


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


class Verbs(Protocol):
    """The three verbs; each raises SandboxLost when what they act in has died."""

    def run(self, command: str, **options: Unpack[Options]) -> Completed:
        """Run a shell command to its end or its timeout.

        Background children outlive the command, their output discarded; on timeout everything
        that the command started is killed. Raises NotADirectoryError for a wrong `cwd`.
        """

    def read(self, path: str) -> bytes:
        """Return a file's content; raises FileNotFoundError, IsADirectoryError, PermissionError."""

    def write(self, path: str, data: bytes) -> None:
        """Write a file, making its folders and keeping its mode; raises OSError."""


class Sandbox(Verbs, Protocol):
    """A running sandbox."""

    @property
    def root(self) -> str:
        """The absolute path of the repository inside; relative paths start there."""

    @property
    def scratch(self) -> str:
        """The absolute path of a folder inside for what is no part of the repository."""
