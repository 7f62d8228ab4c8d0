"""What a run is doing just now: redrawn in place on a terminal, line by line elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.text import Text

from agent.messages import Usage
from agent.show.figures import clock, money
from agent.show.terminal_safe import one_line

REDRAWS_PER_SECOND = 4.0
LONGEST_ACTION = 300
"""Characters of an action that are shown; more than a line of a wide terminal."""


class Watch(Protocol):
    """Hears what is going on."""

    def stage(self, text: str) -> None:
        """A new part of the work begins."""

    def attempt(self, number: int, of: int) -> None:
        """An attempt begins."""

    def step(self, number: int, last_action: str, usage: Usage) -> None:
        """A step is over: what the model did last, and what the task has used so far."""

    def done(self) -> None:
        """Nothing more will come; may be called twice."""


def redraws(console: Console) -> bool:
    """Tell whether what a console shows can be redrawn in place."""
    return console.is_terminal and not console.is_dumb_terminal


def cut_line(text: str, style: str = "dim") -> Text:
    """Return a line that is cut, not wrapped, where the terminal is narrow."""
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


@dataclass(frozen=True)
class State:
    """All that the live view shows, but the time."""

    stage: str = ""
    attempt: int = 0
    of: int = 0
    step: int = 0
    action: str = ""
    usage: Usage = Usage()


def view(state: State, seconds: float) -> Group:
    """Return two lines: figures, and what is done."""
    parts = [clock(seconds)]
    if state.attempt:
        parts.append(f"attempt {state.attempt}/{state.of}")
    if state.step:
        parts.append(f"step {state.step}")
    used = state.usage.prompt + state.usage.completion
    if used or state.usage.usd is not None:
        parts += [f"{used:,} tokens", money(state.usage.usd)]
    doing = one_line(state.action or state.stage, LONGEST_ACTION)
    return Group(cut_line("  ".join(parts), "bold"), cut_line(doing))


class LiveProgress:
    """Two lines that are redrawn in place and vanish at the end."""

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._started = now, now()
        self._state = State()
        self._live = Live(
            self,
            console=console,
            refresh_per_second=REDRAWS_PER_SECOND,
            transient=True,
            redirect_stdout=False,  # what programs read must not land in the view
        )

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield view(self._state, self._now() - self._started)

    def _show(self, state: State) -> None:
        # States are replaced whole: the thread that redraws never sees half of a change.
        self._state = state
        if not self._live.is_started:
            self._live.start()
        self._live.refresh()

    def stage(self, text: str) -> None:
        self._show(replace(self._state, stage=text, action=""))

    def attempt(self, number: int, of: int) -> None:
        self._show(replace(self._state, attempt=number, of=of, step=0, action=""))

    def step(self, number: int, last_action: str, usage: Usage) -> None:
        self._show(replace(self._state, step=number, action=last_action, usage=usage))

    def done(self) -> None:
        self._live.stop()


class PlainProgress:
    """A line for each event, for logs and pipes."""

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        self._console, self._now, self._started = console, now, now()
        self._attempt = ""

    def _write(self, text: str) -> None:
        self._console.file.write(f"{clock(self._now() - self._started)} {one_line(text)}\n")
        self._console.file.flush()

    def stage(self, text: str) -> None:
        self._write(text)

    def attempt(self, number: int, of: int) -> None:
        self._attempt = f"attempt {number}/{of}"
        self._write(self._attempt)

    def step(self, number: int, last_action: str, usage: Usage) -> None:
        used = f"{usage.prompt + usage.completion:,} tokens, {money(usage.usd)}"
        action = one_line(last_action, LONGEST_ACTION)
        self._write(f"{self._attempt} step {number} ({used}): {action}")

    def done(self) -> None:
        self._console.file.flush()


class FileProgress(PlainProgress):
    """A line for each event in a log of one instance, added to what an earlier start wrote there.

    Another watch hears the same.
    """

    def __init__(self, path: Path, other: Watch) -> None:
        self._other = other
        self._file = path.open("a", encoding="utf-8", errors="backslashreplace")
        super().__init__(Console(file=self._file))

    def stage(self, text: str) -> None:
        super().stage(text)
        self._other.stage(text)

    def attempt(self, number: int, of: int) -> None:
        super().attempt(number, of)
        self._other.attempt(number, of)

    def step(self, number: int, last_action: str, usage: Usage) -> None:
        super().step(number, last_action, usage)
        self._other.step(number, last_action, usage)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


def progress(console: Console) -> Watch:
    """Return the view that fits where `console` writes to."""
    return LiveProgress(console) if redraws(console) else PlainProgress(console)
