"""What runs in a sandbox while it is open, and does its verbs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tools.sandbox.protocol import COMMAND_SECONDS, OUTPUT_BYTES, Completed


class Session(Protocol):
    """The three verbs in something that runs, and its end."""

    def run(
        self,
        command: str,
        *,
        timeout: float,
        cwd: str | None,
        env: Mapping[str, str] | None,
        stdin: bytes,
        limit: int,
    ) -> Completed: ...

    def read(self, path: str) -> bytes: ...

    def write(self, path: str, data: bytes) -> None: ...

    def close(self) -> None: ...


class InSession:
    """The three verbs of a sandbox that hands them on to its session."""

    _session: Session

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
        """Run a shell command; see Sandbox.run."""
        return self._session.run(
            command, timeout=timeout, cwd=cwd, env=env, stdin=stdin, limit=limit
        )

    def read(self, path: str) -> bytes:
        """Return the content of a file; see Sandbox.read."""
        return self._session.read(path)

    def write(self, path: str, data: bytes) -> None:
        """Write a file; see Sandbox.write."""
        self._session.write(path, data)
