"""How a batch goes: a table redrawn in place on a terminal, a line for each end elsewhere."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from agent.messages import Usage
from agent.records import Result
from agent.show.figures import clock, money
from agent.show.progress import cut_line, redraws
from agent.show.terminal_safe import one_line

REDRAWS_PER_SECOND = 2.0
MOST_SHOWN = 12
"""Instances at work that are shown by name."""
OUT_OF_MONEY = "out of money"
ORDER = ("verified", "unverified", "disagree", "no_patch", "failed", OUT_OF_MONEY, "stopped")
"""The states in which an instance ends, as they are counted."""


@dataclass(frozen=True)
class Ended:
    """How one instance ended.

    `state` is a result's status, `failed`, `out of money` or `stopped`; `resolved` is None where
    it was not graded; `earlier` tells that an earlier start of the batch finished it, `lost` that
    its model did not answer any more.
    """

    id: str
    state: str
    result: Result | None
    resolved: bool | None = None
    problem: str = ""
    earlier: bool = False
    lost: bool = False


class Tally:
    """Counts and shows; keeps nothing of an instance that has ended. Safe to share.

    `model_is_away` is why the batch began no other instance, where it is left with some.
    """

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        self._console, self._now, self._started = console, now, now()
        self._lock = threading.Lock()
        self._all = 0
        self.counts: Counter[str] = Counter()
        self.earlier = self.resolved = self.graded = 0
        self.model_is_away = False
        self._tokens, self._usd = 0, 0.0
        self._working: dict[str, tuple[str, Usage]] = {}
        self._live = (
            Live(self, console=console, refresh_per_second=REDRAWS_PER_SECOND, transient=True)
            if redraws(console)
            else None
        )

    @property
    def begun(self) -> bool:
        """Tell whether there was anything to work on."""
        return self._all > 0

    def begin(self, number: int) -> None:
        """Show from now on how many of so many have ended."""
        self._all = number
        if self._live:
            self._live.start()

    def remark(self, text: str) -> None:
        """Print what concerns all instances."""
        self._print(text)

    def watch(self, instance: str) -> Watching:
        """Return what hears how one instance goes."""
        return Watching(self, instance)

    def note(self, instance: str, stage: str | None, usage: Usage | None) -> None:
        """Note what an instance does, and what it has used so far."""
        with self._lock:
            before = self._working.get(instance, ("", Usage()))
            self._working[instance] = (stage or before[0], usage or before[1])

    def end(self, ended: Ended) -> None:
        """Count an instance that has ended, and forget it."""
        with self._lock:
            self._working.pop(ended.id, None)
            self.counts[ended.state] += 1
            self.earlier += ended.earlier
            self.graded += ended.resolved is not None
            self.resolved += bool(ended.resolved)
            if ended.result and not ended.earlier:
                tokens = ended.result.tokens
                self._tokens += tokens.prompt + tokens.completion
                self._usd += ended.result.cost_usd or 0.0
        if ended.earlier:
            return
        grade = {True: ", resolved", False: ", not resolved", None: ""}[ended.resolved]
        problem = f": {ended.problem}" if ended.problem else ""
        self._print(f"{ended.id}: {ended.state}{grade}{problem}")

    def _print(self, text: str) -> None:
        line = f"{clock(self._now() - self._started)} {one_line(text)}"
        if self._live:
            self._live.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            self._console.file.write(f"{line}\n")
            self._console.file.flush()

    def summary(self) -> str:
        """Return in one line how all ended."""
        parts = [f"{self.counts[state]} {state}" for state in ORDER if self.counts[state]]
        left = self._all - sum(self.counts.values())
        text = ", ".join(parts) or ("none has ended" if left else "nothing was to do")
        graded = f"; {self.resolved} of {self.graded} graded resolved" if self.graded else ""
        earlier = f"; {self.earlier} finished earlier" if self.earlier else ""
        reason = "the model is away" if self.model_is_away else "nothing more was begun"
        return f"{text}{graded}{earlier}" + (f"; {left} left, {reason}" if left else "")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        with self._lock:
            working, seconds = dict(self._working), self._now() - self._started
            yield Group(self._head(seconds), self._states(), *_working_lines(working))

    def _head(self, seconds: float) -> Text:
        done = sum(self.counts.values())
        fresh = done - self.earlier
        running = [usage for _, usage in self._working.values()]
        tokens = self._tokens + sum(usage.prompt + usage.completion for usage in running)
        usd = self._usd + sum(usage.usd or 0.0 for usage in running)
        parts = [clock(seconds), f"{done} of {self._all}", f"{tokens:,} tokens", money(usd)]
        if fresh:
            left = seconds / fresh * (self._all - done)
            parts += [f"{fresh / seconds * 3600:,.1f} per hour", f"{clock(left)} left"]
        return cut_line("  ".join(parts), "bold")

    def _states(self) -> Table:
        table = Table(box=None, pad_edge=False, show_header=True, header_style="dim")
        waiting = self._all - sum(self.counts.values()) - len(self._working)
        columns = [("waiting", waiting), ("working", len(self._working))]
        columns += [(state, self.counts[state]) for state in ORDER if self.counts[state]]
        columns += [("resolved", self.resolved)] if self.graded else []
        for name, _ in columns:
            table.add_column(name, justify="right", no_wrap=True)
        table.add_row(*(str(number) for _, number in columns))
        return table

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            self._live.stop()


def _working_lines(working: dict[str, tuple[str, Usage]]) -> list[Text]:
    lines = [
        cut_line(one_line(f"{name}  {stage}", 300))
        for name, (stage, _) in list(working.items())[:MOST_SHOWN]
    ]
    more = len(working) - len(lines)
    return [*lines, Text(f"and {more} more", style="dim")] if more else lines


class Watching:
    """Hears of one instance for the tally."""

    def __init__(self, tally: Tally, instance: str) -> None:
        self._tally, self._instance = tally, instance

    def stage(self, text: str) -> None:
        """A new part of the work begins."""
        self._tally.note(self._instance, text, None)

    def attempt(self, number: int, of: int) -> None:
        """An attempt begins."""
        self._tally.note(self._instance, f"attempt {number}/{of}", None)

    def step(self, number: int, last_action: str, usage: Usage) -> None:
        """A step is over."""
        self._tally.note(self._instance, f"step {number}: {last_action}", usage)

    def done(self) -> None:
        """Nothing more will come."""
