"""A log of ours, found line by line and read step by step: however long it is, it opens at once."""

from __future__ import annotations

import mmap
import re
from array import array
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

from agent.errors import UserError
from agent.messages import Message, Sampling, Usage
from agent.trajectory.attempt import Turn, messages_of, turn_of
from agent.trajectory.encoding import decode
from agent.trajectory.events import End, Event, Header, Note, Step
from agent.trajectory.reader import read_lines
from agent.trajectory.repeated_text import LogTexts, restored
from agent.trajectory.run_info import unreadable

KIND = re.compile(rb'\{\s*"kind"\s*:\s*"(\w+)"')
"""How a line begins: its kind is told before it is read."""
STEPS = (b"step", b"call")
"""Kinds of lines with which a step begins; the second is format 1's."""
PARTS = (b"candidate", b"reproduction", b"locations")
"""Kinds of lines that are parts of the task, not of the conversation."""


class IndexedLog:
    """The latest start of a log; a log without a header (`shared.jsonl`) is one start.

    Opening it looks only for the ends of lines and for lines that are none of ours. A log that
    grows is read on from where it ended; its last line counts once it is whole.
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self.path = path
        self._shared, self._texts = shared, LogTexts(path.parent)
        self._lines = array("Q")
        self._steps: list[int] = []
        self._headers: list[int] = []
        self._bad: list[int] = []
        self._parts: list[int] = []
        self._end: int | None = None
        self._unreadable = ""
        self._messages: dict[str, int] = {}
        self._known = 0
        self._read = 0
        self._size = 0
        self.refresh()

    @property
    def header(self) -> Header | None:
        """The header of the latest start, None where there is none that can be read."""
        header = self._event(self._headers[-1]) if self._headers else None
        return header if isinstance(header, Header) else None

    @property
    def end(self) -> End | None:
        """The end of the latest start, None while it has none."""
        end = self._event(self._end) if self._end is not None else None
        return end if isinstance(end, End) else None

    @property
    def restarts(self) -> int:
        """How many starts came before the latest."""
        return max(0, len(self._headers) - 1)

    def parts(self) -> list[Event]:
        """Read the candidates, the reproduction and the locations of the latest start."""
        found = [self._event(place) for place in self._parts]
        return [event for event in found if not isinstance(event, str)]

    def notes_before_steps(self) -> list[Note]:
        """Read what was remarked on before the first step of the latest start."""
        start = self._headers[-1] + 1 if self._headers else 0
        events, _ = self._events(range(start, self._steps[0] if self._steps else len(self._lines)))
        return [event for event in events if isinstance(event, Note)]

    def __len__(self) -> int:
        return len(self._steps)

    def refresh(self) -> bool:
        """Find the lines that were written since."""
        try:
            size = self.path.stat().st_size
            if size < self._size:  # cut by whoever goes on with it
                self._lines, self._steps, self._headers = array("Q"), [], []
                self._bad, self._parts = [], []
                self._end = None
                self._messages, self._known, self._read, self._size = {}, 0, 0, 0
            if size == self._size:
                return False
            self._find(size)
        except FileNotFoundError:
            return False
        except OSError as error:
            self._unreadable, _ = unreadable(self.path, error)
            return False
        self._size, self._unreadable = size, ""
        return True

    @property
    def problems(self) -> tuple[str, ...]:
        """What of the log cannot be read, a line each, as far as opening it shows."""
        if self._unreadable:
            return (self._unreadable,)
        told = [f"{self.path.name} line {place + 1} cannot be read" for place in self._bad]
        if self._read < self._size:
            told.append(f"{self.path.name}: the last line was cut and is left out")
        if not self._headers and not self._steps and not self._shared:
            told.append(f"{self.path.name} has no header that can be read")
        return tuple(told)

    def _find(self, size: int) -> None:
        with (
            self.path.open("rb") as file,
            mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as data,
        ):
            start = self._read
            while (end := data.find(b"\n", start)) >= 0:
                place, kind = len(self._lines), kind_of(data[start : start + 40])
                if kind == b"header":
                    self._headers.append(place)
                    self._steps.clear()
                    self._messages.clear()
                    self._parts.clear()
                    self._known, self._end = place, None
                elif kind == b"end":
                    self._end = place
                elif kind in STEPS:
                    self._steps.append(place)
                elif kind in PARTS:
                    self._parts.append(place)
                self._lines.append(start)
                if not kind or not _is_text(data[start:end]):
                    self._bad.append(place)
                start = end + 1
            self._read = start

    def _raw(self, place: int) -> bytes:
        end = self._lines[place + 1] if place + 1 < len(self._lines) else self._read
        with self.path.open("rb") as file:
            file.seek(self._lines[place])
            return file.read(end - self._lines[place])

    def _values(self, place: int) -> dict[str, Any] | str:
        """Return a line's values, or what is wrong with the line."""
        try:
            written = decode(dict[str, Any], self._raw(place), self._origin(place))
            values: dict[str, Any] = restored(written, self._texts)
        except UserError as error:
            return error.message
        except OSError as error:
            return unreadable(self.path, error)[0]
        return values

    def _origin(self, place: int) -> str:
        return f"{self.path.name} line {place + 1}"

    def _events(self, places: Sequence[int]) -> tuple[list[Event], list[str]]:
        """Return the events of lines, and what is wrong with those that cannot be read."""
        read = [(place, self._values(place)) for place in places]
        problems = [values for _, values in read if isinstance(values, str)]
        good = [(values, self._origin(at)) for at, values in read if not isinstance(values, str)]
        try:
            lines, origins = [one for one, _ in good], [origin for _, origin in good]
            return list(read_lines(lines, origins, problems)), problems
        except UserError as error:
            return [], [*problems, error.message]

    def _event(self, place: int) -> Event | str:
        """Return a line's event, or what is wrong with the line."""
        events, problems = self._events([place])
        return events[0] if events else "".join(problems[:1])

    def _range(self, number: int) -> range:
        if not 1 <= number <= len(self._steps):
            raise IndexError(f"no step {number}")
        last = self._steps[number] if number < len(self._steps) else len(self._lines)
        return range(self._steps[number - 1], last)

    def turn(self, number: int) -> Turn:
        """Read the lines of one step; those that cannot be read are remarked on."""
        events, problems = self._events(self._range(number))
        notes = [Note("", problem) for problem in problems]
        if number == 1:
            notes[:0] = self.notes_before_steps()
        if not events or not isinstance(events[0], Step):
            return Turn(number, UNREADABLE, notes=tuple(notes))
        return turn_of(number, [*events, *notes])

    def sent(self, number: int) -> Sequence[Message]:
        """Rebuild what was sent; a message that cannot be read stands there as that."""
        first = self._steps[number - 1] if number else 0
        step = self._event(self._range(number)[0])
        if not isinstance(step, Step):
            return (Message("unreadable", "system", str(step)),)
        self._learn(first)
        return Sent(step, self._message)

    def _message(self, identity: str) -> Message:
        place = self._messages.get(identity)
        if place is not None:
            for message in messages_of(self._events([place])[0]):
                if message.id == identity:
                    return message
        return Message(identity, "user", f"[message {identity} cannot be read in the log]")

    def _learn(self, until: int) -> None:
        """Find out in which lines messages stand."""
        with self.path.open("rb") as file:
            file.seek(self._lines[self._known])
            for place in range(self._known, until):
                with suppress(UserError):  # shown where the line itself is looked at
                    for identity in identities(decode(dict[str, Any], file.readline(), "")):
                        self._messages[identity] = place
        self._known = max(self._known, until)


UNREADABLE = Step("", "", (), {}, Sampling(), "", (), Usage(), 0.0)
"""Stands for a step whose line cannot be read."""


def identities(values: dict[str, Any]) -> list[str]:
    """Return the ids of the messages that a line holds."""
    match values:
        case {"kind": "message", "id": str(identity)}:
            return [identity]
        case {"kind": "outcome", "message": str(identity)}:
            return [identity]
        case {"kind": "step", "replies": [*replies]}:
            return [one["id"] for one in replies if isinstance(one, dict) and "id" in one]
    return []


class Sent(Sequence[Message]):
    """The messages of a request as they were sent, each read when it is asked for."""

    def __init__(self, step: Step, read: Callable[[str], Message]) -> None:
        self._step, self._read = step, read

    def __len__(self) -> int:
        return len(self._step.sent)

    @overload
    def __getitem__(self, place: int) -> Message: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Message]: ...

    def __getitem__(self, place: int | slice) -> Message | Sequence[Message]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        identity = self._step.sent[place]
        message = self._read(identity)
        if identity in self._step.elided:
            return replace(message, content=self._step.elided[identity])
        return message


def _is_text(line: bytes) -> bool:
    try:
        str(line, "utf-8")
    except UnicodeDecodeError:
        return False
    return True


def kind_of(head: bytes) -> bytes:
    """Return the kind of event that a line begins to tell of, b"" where it does not."""
    found = KIND.match(head)
    return found[1] if found else b""
