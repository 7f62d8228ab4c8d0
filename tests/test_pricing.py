"""Prices: the provider's own, the configured, the published, and none."""

from __future__ import annotations

import pytest

from agent.model.pricing import Prices, is_private
from agent.trajectory.formats.api_usage import Billed, billed

OPENAI, ROUTER = "https://api.openai.com/v1", "https://openrouter.ai/api/v1"


def test_configured_prices_win_and_cached_tokens_have_their_own() -> None:
    prices = Prices("gpt-4o", OPENAI, {"input": 1.0, "output": 10.0, "cached": 0.1})
    assert prices.usd(Billed(1_000_000, 100_000, 500_000)) == pytest.approx(0.5 + 0.05 + 1.0)


@pytest.mark.parametrize(
    ("model", "url"),
    [("gpt-4o", OPENAI), ("openai/gpt-4o", ROUTER), ("gpt-4o", "https://gateway.example.com/v1")],
)
def test_published_prices_are_found(model: str, url: str) -> None:
    usd = Prices(model, url).usd(Billed(1_000_000, 0))
    assert usd == pytest.approx(2.5)  # OpenAI's list price since October 2024


def test_a_sum_that_the_provider_names_is_taken() -> None:
    answer = {"usage": {"prompt_tokens": 3, "completion_tokens": 4, "cost": 0.25}}
    told = billed(answer)
    assert told is not None
    assert Prices("nobody-knows", ROUTER).usage(told).usd == 0.25


def test_a_model_without_a_price_has_none() -> None:
    assert Prices("nobody-knows", OPENAI).usd(Billed(1, 1)) is None
    assert Prices("gpt-4o", "http://localhost:8000/v1").usd(Billed(1, 1)) is None


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("http://127.0.0.1:8080/v1", True),
        ("http://[::1]:8080/v1", True),
        ("http://192.168.1.4/v1", True),
        ("http://localhost:11434/v1", True),
        ("http://gpu.local/v1", True),
        ("https://api.openai.com/v1", False),
        ("https://8.8.8.8/v1", False),
    ],
)
def test_private_endpoints_bill_nobody(url: str, private: bool) -> None:
    assert is_private(url) is private


def test_usage_is_read_from_either_api() -> None:
    chat = {
        "prompt_tokens": 10,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 4},
    }
    responses = {
        "input_tokens": 10,
        "output_tokens": 2,
        "input_tokens_details": {"cached_tokens": 4},
    }
    assert billed({"usage": chat}) == billed({"usage": responses}) == Billed(10, 2, 4)
    assert billed({"usage": {"prompt_tokens": 5, "prompt_cache_hit_tokens": 3}}) == Billed(5, 0, 3)
    assert billed({}) is None
