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


def test_samples_have_equal_shares_of_tokens_and_money() -> None:
    budget = Budget(Limits(usd=0.9, tokens=900), even=True)
    for attempts in (3, 2, 1):
        budget.begin_attempt(attempts)
        budget.charge(Usage(200, 50, 0, 0.25))
        budget.check()
        budget.charge(Usage(40, 10, 0, 0.05))
        with pytest.raises(EpisodeOver) as over:
            budget.check()
        assert over.value.reason == "tokens"
    assert budget.spent() == "tokens"


def test_what_one_sample_leaves_is_shared_by_the_others() -> None:
    budget = Budget(Limits(usd=0.9, tokens=None), even=True)
    budget.begin_attempt(3)
    budget.charge(Usage(1, 1, 0, 0.1))
    budget.begin_attempt(2)
    assert budget.spare(1, 1, lambda prompt, completion: 0.1) == 4
    for _ in range(7):
        budget.charge(Usage(1, 1, 0, 0.05))
    assert budget.nearly_spent() == "money"
    budget.begin_attempt(1)
    assert budget.nearly_spent() == ""


def test_a_sample_that_is_made_again_has_the_share_it_had() -> None:
    budget = Budget(Limits(usd=0.9), usage=Usage(1, 1, 0, 0.2), even=True)
    budget.begin_attempt(3)
    budget.expect(Usage(1, 1, 0, 0.2))
    assert budget.spare(1, 1, lambda prompt, completion: 0.04) == 2
