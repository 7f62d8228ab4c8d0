"""What every model offers, whoever serves it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from agent.messages import Message, Sampling, Usage


@dataclass(frozen=True)
class Capabilities:
    """What a model can do.

    `tools`: it calls tools natively; without, the same calls are written as text. `several`: n
    samples of one prompt cost one prompt. `grammar`: output can be held to a GBNF grammar.
    `context` is its window and `output` the longest reply, both in tokens, `parameters` how many
    the model has, None when unknown.
    `prepared`: its replies were written beforehand, and no message changes them; `narrow`: they
    answer narrow questions, so that the program must drive as it did when they were recorded.
    """

    tools: bool = True
    several: bool = False
    grammar: bool = False
    context: int | None = None
    output: int | None = None
    parameters: float | None = None
    prepared: bool = False
    narrow: bool = False


class ContextOverflow(Exception):
    """The messages have `tokens` and the window is `limit`; None where the server does not say.

    `usage` is what replies that were lost before have cost.
    """

    def __init__(self, tokens: int | None = None, limit: int | None = None) -> None:
        super().__init__(f"{tokens or 'too many'} tokens for a window of {limit or 'unknown size'}")
        self.tokens = tokens
        self.limit = limit
        self.waste: Any = None
        self.usage = Usage()


@dataclass(frozen=True)
class Request:
    """One request to a model.

    `tools` are their schemas. `max_tokens` bounds each reply, `seconds` the time until all of them
    are here. `spare` is how many replies may be billed and get lost on the way, None for the usual
    number. `conversation` names the thread, for prepared replies.
    """

    messages: Sequence[Message]
    tools: Sequence[dict[str, Any]] = ()
    sampling: Sampling = Sampling()
    max_tokens: int | None = None
    seconds: float | None = None
    spare: int | None = None
    conversation: str = ""


@dataclass(frozen=True)
class Replies:
    """The n messages that one request brought, and what they cost.

    `prompt` are the tokens of the prompt as the server counted them once, 0 when it did not.
    """

    messages: tuple[Message, ...]
    usage: Usage = Usage()
    prompt: int = 0


class Model(Protocol):
    """A model that answers a conversation; it keeps no state between requests."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def opening(self) -> Usage:
        """What finding out about the model has cost before the first request."""

    def cost(self, prompt: int, completion: int) -> float | None:
        """Return the price of tokens in US dollars, None when it is not known."""

    def reply(self, request: Request) -> Replies:
        """Return the replies to a request, as many as its sampling asks for.

        Raises WorldError when the server is away or refuses, ContextOverflow when the messages do
        not fit its window, EpisodeOver when it has nothing more to say.
        """


CHARACTERS_PER_TOKEN = 3.2
"""Low on purpose: code and logs have shorter tokens than prose, and a guess must not overflow."""


def estimate(text: str) -> int:
    """Return about how many tokens a text has, rather too many than too few."""
    return int(len(text) / CHARACTERS_PER_TOKEN) + 1


def digest(request: Request) -> str:
    """Return the SHA-256 of what a model reads: equal requests have equal digests across runs."""
    body = [
        [
            (m.role, m.content, [(c.name, c.arguments) for c in m.tool_calls])
            for m in request.messages
        ],
        list(request.tools),
        asdict(request.sampling),
    ]
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
