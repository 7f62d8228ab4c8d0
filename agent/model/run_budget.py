"""The money of a whole run: what is asked for at once by many tasks is held until it is known."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from agent.errors import ModelLost

LOST_REPLIES = 2
"""Replies that may be billed and get lost on the way to one that arrives, held for as well."""


class RunBudgetEmpty(ModelLost):
    """The run's money is used up, or the next request could go over it; the task goes on later."""


class RunBudget:
    """US dollars for all tasks of a run, safe to share between threads.

    A request begins only when the most that it can cost is there beside what others hold, so that
    the sum stays within the limit whatever the calls in flight turn out to cost.
    """

    def __init__(self, limit: float, spent: float = 0.0) -> None:
        self._lock = threading.Condition()
        self._limit, self._spent = limit, spent
        self._holds: list[float] = []

    @property
    def spent(self) -> float:
        """US dollars that were billed."""
        with self._lock:
            return self._spent

    def charge(self, usd: float | None) -> None:
        """Count what was billed."""
        with self._lock:
            self._spent += usd or 0.0

    @contextmanager
    def holding(self, usd: float | None) -> Iterator[None]:
        """Hold the most that a request can cost while it is made; raises RunBudgetEmpty.

        Where what others hold is in the way, it waits until they know what they have cost.
        """
        most = usd or 0.0
        with self._lock:
            while self._holds and self._spent + most <= self._limit < self._needed(most):
                self._lock.wait()
            if self._needed(most) > self._limit or self._spent >= self._limit:
                raise RunBudgetEmpty(
                    f"the run's limit of ${self._limit:,g} has no room for another request",
                    "give more with --max-run-usd, and start it again in the same folder",
                )
            self._holds.append(most)
        try:
            yield
        finally:
            with self._lock:
                self._holds.remove(most)
                self._lock.notify_all()

    def _needed(self, most: float) -> float:
        return self._spent + sum(self._holds) + most
