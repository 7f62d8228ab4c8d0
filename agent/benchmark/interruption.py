"""How a signal reaches the threads of a batch: each raises Interrupted at its next step."""

from __future__ import annotations

from agent.errors import Interrupted
from agent.messages import Usage
from agent.show.progress import Watch
from tools.sandbox.image_builder import stop_all


class Halt:
    """Tells all threads of a batch that a signal asked it to stop; set once."""

    def __init__(self) -> None:
        self._by: Interrupted | None = None

    def set(self, by: Interrupted) -> None:
        """Ask all threads to stop because of a signal; image builds are ended at once."""
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
    """A watch that passes everything on to another, and raises Interrupted once halted."""

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
