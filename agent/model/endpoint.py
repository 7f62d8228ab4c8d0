"""A model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from agent.errors import ModelLost, ModelRefused
from agent.messages import Message, Usage
from agent.model.adapter import Body, Wire, arguments, estimated_usage
from agent.model.client import LOST_TRIES, TRIES, Answer, Connection, Patience
from agent.model.dialect import Dialect
from agent.model.failures import Refused, Unanswered, Waste
from agent.model.pricing import Prices
from agent.model.protocol import Capabilities, ContextOverflow, Replies, Request
from agent.trajectory.formats.api_usage import Billed, billed

AT_ONCE = 4
"""Replies asked for in one request: llama.cpp has four slots, and asked for more than it has slots
it gives one, to that request and to all that follow."""
RESUME = "mend it, then run the same command again with -o and this run's folder"


@dataclass
class ServedModel:
    """A model behind an endpoint, asked by one API; it learns what the server does not take.

    `name` is what the user said, `model` what the server is told, `offers` the models that it
    lists. `options` are added to every request as they are. `count` counts the tokens of a text,
    for a server that tells them of the first of several replies only. `opening` is what finding
    out about the model has cost.
    """

    name: str
    model: str
    connection: Connection
    wire: Wire
    prices: Prices
    capabilities: Capabilities = Capabilities()
    dialect: Dialect = Dialect()
    options: Body = field(default_factory=dict)
    request_seconds: float = 600.0
    tries: int = TRIES
    offers: tuple[str, ...] = ()
    count: Callable[[str], int] | None = None
    opening: Usage = Usage()
    _answered: bool = False

    def cost(self, prompt: int, completion: int) -> float | None:
        """Return the price of tokens in US dollars, None when it is not known."""
        return self.prices.usd(Billed(prompt, completion))

    def reply(self, request: Request) -> Replies:
        """Return the replies, asked for with as few requests as the server takes.

        When the server fails after some replies, these are returned: they are paid for, and the
        next request fails if the server stays away. Raises ModelRefused when the very first
        request is refused, ModelLost for a later one and for a server that is away, and
        ContextOverflow.
        """
        sampling, spare = request.sampling, request.spare
        patience = Patience(
            tries=self.tries,
            lost=LOST_TRIES if spare is None else max(1, min(LOST_TRIES, spare)),
            request_seconds=self.request_seconds,
            seconds=request.seconds,
        )
        messages: list[Message] = []
        started = time.monotonic()
        usage = Usage()
        at_once = AT_ONCE if self.capabilities.several else 1
        for first in range(0, sampling.n, at_once):
            seed = None if sampling.seed is None else sampling.seed + first
            few = replace(sampling, n=min(at_once, sampling.n - first), seed=seed)
            left = request.seconds and request.seconds - (time.monotonic() - started)
            try:
                replies = self._ask(replace(request, sampling=few), replace(patience, seconds=left))
            except ModelLost as lost:
                if not messages:
                    raise
                usage += lost.usage
                break
            messages += replies.messages
            usage += replies.usage
        return Replies(tuple(messages), usage, replies.prompt)

    def _ask(self, request: Request, patience: Patience) -> Replies:
        body = {"model": self.model, **self.wire.body(request), **self.options}
        answer, sent = self._exchange(body, request.tools, patience)
        self._answered = True
        messages = self.wire.messages(answer.body, request.tools)
        usage = self._usage(answer.body, sent, messages)
        wasted = self._wasted(answer.waste, sent, usage)
        return Replies(messages, usage + wasted, usage.prompt)

    def _exchange(
        self, body: Body, tools: Sequence[Body], patience: Patience
    ) -> tuple[Answer, Body]:
        """Send a request, and again without what the server refuses; return the body sent, too."""
        waste = Waste()
        while True:
            sent = self.dialect.translate(body)
            try:
                answer = self.connection.post(
                    self.wire.path,
                    sent,
                    lambda reply: bool(self.wire.messages(reply, tools)),
                    patience,
                )
            except Refused as refusal:
                waste += refusal.waste
                learnt = self.dialect.learn(refusal.status, refusal.text, refusal.parameter, sent)
                if learnt is None:
                    raise self._refused(refusal, self._guess(waste, sent)) from refusal
                self.dialect = learnt
            except ContextOverflow as overflow:
                overflow.usage = self._guess(waste + overflow.waste, sent)
                raise
            except Unanswered as failure:
                raise ModelLost(
                    f"the model server at {self.connection.shown} does not answer: {failure}",
                    f"check that it is up and that the network is there, {RESUME}",
                    self._guess(waste + failure.waste, sent),
                    too_late=failure.too_late,
                ) from failure
            else:
                return replace(answer, waste=waste + answer.waste), sent

    def _usage(self, answer: Body, sent: Body, messages: Sequence[Message]) -> Usage:
        bill = billed(answer) or estimated_usage(sent, messages)
        if self.count:
            others = sum(self.count(f"{one.content}{arguments(one)}") for one in messages[1:])
            bill = replace(bill, completion=bill.completion + others)
        return self.prices.usage(bill)

    def _wasted(self, waste: Waste, sent: Body, like: Usage) -> Usage:
        """Return what was billed in vain; a lost reply costs as much as `like`, its replacement."""
        bills = [billed(body) or estimated_usage(sent, ()) for body in waste.unusable]
        return sum([*map(self.prices.usage, bills), *[like] * waste.lost], Usage())

    def _guess(self, waste: Waste, sent: Body) -> Usage:
        """Estimate what was billed in vain when no reply came that tells what one costs."""
        return self._wasted(waste, sent, self.prices.usage(estimated_usage(sent, ())))

    def _refused(self, refusal: Refused, usage: Usage) -> Exception:
        message, hint, users = explanation(refusal, self.model, self.connection.shown, self.offers)
        if users and not self._answered:
            return ModelRefused(message, hint)
        return ModelLost(message, f"{hint}; {RESUME}", usage)


def explanation(
    refusal: Refused, model: str, base_url: str, offers: Sequence[str] = ()
) -> tuple[str, str, bool]:
    """Say what a refusal means, what to do, and whether the user's words are at fault."""
    words = f": {refusal.text}" if refusal.text else ""
    if refusal.status in (401, 403):
        return (
            f"{base_url} refused the key (status {refusal.status}){words}",
            "set OPENAI_API_KEY to a key of that provider that may use the model",
            True,
        )
    if refusal.status == 404:
        return (
            f"{base_url} has no model {model!r}{words}",
            f"it offers: {', '.join(offers[:8])}" if offers else "check -m and --base-url",
            True,
        )
    if refusal.status in (402, 429):
        return f"the account at {base_url} has no credit left{words}", "top it up", False
    return (
        f"{base_url} refused the request (status {refusal.status}){words}",
        "check that the model takes chat messages",
        True,
    )
