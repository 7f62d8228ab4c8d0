"""Limits of steps, seconds, tokens and money, checked before a request is sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

from agent.model.run_budget import LOST_REPLIES, RunBudget
from agent.records import Usage
from tools.base import EndReason, EpisodeOver


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


LEAST_REPLY = 64
"""Tokens below which a reply is not worth asking for."""
WARNED_AT, LAST_STEPS = 0.85, 4
"""An attempt is told to finish after this share of a limit, or when so many more steps like the
last one would go over it."""


@dataclass
class Budget:
    """What a task has spent so far, shared by its attempts; steps begin anew with each.

    `purse` is what all tasks of a run share. With `even`, each attempt has an equal share of the
    tokens and the money that are left, as it always has of the time: what one uses up does not
    change what another can do.
    """

    limits: Limits
    clock: Callable[[], float] = time.monotonic
    usage: Usage = Usage()
    steps: int = 0
    purse: RunBudget | None = None
    even: bool = False
    _started: float = field(init=False)
    _before: Usage = field(init=False, default=Usage())
    _most: Limits = field(init=False)
    _sharing: int = 0
    _deadline: float | None = field(init=False, default=None)
    _began: float = field(init=False, default=0.0)
    _warned: bool = field(init=False, default=False)
    _last: Usage = Usage()
    _ahead: Usage = Usage()
    _given_again: float = 0.0

    def __post_init__(self) -> None:
        self._started = self.clock()
        self._most = self.limits

    @property
    def seconds(self) -> float:
        """Seconds since the task began, with those that stored replies once took."""
        return self.clock() - self._started + self._given_again

    def begin_attempt(self, attempts_left: int) -> None:
        """Start an attempt with an equal share of the time that is left, and more if `even`."""
        self.steps, self._began, self._warned = 0, self.seconds, False
        self._sharing = max(1, attempts_left)
        self._share(self.usage)
        if self.limits.seconds is not None:
            left = max(0.0, self.limits.seconds - self.seconds)
            self._deadline = self.seconds + left / max(1, attempts_left)

    def _share(self, before: Usage) -> None:
        """Set the limits of the attempt that begins after so much was used."""
        if not self.even:
            return
        tokens, usd, paid = self.limits.tokens, self.limits.usd, before.usd or 0.0
        if tokens is not None:
            tokens = _tokens(before) + max(0, tokens - _tokens(before)) // self._sharing
        if usd is not None:
            usd = paid + max(0.0, usd - paid) / self._sharing
        self._before, self._most = before, replace(self.limits, tokens=tokens, usd=usd)

    def check(self, *, paid: bool = False) -> None:
        """Raise EpisodeOver when a limit is used up: called before each request.

        What is `paid` for already costs steps and time alone.
        """
        usage = Usage() if paid else self.usage
        reason = exceeded(self._most, steps=self.steps, seconds=self.seconds, usage=usage)
        if reason is None and self._deadline is not None and self.seconds >= self._deadline:
            reason = "seconds"
        if reason is not None:
            raise EpisodeOver(reason, f"the limit of {reason} is used up")

    def room(self, prompt: int, cost: Callable[[int, int], float | None]) -> int | None:
        """Return how many tokens the reply to a prompt may have, None for any number.

        `cost` prices prompt and completion tokens in US dollars. Raises EpisodeOver when a limit
        is used up, or would be by the next request.
        """
        self.check()
        rooms: dict[EndReason, float] = {}
        if self._most.tokens is not None:
            rooms["tokens"] = self._most.tokens - _tokens(self.usage) - prompt
        asking, saying = cost(prompt, 0), cost(0, 1_000_000)
        if self._most.usd is not None and asking is not None and saying:
            left = self._most.usd - (self.usage.usd or 0.0) - asking
            rooms["usd"] = left / saying * 1e6
        for reason, room in rooms.items():
            if room < LEAST_REPLY:
                raise EpisodeOver(reason, f"the next request would go over the limit of {reason}")
        return int(min(rooms.values())) if rooms else None

    def spare(
        self, prompt: int, reply: int, cost: Callable[[int, int], float | None]
    ) -> int | None:
        """Return how many replies of that size the limits have room for, None for any number."""
        rooms: list[float] = [LOST_REPLIES] if self.purse else []
        if self._most.tokens is not None:
            rooms.append((self._most.tokens - _tokens(self.usage)) / max(1, prompt + reply))
        each = cost(prompt, reply)
        if self._most.usd is not None and each:
            rooms.append((self._most.usd - (self.usage.usd or 0.0)) / each)
        return int(min(rooms)) if rooms else None

    def nearly_spent(self) -> str:
        """Return in words what is nearly used up, once for each attempt; "" otherwise."""
        if self._warned:
            return ""
        limits, used, last, ahead = self._most, self.usage, self._last, self._ahead
        before = self._before
        time_limit = self._deadline and self._deadline - self._began
        shares: dict[str, tuple[float, float, float | None]] = {
            "steps": (self.steps, 0, limits.steps),
            "time": (self.seconds - self._began, 0, time_limit),
            "tokens": (
                _tokens(used) - _tokens(ahead) - _tokens(before),
                _tokens(last),
                limits.tokens and limits.tokens - _tokens(before),
            ),
            "money": (
                (used.usd or 0.0) - (ahead.usd or 0.0) - (before.usd or 0.0),
                last.usd or 0.0,
                limits.usd and limits.usd - (before.usd or 0.0),
            ),
        }
        near = [
            name
            for name, (now, step, most) in shares.items()
            if most and (now >= WARNED_AT * most or now + LAST_STEPS * step > most)
        ]
        self._warned = bool(near)
        return " and ".join(near)

    @property
    def seconds_left(self) -> float | None:
        """Seconds that the attempt may still take, None for any number."""
        if self._deadline is None:
            limit = self.limits.seconds
            return None if limit is None else max(0.0, limit - self.seconds)
        return max(0.0, self._deadline - self.seconds)

    def charge(self, usage: Usage) -> None:
        """Count one request; every billed one is counted, also one that cannot be used."""
        self.steps += 1
        self.usage += usage
        self._last = usage
        if self.purse:
            self.purse.charge(usage.usd)

    def holding(self, usd: float | None) -> AbstractContextManager[None]:
        """Hold the most that a request can cost of the run's money; raises RunBudgetEmpty."""
        return self.purse.holding(usd) if self.purse else nullcontext()

    def expect(self, ahead: Usage) -> None:
        """Take note that so much of the usage is of stored replies that were not given again yet.

        An attempt that is made again is warned where it was warned before, and has the share that
        it had.
        """
        self._ahead = ahead
        if self._sharing:  # the attempt has just begun
            used = self.usage
            paid = max(0.0, (used.usd or 0.0) - (ahead.usd or 0.0))
            before = Usage(used.prompt - ahead.prompt, used.completion - ahead.completion, 0, paid)
            self._share(before)
            self._sharing = 0

    def give_again(self, usage: Usage, seconds: float) -> None:
        """Count a stored reply: a step and its time, but no cost, which `usage` has already."""
        self.steps += 1
        self._given_again += seconds
        self._last = usage

    def spent(self) -> EndReason | None:
        """Return the limit of the whole task that is used up, None when attempts may go on."""
        return exceeded(self.limits, steps=0, seconds=self.seconds, usage=self.usage)


def _tokens(usage: Usage) -> int:
    return usage.prompt + usage.completion
