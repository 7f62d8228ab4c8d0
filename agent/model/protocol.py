"""What every model offers, whoever serves it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agent.records import Message, Sampling, Usage, adapter


@dataclass(frozen=True)
class Capabilities:
    """What a model can do: `context` is its window in tokens, None when unknown."""

    tools: bool = True
    several: bool = False
    grammar: bool = False
    fill: bool = False
    context: int | None = None


@dataclass(frozen=True)
class Replies:
    """The n messages that one request brought, and what they cost."""

    messages: tuple[Message, ...]
    usage: Usage = Usage()


class Model(Protocol):
    """A model that answers a conversation; it keeps no state between requests."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def reply(
        self,
        messages: Sequence[Message],
        tools: Sequence[dict[str, Any]] = (),
        *,
        n: int = 1,
        temperature: float = 0.0,
        seed: int | None = None,
        grammar: str | None = None,
        conversation: str = "",
    ) -> Replies:
        """Return n replies; `conversation` names the thread, for caches and recordings.

        Raises WorldError when the server is away, EpisodeOver when it has nothing more to say.
        """


def digest(messages: Sequence[Message], tools: Sequence[dict[str, Any]], sampling: Sampling) -> str:
    """Return the SHA-256 of a request: equal requests have equal digests across runs."""
    body = [
        [(m.role, m.content, [(c.name, c.arguments) for c in m.tool_calls]) for m in messages],
        list(tools),
        adapter(Sampling).dump_python(sampling),
    ]
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
