"""Limits of steps, seconds, tokens and money, checked before a request is sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace

from agent.messages import Usage
from agent.model.protocol import Model, Request
from agent.model.run_budget import LOST_REPLIES, RunBudget
from tools.base import EndReason, EpisodeOver

NOTHING = Usage()
LEAST_REPLY = 64
"""Tokens below which a reply is not worth asking for."""
WARNED_AT, LAST_STEPS = 0.85, 4
"""An attempt is told to finish after this share of a limit, or when so many more steps like the
last one would go over it."""


@dataclass(frozen=True)
class Limits:
    """Steps per attempt; seconds, tokens and US dollars; None is no limit."""

    steps: int | None = 250
    seconds: float | None = 3600.0
    tokens: int | None = None
    usd: float | None = 3.0


def exceeded(limits: Limits, *, steps: int, seconds: float, usage: Usage) -> EndReason | None:
    """Return the name of the first limit that is used up, None when there is room."""
    if limits.steps is not None and steps >= limits.steps:
        return "steps"
    if limits.seconds is not None and seconds >= limits.seconds:
        return "seconds"
    if limits.tokens is not None and _tokens(usage) >= limits.tokens:
        return "tokens"
    if limits.usd is not None and usage.usd is not None and usage.usd >= limits.usd:
        return "usd"
    return None


@dataclass
class Budget:
    """What a task may use, and what it has used so far: `usage`, and seconds.

    Each attempt has an equal share of the time that is left when it begins. With `even` it has one
    of the tokens and the money, too: what one uses up does not change what another can do.
    `run_budget` is the money that all tasks of a run share. `repeated` are the seconds that replies
    took which were given again.
    """

    limits: Limits
    clock: Callable[[], float] = time.monotonic
    usage: Usage = Usage()
    run_budget: RunBudget | None = None
    even: bool = False
    repeated: float = 0.0
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = self.clock()

    @property
    def seconds(self) -> float:
        """Seconds since the task began, with those that stored replies once took."""
        return self.clock() - self._started + self.repeated

    def spent(self) -> EndReason | None:
        """Return the limit of the whole task that is used up, None when attempts may go on."""
        return exceeded(self.limits, steps=0, seconds=self.seconds, usage=self.usage)

    def allowance(self, attempts_left: int = 1, stored: Usage = NOTHING) -> Allowance:
        """Return what the next of some attempts may use from now on.

        `stored` is the part of the usage that replies cost which the attempt will be given again:
        it has the share that it had when it was paid for them.
        """
        limits, before = self.limits, self.seconds
        if limits.seconds is not None:
            share = max(0.0, limits.seconds - before) / attempts_left
            limits = replace(limits, seconds=share)
        if not self.even:
            return Allowance(self, limits, stored, before)
        used = _without(self.usage, stored)
        if limits.tokens is not None:
            tokens = max(0, limits.tokens - _tokens(used)) // attempts_left
            limits = replace(limits, tokens=tokens)
        if limits.usd is not None:
            limits = replace(limits, usd=max(0.0, limits.usd - (used.usd or 0.0)) / attempts_left)
        return Allowance(self, limits, stored, before, used)


@dataclass
class Allowance:
    """What one attempt may use of its task's budget, and the steps that it has taken.

    The limits count from `before`, the seconds and the usage of the task up to where they begin;
    `stored` is what replies have cost that are still to be given again.
    """

    budget: Budget
    limits: Limits
    stored: Usage
    seconds_before: float
    usage_before: Usage = Usage()
    steps: int = 0
    _last: Usage = Usage()
    _warned: bool = False

    @property
    def seconds(self) -> float:
        """Seconds that the attempt has taken."""
        return self.budget.seconds - self.seconds_before

    @property
    def usage(self) -> Usage:
        """What counts against the limits of tokens and money."""
        return _without(self.budget.usage, self.usage_before)

    @property
    def seconds_left(self) -> float | None:
        """Seconds that the attempt may still take, None for any number."""
        limit = self.limits.seconds
        return None if limit is None else max(0.0, limit - self.seconds)

    @contextmanager
    def reserve(self, request: Request, prompt: int, model: Model) -> Iterator[Request]:
        """Yield a request as the limits allow it, with the most that it can cost held meanwhile.

        `prompt` are its tokens; its `max_tokens`, the longest reply that is wanted, may shrink.
        Raises EpisodeOver when a limit is used up or would be by this request, and RunBudgetEmpty.
        """
        samples, longest = request.sampling.n, request.max_tokens
        assert longest is not None, "a reply without an end has no highest price"
        prompts = prompt if model.capabilities.several else prompt * samples
        dearest = model.cost(prompts, longest * samples)
        run = self.budget.run_budget
        with run.holding((dearest or 0.0) * (1 + LOST_REPLIES)) if run else nullcontext():
            room = self._room(prompts, model)
            if room is not None:
                longest = min(longest, max(1, room // samples))
            spare = self._spare(prompt, longest, model)
            yield replace(request, max_tokens=longest, seconds=self.seconds_left, spare=spare)

    def charge(self, usage: Usage) -> None:
        """Count one request; every billed one is counted, also one that cannot be used."""
        self.steps += 1
        self.budget.usage += usage
        self._last = usage
        if self.budget.run_budget:
            self.budget.run_budget.charge(usage.usd)

    def give_again(self, usage: Usage, seconds: float) -> None:
        """Count a stored reply: a step and its time, but no cost, which the task's usage has.

        Raises EpisodeOver when the steps or the time are used up.
        """
        self._check(Usage())
        self.steps += 1
        self.budget.repeated += seconds
        self.stored = _without(self.stored, usage)
        self._last = usage

    def check(self) -> None:
        """Raise EpisodeOver when a limit is used up."""
        self._check(self.usage)

    def nearly_spent(self) -> str:
        """Return in words what is nearly used up, once for each attempt; "" otherwise.

        Replies that are still to be given again do not count: it is warned where it was before.
        """
        limits, used, last = self.limits, _without(self.usage, self.stored), self._last
        shares: dict[str, tuple[float, float, float | None]] = {
            "steps": (self.steps, 0, limits.steps),
            "time": (self.seconds, 0, limits.seconds),
            "tokens": (_tokens(used), _tokens(last), limits.tokens),
            "money": (used.usd or 0.0, last.usd or 0.0, limits.usd),
        }
        near = [
            name
            for name, (now, step, most) in shares.items()
            if most and (now >= WARNED_AT * most or now + LAST_STEPS * step > most)
        ]
        if self._warned or not near:
            return ""
        self._warned = True
        return " and ".join(near)

    def _check(self, usage: Usage) -> None:
        reason = exceeded(self.limits, steps=self.steps, seconds=self.seconds, usage=usage)
        if reason is not None:
            raise EpisodeOver(reason, f"the limit of {reason} is used up")

    def _room(self, prompt: int, model: Model) -> int | None:
        """Return how many tokens the replies to a prompt may have, None for any number.

        Raises EpisodeOver when a limit is used up, or would be by the next request.
        """
        self.check()
        rooms: dict[EndReason, float] = {}
        if self.limits.tokens is not None:
            rooms["tokens"] = self.limits.tokens - _tokens(self.usage) - prompt
        prompt_usd, million_usd = model.cost(prompt, 0), model.cost(0, 1_000_000)
        if self.limits.usd is not None and prompt_usd is not None and million_usd:
            left = self.limits.usd - (self.usage.usd or 0.0) - prompt_usd
            rooms["usd"] = left / million_usd * 1e6
        for reason, room in rooms.items():
            if room < LEAST_REPLY:
                raise EpisodeOver(reason, f"the next request would go over the limit of {reason}")
        return int(min(rooms.values())) if rooms else None

    def _spare(self, prompt: int, reply: int, model: Model) -> int | None:
        """Return how many replies of that size the limits have room for, None for any number."""
        counts: list[float] = [LOST_REPLIES] if self.budget.run_budget else []
        if self.limits.tokens is not None:
            counts.append((self.limits.tokens - _tokens(self.usage)) / max(1, prompt + reply))
        each = model.cost(prompt, reply)
        if self.limits.usd is not None and each:
            counts.append((self.limits.usd - (self.usage.usd or 0.0)) / each)
        return int(min(counts)) if counts else None


def _tokens(usage: Usage) -> int:
    return usage.prompt + usage.completion


def _without(usage: Usage, part: Usage) -> Usage:
    usd = None if usage.usd is None else max(0.0, usage.usd - (part.usd or 0.0))
    return Usage(usage.prompt - part.prompt, usage.completion - part.completion, 0, usd)
