"""A sandbox whose commands are killed when the time of the work is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tools.sandbox.protocol import COMMAND_SECONDS, OUTPUT_BYTES, Completed, Sandbox

LEAST_SECONDS = 10.0
"""What a command gets when no time is left: looking at what was done is cheap."""


@dataclass(frozen=True)
class Bounded:
    """Passes everything on; `left` tells the seconds that are left, None for any number."""

    sandbox: Sandbox
    left: Callable[[], float | None]

    @property
    def root(self) -> str:
        """The absolute path of the repository inside."""
        return self.sandbox.root

    @property
    def scratch(self) -> str:
        """The folder beside it for what is no part of it."""
        return self.sandbox.scratch

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
        """Run a command for as long as it may, and no longer than the time that is left."""
        left = self.left()
        if left is not None:
            timeout = min(timeout, max(LEAST_SECONDS, left))
        return self.sandbox.run(
            command, timeout=timeout, cwd=cwd, env=env, stdin=stdin, limit=limit
        )

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        return self.sandbox.read(path)

    def write(self, path: str, data: bytes) -> None:
        """Write a file."""
        self.sandbox.write(path, data)
