from collections.abc import Callable

import pytest

from agent.messages import Sampling, Usage
from agent.model.budget import Allowance, Budget, Limits, exceeded
from agent.model.protocol import Capabilities, Model, Request
from agent.model.run_budget import RunBudget, RunBudgetEmpty
from agent.model.scripted import ScriptedModel
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


class Priced(ScriptedModel):
    """A model that has a price and is asked nothing."""

    def __init__(self, price: Callable[[int, int], float | None], *, several: bool = True) -> None:
        super().__init__("priced", {})
        self.capabilities = Capabilities(several=several)
        self.price = price

    def cost(self, prompt: int, completion: int) -> float | None:
        return self.price(prompt, completion)


def reply_tokens(budget: Allowance, prompt: int, model: Model, n: int = 1) -> int | None:
    """Return how long a reply may be where 100,000 tokens are wanted."""
    request = Request((), sampling=Sampling(n), max_tokens=100_000)
    with budget.reserve(request, prompt, model) as allowed:
        return allowed.max_tokens


def test_each_attempt_has_an_equal_share_of_the_time_that_is_left() -> None:
    clock = Clock()
    budget = Budget(Limits(seconds=100.0), clock)
    first = budget.allowance(4)
    clock.now = 24.9
    first.check()
    clock.now = 25.0
    with pytest.raises(EpisodeOver) as over:
        first.check()
    assert over.value.reason == "seconds"
    assert budget.spent() is None
    second = budget.allowance(3)
    clock.now = 49.0
    second.check()
    assert second.seconds_left == 1.0
    clock.now = 100.0
    assert budget.spent() == "seconds"


def test_steps_begin_anew_with_each_attempt_and_usage_does_not() -> None:
    budget = Budget(Limits(steps=2))
    first = budget.allowance()
    for _ in range(2):
        first.check()
        first.charge(Usage(10, 5, 2, 0.25))
    with pytest.raises(EpisodeOver):
        first.check()
    budget.allowance().check()
    assert budget.usage == Usage(20, 10, 4, 0.5)


def test_a_request_that_would_go_over_is_not_sent() -> None:
    budget = Budget(Limits(usd=1.0, tokens=10_000), usage=Usage(5000, 0, 0, 0.5)).allowance()
    model = Priced(lambda prompt, completion: (prompt + 10 * completion) / 10_000)
    unpriced = Priced(lambda prompt, completion: None)

    assert reply_tokens(budget, 1000, model) == 400  # 0.1 dollars for the prompt, 0.4 for the reply
    assert reply_tokens(budget, 1000, model, 4) == 100
    assert reply_tokens(budget, 1000, unpriced) == 4000
    with pytest.raises(EpisodeOver) as over:
        reply_tokens(budget, 4600, model)
    assert over.value.reason == "usd"
    with pytest.raises(EpisodeOver) as over:
        reply_tokens(budget, 4990, unpriced)
    assert over.value.reason == "tokens"


def test_each_sample_pays_its_own_prompt_where_a_server_gives_one_at_a_time() -> None:
    budget = Budget(Limits(usd=None, tokens=10_000)).allowance()
    model = Priced(lambda prompt, completion: None, several=False)
    assert reply_tokens(budget, 1000, model, 4) == 1500


def test_without_limits_a_reply_may_have_any_length() -> None:
    budget = Budget(Limits(usd=None)).allowance()
    assert reply_tokens(budget, 10**9, Priced(lambda prompt, completion: 1.0)) == 100_000


def test_what_a_request_can_cost_is_held_of_the_runs_money_while_it_is_made() -> None:
    run = RunBudget(1.0)
    budget = Budget(Limits(usd=None), run_budget=run).allowance()
    request = Request((), max_tokens=100)
    with budget.reserve(request, 100, Priced(lambda prompt, completion: 0.3)) as allowed:
        assert allowed.spare == 2
        budget.charge(Usage(100, 100, 0, 0.3))
        with pytest.raises(RunBudgetEmpty), run.holding(0.8):
            pass
    assert run.spent == pytest.approx(0.3)
    with pytest.raises(RunBudgetEmpty):  # 0.9 with the replies that may get lost
        reply_tokens(budget, 100, Priced(lambda prompt, completion: 0.3))


def test_samples_have_equal_shares_of_tokens_and_money() -> None:
    budget = Budget(Limits(usd=0.9, tokens=900), even=True)
    for attempts in (3, 2, 1):
        sample = budget.allowance(attempts)
        sample.charge(Usage(200, 50, 0, 0.25))
        sample.check()
        sample.charge(Usage(40, 10, 0, 0.05))
        with pytest.raises(EpisodeOver) as over:
            sample.check()
        assert over.value.reason == "tokens"
    assert budget.spent() == "tokens"


def spare(budget: Allowance, usd: float) -> int | None:
    model = Priced(lambda prompt, completion: usd if completion else None)
    with budget.reserve(Request((), max_tokens=1), 1, model) as allowed:
        return allowed.spare


def test_what_one_sample_leaves_is_shared_by_the_others() -> None:
    budget = Budget(Limits(usd=0.9, tokens=None), even=True)
    budget.allowance(3).charge(Usage(1, 1, 0, 0.1))
    second = budget.allowance(2)
    assert spare(second, 0.1) == 4
    for _ in range(7):
        second.charge(Usage(1, 1, 0, 0.05))
    assert second.nearly_spent() == "money"
    assert second.nearly_spent() == "", "it is told once"
    assert budget.allowance(1).nearly_spent() == ""


def test_a_sample_that_is_made_again_has_the_share_it_had() -> None:
    budget = Budget(Limits(usd=0.9), usage=Usage(1, 1, 0, 0.2), even=True)
    assert spare(budget.allowance(3, stored=Usage(1, 1, 0, 0.2)), 0.04) == 2
