"""Sandboxes whose verbs something else does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

from tools.sandbox.protocol import Command, Completed, Options, Sandbox, Verbs

LEAST_SECONDS = 10.0
"""What a command gets when no time is left: looking at what was done is cheap."""


class Delegated:
    """The three verbs of something else, its `_session`."""

    _session: Verbs

    def run(self, command: str, **options: Unpack[Options]) -> Completed:
        """Run a shell command; see Verbs.run."""
        return self._session.run(command, **options)

    def read(self, path: str) -> bytes:
        """Return the content of a file; see Verbs.read."""
        return self._session.read(path)

    def write(self, path: str, data: bytes) -> None:
        """Write a file; see Verbs.write."""
        self._session.write(path, data)


class Bounded(Delegated):
    """A sandbox whose commands are killed when the time of the work is over.

    `left` returns the seconds that are left, None for any number.
    """

    def __init__(self, sandbox: Sandbox, left: Callable[[], float | None]) -> None:
        self._session, self._left = sandbox, left
        self.root, self.scratch = sandbox.root, sandbox.scratch

    def run(self, command: str, **options: Unpack[Options]) -> Completed:
        """Run a command for as long as it may, and no longer than the time that is left."""
        left = self._left()
        if left is not None:
            timeout = Command(command, **options).timeout
            options["timeout"] = min(timeout, max(LEAST_SECONDS, left))
        return self._session.run(command, **options)
