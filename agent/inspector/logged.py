"""An episode in a log of ours: found line by line, read step by step."""

from __future__ import annotations

import mmap
import re
from array import array
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

from agent.errors import UserError
from agent.inspector.episode import About, Act, Step
from agent.records import Call, Message
from agent.show.figures import several
from agent.show.trajectory_text import ENDS, written
from agent.trajectory.encoding import event_of
from agent.trajectory.events import End, Event, Header
from agent.trajectory.reader import unreadable
from tools.base import Observation

KIND = re.compile(rb'\{\s*"kind"\s*:\s*"(\w+)"')
"""How a line begins: its kind is told before it is read."""
ID = re.compile(rb'"id"\s*:\s*"([^"\\]+)"')


SHARED = "shared"
"""The label of the work that attempts share."""
NUMBERED = re.compile(r"(sample \d+): ")
"""How a guided model's changes are counted over its whole attempt, as candidates are."""


class LoggedEpisode:
    """The latest start of a log; a log without a header (`shared.jsonl`) is one start.

    Opening it looks only for the ends of lines and for lines that are none of ours. A log that
    grows is read on from where it ended; its last line counts once it is whole.
    """

    def __init__(self, path: Path, label: str) -> None:
        self.path, self.label = path, label
        self._lines = array("Q")
        self._steps: list[int] = []
        self._headers: list[int] = []
        self._bad: list[int] = []
        self._end: int | None = None
        self._unreadable = ""
        self._messages: dict[str, int] = {}
        self._known = 0
        self._read = 0
        self._size = 0
        self.refresh()

    @property
    def about(self) -> About:
        """What header and end say."""
        header = self._event(self._headers[-1]) if self._headers else None
        end = self._event(self._end) if self._end is not None else None
        about = About(
            self.label, restarts=max(0, len(self._headers) - 1), damaged=bool(self.problems)
        )
        if isinstance(header, Header):
            sampling = f"seed {header.seed}, temperature {header.temperature:g}"
            about = replace(
                about, model=header.model, planner=header.planner, sampling=sampling,
                number=header.number,
            )  # fmt: skip
        if isinstance(end, End):
            said = f"{end.reason}, {end.detail}" if end.detail else end.reason
            about = replace(about, end=said, usage=end.usage, seconds=end.seconds)
        return about

    def __len__(self) -> int:
        return len(self._steps)

    def refresh(self) -> bool:
        """Find the lines that were written since."""
        try:
            size = self.path.stat().st_size
            if size < self._size:  # cut by whoever goes on with it
                self._lines, self._steps, self._headers, self._bad = array("Q"), [], [], []
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
        if not self._headers and not self._steps and self.label != SHARED:
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
                    self._known, self._end = place, None
                elif kind == b"end":
                    self._end = place
                elif kind == b"call":
                    self._steps.append(place)
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

    def _event(self, place: int) -> Event | str:
        """Return a line's event, or what is wrong with the line."""
        try:
            return event_of(self._raw(place), f"{self.path.name} line {place + 1}")
        except UserError as error:
            return error.message
        except OSError as error:
            return unreadable(self.path, error)[0]

    def _range(self, number: int) -> range:
        if not 1 <= number <= len(self._steps):
            raise IndexError(f"no step {number}")
        last = self._steps[number] if number < len(self._steps) else len(self._lines)
        return range(self._steps[number - 1], last)

    def step(self, number: int) -> Step:
        """Read the lines of one step."""
        found = [self._event(place) for place in self._range(number)]
        remarks = [event for event in found if isinstance(event, str)]
        call, *rest = found
        if not isinstance(call, Call):
            return Step(number, "", remarks=tuple(remarks))
        seen = {one.call_id: one for one in rest if isinstance(one, Observation)}
        replies = [one for one in rest if isinstance(one, Message) and one.role == "assistant"]
        replies = replies or list(call.replies)
        answers: dict[str | None, str] = {
            one.tool_call_id: one.content
            for one in rest
            if isinstance(one, Message) and one.tool_call_id
        }
        acts: list[Act] = []
        for place, reply in enumerate(replies, 1):
            acts += _acts(reply, place, len(replies), seen, answers)
        proposed = any(act.name.startswith(("sample", "reply")) for act in acts)
        return Step(
            number,
            "" if proposed else "\n\n".join(one.content for one in replies if one.content.strip()),
            tuple(acts),
            call.usage,
            call.seconds,
            (*_remarks(call, replies), *remarks),
            tuple(one.content for one in rest if isinstance(one, Message) and one.role == "user"),
        )

    def sent(self, number: int) -> Sequence[Message]:
        """Rebuild what was sent; a message that cannot be read stands there as that."""
        call = self._event(self._range(number)[0])
        if not isinstance(call, Call):
            return (Message("", "system", str(call)),)
        self._learn(self._steps[number - 1])
        return Sent(call, self._message)

    def _message(self, identity: str) -> Message:
        place = self._messages.get(identity)
        message = None if place is None else self._event(place)
        if isinstance(message, Message):
            return message
        return Message(identity, "user", f"[message {identity} cannot be read in the log]")

    def _learn(self, until: int) -> None:
        """Find out in which lines messages stand, without reading them."""
        with self.path.open("rb") as file:
            file.seek(self._lines[self._known])
            for place in range(self._known, until):
                line = file.readline()
                if kind_of(line[:40]) == b"message" and (found := ID.search(line[:200])):
                    self._messages[found[1].decode("utf-8", "replace")] = place
        self._known = max(self._known, until)


class Sent(Sequence[Message]):
    """The messages of a request as they were sent, each read when it is asked for."""

    def __init__(self, call: Call, read: Callable[[str], Message]) -> None:
        self._call, self._read = call, read

    def __len__(self) -> int:
        return len(self._call.sent)

    @overload
    def __getitem__(self, place: int) -> Message: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Message]: ...

    def __getitem__(self, place: int | slice) -> Message | Sequence[Message]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        identity = self._call.sent[place]
        message = self._read(identity)
        if identity in self._call.elided:
            return replace(message, content=self._call.elided[identity])
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


def _acts(
    reply: Message,
    place: int,
    of: int,
    seen: dict[str, Observation],
    answers: dict[str | None, str],
) -> list[Act]:
    acts = []
    for call in reply.tool_calls:
        saw = seen.get(call.id)
        text = saw.text if saw else answers.get(call.id)
        acts.append(
            Act(call.name, written(call), call.arguments, text, bool(saw and saw.error),
                saw.seconds if saw else None)
        )  # fmt: skip
    if reply.id in seen or (of > 1 and not reply.tool_calls):
        saw = seen.get(reply.id)
        acts.append(
            Act(_sample(saw, place, of), reply.content, reply.content,
                saw.text if saw else None, bool(saw and saw.error), saw.seconds if saw else None)
        )  # fmt: skip
    return acts


def _sample(saw: Observation | None, place: int, of: int) -> str:
    """Return a sample's name: by its number in the attempt, as candidates have it, where told."""
    told = NUMBERED.match(saw.text) if saw else None
    if told:
        return told[1]
    return f"reply {place} of {of}" if of > 1 else "sample"


def _remarks(call: Call, replies: Sequence[Message]) -> list[str]:
    found = [ENDS[reply.finish] for reply in replies if reply.finish]
    if call.elided:
        found.append(f"{several(len(call.elided), 'message')} of {len(call.sent)} sent shortened")
    if call.served:
        found.append("given again from an earlier start, at no cost")
    if not replies:
        found.append("no reply came")
    return found
