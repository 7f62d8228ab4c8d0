"""How far a download has come, told in one way whichever library downloads."""

from __future__ import annotations

from typing import Protocol, Self


class Report(Protocol):
    """Hears how a download goes."""

    def say(self, text: str) -> None:
        """Hear of something that a person should know."""

    def at(self, position: int, size: int) -> None:
        """Hear how many of the file's bytes are here."""


class Progress:
    """The progress bar that downloading libraries ask for: it draws nothing and tells a report."""

    def __init__(self, report: Report, size: int, *, initial: int = 0, **unused: object) -> None:
        """Take the bytes of the whole file and those that are here; `moved` once more come."""
        self._report, self._size, self._position = report, size, initial
        self.moved = False

    def update(self, count: int) -> None:
        """Count bytes that came; fewer than none, where a server begins anew."""
        self.moved = True
        self._position = min(self._position + count, self._size)
        self._report.at(self._position, self._size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass
