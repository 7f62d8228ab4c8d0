"""When a batch begins no further instance, however many are left."""

from __future__ import annotations

from agent.show.batch_progress import OUT_OF_MONEY, Ended

MOST_LOST = 3
"""Instances in a row whose model did not answer, after which it seems to be lost for good."""


class StopRule:
    """Hears how the instances of this start end, one after another."""

    def __init__(self) -> None:
        self._lost_in_a_row = 0
        self._out_of_money = False

    def hear(self, ended: Ended) -> None:
        """Take in how an instance ended."""
        self._lost_in_a_row = self._lost_in_a_row + 1 if ended.lost else 0
        self._out_of_money |= ended.state == OUT_OF_MONEY

    @property
    def model_is_away(self) -> bool:
        """Tell whether the model answers no more."""
        return self._lost_in_a_row >= MOST_LOST

    @property
    def stops(self) -> bool:
        """Tell whether no other instance is to begin."""
        return self._out_of_money or self.model_is_away
