"""A sandbox's verbs, handed on to what does them."""

from __future__ import annotations

from typing import Unpack

from tools.sandbox.protocol import Completed, Options, Verbs


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
