"""How a download goes: a bar on a terminal, a line for each tenth elsewhere."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from agent.show.progress import redraws

LINES = 10


class Transfer(AbstractContextManager["Transfer"], Protocol):
    """Shows a download while it is open; hears what a download's `Report` hears."""

    def say(self, text: str) -> None:
        """Show something that a person should know."""

    def at(self, position: int, size: int) -> None:
        """Show how many of the file's bytes are here."""


class TransferBar:
    """A bar that is redrawn in place, below what is said."""

    def __init__(self, console: Console, name: str) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            redirect_stdout=False,  # what programs read must not land in the view
        )
        self._task = self._progress.add_task(name, total=None, start=False)
        self._started = False

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        self._progress.console.print(text, highlight=False, markup=False)

    def at(self, position: int, size: int) -> None:
        if not self._started:
            # What an earlier run left must not count as speed.
            self._progress.reset(self._task, total=size, completed=position)
            self._started = True
        self._progress.update(self._task, total=size, completed=position)


class TransferLines:
    """A line for each tenth, for logs and pipes."""

    def __init__(self, console: Console, name: str) -> None:
        self._console, self._name, self._shown = console, name, -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def say(self, text: str) -> None:
        self._console.file.write(f"{text}\n")
        self._console.file.flush()

    def at(self, position: int, size: int) -> None:
        tenth = position * LINES // size
        if tenth > self._shown:
            self._shown = tenth
            self.say(f"{self._name}: {position / 1e6:,.0f} of {size / 1e6:,.0f} MB")


def transfer(console: Console, name: str) -> Transfer:
    """Return the view that fits where `console` writes to."""
    return TransferBar(console, name) if redraws(console) else TransferLines(console, name)
