import pytest

from agent.model.budget import Budget, Limits, exceeded
from agent.records import Usage
from tools.base import EpisodeOver


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(), None),
        (Limits(steps=5), "steps"),
        (Limits(steps=6), None),
        (Limits(seconds=10.0), "seconds"),
        (Limits(tokens=100), "tokens"),
        (Limits(tokens=111), None),
        (Limits(usd=0.5), "usd"),
    ],
)
def test_the_first_limit_that_is_used_up_is_named(limits: Limits, reason: str | None) -> None:
    assert exceeded(limits, steps=5, seconds=10.0, usage=Usage(80, 30, 0, 0.5)) == reason


def test_an_unknown_price_is_not_a_price_of_nothing() -> None:
    assert exceeded(Limits(usd=0.0001), steps=0, seconds=0, usage=Usage(10, 10)) is None


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_each_attempt_has_an_equal_share_of_the_time_that_is_left() -> None:
    clock = Clock()
    budget = Budget(Limits(seconds=100.0), clock)
    budget.begin_attempt(4)
    clock.now = 24.9
    budget.check()
    clock.now = 25.0
    with pytest.raises(EpisodeOver) as over:
        budget.check()
    assert over.value.reason == "seconds"
    assert budget.spent() is None
    budget.begin_attempt(3)
    clock.now = 49.0
    budget.check()
    clock.now = 100.0
    assert budget.spent() == "seconds"


def test_steps_begin_anew_with_each_attempt_and_usage_does_not() -> None:
    budget = Budget(Limits(steps=2))
    for _ in range(2):
        budget.check()
        budget.charge(Usage(10, 5, 2, 0.25))
    with pytest.raises(EpisodeOver):
        budget.check()
    budget.begin_attempt(1)
    budget.check()
    assert budget.usage == Usage(20, 10, 4, 0.5)


def test_a_request_that_would_go_over_is_not_sent() -> None:
    budget = Budget(Limits(usd=1.0, tokens=10_000), usage=Usage(5000, 0, 0, 0.5))

    def cost(prompt: int, completion: int) -> float:
        return (prompt + 10 * completion) / 10_000

    assert budget.room(1000, cost) == 400  # 0.1 dollars for the prompt, 0.4 for what it says
    assert budget.room(1000, lambda prompt, completion: None) == 4000
    with pytest.raises(EpisodeOver) as over:
        budget.room(4600, cost)
    assert over.value.reason == "usd"
    with pytest.raises(EpisodeOver) as over:
        budget.room(4990, lambda prompt, completion: None)
    assert over.value.reason == "tokens"


def test_without_limits_a_reply_may_have_any_length() -> None:
    assert Budget(Limits(usd=None)).room(10**9, lambda prompt, completion: 1.0) is None
