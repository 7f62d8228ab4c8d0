"""What llama.cpp's server offers beyond the common API: counting, filling in, a grammar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.model.adapter import Body, arguments
from agent.model.client import Connection
from agent.model.completions import Completions
from agent.model.endpoint import ServedModel
from agent.model.failures import Refused, Unanswered
from agent.model.protocol import Capabilities, Replies, Request, estimate
from agent.records import Message, Sampling, Usage

FILL = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
"""The tokens of Qwen2.5-Coder (its technical report, arXiv:2409.12186) and of models after it."""


def properties(connection: Connection) -> Body | None:
    """Return what a llama.cpp server tells of itself, None for any other server."""
    found = connection.look(f"{connection.root}/props")
    return found if found and "default_generation_settings" in found else None


def window(told: Body | None) -> int | None:
    """Return the tokens that one conversation may have."""
    size = ((told or {}).get("default_generation_settings") or {}).get("n_ctx")
    return size if isinstance(size, int) else None


@dataclass
class LlamaModel:
    """A model served by llama.cpp: all that a served model does, and `count` and `fill`.

    llama.cpp tells the tokens of the first of n replies only; the others are counted here.
    """

    served: ServedModel

    def __post_init__(self) -> None:
        self.served.recount = self._recount

    @property
    def name(self) -> str:
        return self.served.name

    @property
    def capabilities(self) -> Capabilities:
        return self.served.capabilities

    @property
    def opening(self) -> Usage:
        return self.served.opening

    def cost(self, prompt: int, completion: int) -> float | None:
        """Return the price of tokens in US dollars, None when it is not known."""
        return self.served.cost(prompt, completion)

    def reply(self, request: Request) -> Replies:
        """Return the replies to a request, as `ServedModel.reply` does."""
        return self.served.reply(request)

    def count(self, text: str) -> int:
        """Return how many tokens the model makes of a text; an estimate if the server fails."""
        connection = self.served.connection
        try:
            answer = connection.post(f"{connection.root}/tokenize", {"content": text})
        except (Refused, Unanswered):
            return estimate(text)
        return len(answer.body.get("tokens") or ())

    def fill(
        self,
        prefix: str,
        suffix: str,
        *,
        n: int = 1,
        temperature: float = 0.0,
        seed: int | None = None,
        max_tokens: int = 256,
    ) -> Replies:
        """Return n completions between two texts; with an empty suffix, of the prefix alone."""
        before, after, middle = FILL
        prompt = f"{before}{prefix}{after}{suffix}{middle}" if suffix else prefix
        raw = replace(self.served, wire=Completions())
        sampling = Sampling(n, temperature, seed)
        return raw.reply(Request([Message("", "user", prompt)], (), sampling, max_tokens))

    def _recount(self, replies: Sequence[Message]) -> int:
        return sum(self.count(f"{reply.content}{arguments(reply)}") for reply in replies)
