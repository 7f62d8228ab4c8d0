"""What of a conversation is sent when its window fills: old observations make room.

What was left out once stays out, and much is left out at once, so that requests begin alike for
as long as can be: providers' prompt caches and a local server's live on equal beginnings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.messages import Message
from agent.model.adapter import arguments
from agent.model.protocol import CHARACTERS_PER_TOKEN, estimate
from prompts import render
from tools.base import EpisodeOver
from tools.clip import SAID, clip

FILLED_TO = 0.6
"""Share of the room that is still used after observations were left out."""
SAFE = 0.95
"""Share of the room that is filled at most: sizes are estimates, corrected but not exact."""
KEPT = 4
"""Messages at the end that are left whole if that can be."""
WORTH_LEAVING_OUT = 400
"""Characters below which leaving out saves nothing."""
SHARE_OF_ISSUE = 0.4
"""Of the window, for the text of the issue."""
PER_MESSAGE = 6
"""Tokens around each message: roles and separators."""


@dataclass(frozen=True)
class View:
    """What is sent: `elided` maps ids to what stands in for the text of those messages."""

    messages: tuple[Message, ...]
    elided: dict[str, str]
    tokens: int


@dataclass
class Window:
    """How much fits, as far as it is known.

    `tokens` is the window, None when unknown; `reply` the longest reply, for which at most a
    quarter of the window is kept free; `ratio` corrects estimates by what the server counted.
    """

    tokens: int | None
    reply: int
    ratio: float = 1.0
    elided: dict[str, str] = field(default_factory=dict)

    def view(self, messages: Sequence[Message], extra: str = "") -> View:
        """Return what to send; `extra` is what goes along, such as the tools.

        Raises EpisodeOver when even what must be sent does not fit.
        """
        room = None
        if self.tokens is not None:
            room = int((self.tokens - self.kept_free) * SAFE) - self.size(extra)
        self.elided = fitted(messages, self.elided, room, self.size)
        return self.seen(messages, self.elided, extra)

    def seen(self, messages: Sequence[Message], elided: Mapping[str, str], extra: str) -> View:
        """Return messages as they are sent when that much is left out."""
        shown = tuple(shortened(message, elided) for message in messages)
        return View(shown, dict(elided), total(shown, self.size) + self.size(extra))

    @property
    def kept_free(self) -> int:
        """Tokens that a reply may have beside a view."""
        return self.reply if self.tokens is None else min(self.reply, self.tokens // 4)

    def size(self, text: str) -> int:
        """Return about how many tokens a text has."""
        return int(estimate(text) * self.ratio)

    def learn(self, view: View, counted: int) -> None:
        """Correct the estimates by what the server counted."""
        if counted > 0 and view.tokens > 0:
            self.ratio = min(4.0, max(0.25, self.ratio * counted / view.tokens))

    def overflowed(self, view: View, tokens: int | None, limit: int | None) -> None:
        """Take note that a view did not fit; the next one is smaller."""
        if tokens:
            self.learn(view, tokens)
        before = self.tokens or view.tokens
        self.tokens = limit if limit and limit < before else int(before * 0.8)


def issue_text(text: str, window: int | None) -> str:
    """Return an issue's text, its middle left out where it would fill too much of a window."""
    if window is None:
        return text
    return clip(text, int(window * SHARE_OF_ISSUE * CHARACTERS_PER_TOKEN))


def total(messages: Iterable[Message], size: Callable[[str], int]) -> int:
    """Return about how many tokens messages have."""
    return sum(size(f"{one.content}{arguments(one)}") + PER_MESSAGE for one in messages)


def shortened(message: Message, elided: Mapping[str, str]) -> Message:
    """Return a message with what stands in for its text."""
    return replace(message, content=elided[message.id]) if message.id in elided else message


def fitted(
    messages: Sequence[Message],
    elided: dict[str, str],
    room: int | None,
    size: Callable[[str], int],
) -> dict[str, str]:
    """Return what must stand in for which message so that all fits into `room` tokens."""

    def tokens(left_out: Mapping[str, str]) -> int:
        return total((shortened(message, left_out) for message in messages), size)

    if room is None or tokens(elided) <= room:
        return elided
    found = dict(elided)
    now = tokens(found)
    for message in messages[:-KEPT]:
        if now <= room * FILLED_TO:
            break
        if worth_leaving_out(message, found):
            now -= size(shortened(message, found).content)
            found[message.id] = stand_in(message, messages)
            now += size(found[message.id])
    for message in messages[-KEPT:]:
        if now > room and worth_leaving_out(message, found):
            text = shortened(message, found).content
            over = int((now - room) * CHARACTERS_PER_TOKEN)
            found[message.id] = clip(text, max(200, len(text) - 2 * over - SAID))
            now = tokens(found)
    if now > room:
        raise EpisodeOver("context", f"{now:,} tokens do not fit into the {room:,} there are")
    return found


def worth_leaving_out(message: Message, elided: Mapping[str, str]) -> bool:
    """Tell whether what is sent of an observation is long enough to make room."""
    return message.role == "tool" and len(shortened(message, elided).content) > WORTH_LEAVING_OUT


def stand_in(message: Message, messages: Sequence[Message]) -> str:
    """Say what an observation was of, so that the model can look again."""
    before = messages[: messages.index(message)]
    calls = [call for one in before for call in one.tool_calls if call.id == message.tool_call_id]
    made = f"{calls[-1].name} {calls[-1].arguments}" if calls else "a call"
    return render("elided", call=made[:200], characters=f"{len(message.content):,}")
