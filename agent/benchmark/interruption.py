"""A signal's way into the threads that work: each hears of it at its next step."""

from __future__ import annotations

from agent.errors import Interrupted
from agent.records import Usage
from agent.show.progress import Watch
from tools.sandbox.image_builder import stop_all


class Halt:
    """Set once, by whoever was interrupted."""

    def __init__(self) -> None:
        self._by: Interrupted | None = None

    def set(self, by: Interrupted) -> None:
        """Ask everybody to stop, with the signal that did; builds hear of nothing: theirs end."""
        self._by = by
        stop_all()

    @property
    def is_set(self) -> bool:
        """Tell whether work should stop."""
        return self._by is not None

    def check(self) -> None:
        """Raise Interrupted when work should stop."""
        if self._by is not None:
            raise Interrupted(self._by.number)


class StoppingWatch:
    """Passes on what a watch is told, and raises Interrupted in whoever tells it when halted."""

    def __init__(self, watch: Watch, halt: Halt) -> None:
        self._watch, self._halt = watch, halt

    def stage(self, text: str) -> None:
        self._watch.stage(text)
        self._halt.check()

    def attempt(self, number: int, of: int) -> None:
        self._watch.attempt(number, of)
        self._halt.check()

    def step(self, number: int, last_action: str, usage: Usage) -> None:
        self._watch.step(number, last_action, usage)
        self._halt.check()

    def done(self) -> None:
        self._watch.done()
