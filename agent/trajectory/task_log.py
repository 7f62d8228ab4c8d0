"""The log of a task: what earlier starts left in it is read once, and what happens is appended.

Whatever a running task must know of its own past, it knows from here, in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from agent.messages import Usage
from agent.records import Candidate, Reproduction
from agent.trajectory.attempt import Attempt, latest_start, spent_on
from agent.trajectory.durable_files import Lines
from agent.trajectory.encoding import as_json, line_of
from agent.trajectory.events import Event, Locations
from agent.trajectory.repeated_text import WrittenTexts

SHARED = "shared"
"""The name of the log of work that attempts share: localization, reproduction."""


def attempt_name(number: int) -> str:
    """Return the name of an attempt's log."""
    return f"attempt-{number}"


class LogFile:
    """One file of a task's log, open for appending; `name` is the file's, without its ending."""

    def __init__(self, lines: Lines, name: str, events: list[Event], texts: WrittenTexts) -> None:
        self.name = name
        self._lines, self._events, self._texts = lines, events, texts

    def append(self, event: Event) -> None:
        """Append one event; a kill loses at most this line. Raises WorldError for a full disk."""
        values = self._texts.shortened(line_of(event))
        self._lines.append(as_json(values))
        self._texts.note(values, f"{self.name}:{self._lines.count}")
        self._events.append(event)


class TaskLog:
    """The events of one task, by the name of their file, all starts included."""

    def __init__(self, folder: Path, earlier: Mapping[str, Sequence[Event]] | None = None) -> None:
        self._folder, self._texts = folder, WrittenTexts()
        self._counts: dict[str, int] = {}
        self._events = {name: list(events) for name, events in (earlier or {}).items()}

    @contextmanager
    def open(self, name: str) -> Iterator[LogFile]:
        """Open a file of the log for appending."""
        events = self._events.setdefault(name, [])
        lines = Lines(self._folder / f"{name}.jsonl", self._counts.get(name))
        try:
            yield LogFile(lines, name, events, self._texts)
        finally:
            self._counts[name] = lines.count
            lines.close()

    def events(self, name: str) -> Sequence[Event]:
        """Return the events of one file, of all starts."""
        return tuple(self._events.get(name, ()))

    def attempt(self, number: int) -> Attempt | None:
        """Return the latest start of an attempt, None where there is none."""
        return latest_start(self._events.get(attempt_name(number), ()))

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The latest start of each attempt, by number."""
        found = [latest_start(events) for name, events in self._events.items() if name != SHARED]
        return tuple(sorted(filter(None, found), key=lambda attempt: attempt.number))

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """What was harvested of all attempts."""
        return tuple(one for attempt in self.attempts for one in attempt.candidates)

    @property
    def reproduction(self) -> Reproduction | None:
        """The tests made of the issue, None where an earlier start did not get that far."""
        found = [one for one in self._events.get(SHARED, ()) if isinstance(one, Reproduction)]
        return found[-1] if found else None

    @property
    def locations(self) -> Locations | None:
        """The locations that were picked, None where an earlier start did not get that far."""
        found = [one for one in self._events.get(SHARED, ()) if isinstance(one, Locations)]
        return found[-1] if found else None

    @property
    def usage(self) -> Usage:
        """What the task has cost so far, all starts included."""
        return sum((spent_on(events) for events in self._events.values()), Usage())
