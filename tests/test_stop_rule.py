"""After which ends of instances a batch begins no other."""

from __future__ import annotations

from agent.benchmark.stop_rule import MOST_LOST, StopRule
from agent.show.batch_progress import Ended


def lost(number: int) -> Ended:
    return Ended(f"a__b-{number}", "failed", None, lost=True)


def test_a_model_that_is_lost_for_several_instances_in_a_row_ends_the_batch() -> None:
    rule = StopRule()
    for number in range(MOST_LOST - 1):
        rule.hear(lost(number))
    assert not rule.stops
    rule.hear(Ended("a__b-8", "failed", None))
    rule.hear(lost(9))
    assert not rule.stops, "another failure in between: the model is there"
    for number in range(MOST_LOST):
        rule.hear(lost(number))
    assert rule.stops
    assert rule.model_is_away


def test_a_batch_without_money_begins_no_other_instance() -> None:
    rule = StopRule()
    rule.hear(Ended("a__b-1", "out of money", None))
    rule.hear(Ended("a__b-2", "verified", None))
    assert rule.stops
    assert not rule.model_is_away
