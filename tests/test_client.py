"""What a server can do to us, and what comes of it: outcome, retries and money."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from agent.errors import ModelLost, UserError
from agent.messages import Message, Sampling, Usage
from agent.model.chat import Chat
from agent.model.client import Connection
from agent.model.endpoint import ServedModel
from agent.model.failures import Refused, retry_after
from agent.model.pricing import Prices
from agent.model.protocol import Capabilities, ContextOverflow, Replies, Request
from tests.stub_server import (
    USD,
    Stub,
    cut_in_the_middle,
    empty,
    fails,
    hang_up,
    malformed,
    says,
    serving,
    stall,
)

OPEN: list[Connection] = []
HELLO = Request([Message("m0", "user", "hello")])


@pytest.fixture
def stub() -> Iterator[Stub]:
    with serving(Stub(lambda name, said: {"content": "good day"})) as running:
        yield running
        for connection in OPEN:
            connection.close()
        OPEN.clear()


def model(stub: Stub, **more: Any) -> ServedModel:
    heard: list[str] = []
    connection = Connection(stub.url, "sk-test", heard.append, first_wait=0.01)
    OPEN.append(connection)
    prices = Prices("stub", stub.url, USD)
    made = ServedModel("stub", "stub", connection, Chat(), prices, **more)
    vars(made)["heard"] = heard
    return made


def assert_counts_equal(usage: Usage, stub: Stub) -> None:
    assert (usage.prompt, usage.completion, usage.cached) == (
        stub.prompt,
        stub.completion,
        stub.cached,
    )
    assert usage.usd == pytest.approx(stub.usd, abs=1e-12)


def ask(stub: Stub, **more: Any) -> Replies:
    return model(stub, **more).reply(HELLO)


@pytest.mark.parametrize(
    "fault",
    [
        fails(429, "slow down", {"Retry-After": "0"}),
        fails(429, "slow down", {"retry-after-ms": "20"}),
        fails(500, "oops"),
        fails(502, "bad gateway"),
        fails(503, "loading the model"),
        fails(529, "overloaded"),
        fails(408, "too slow"),
        hang_up,
        cut_in_the_middle,
        malformed,
        empty,
        says({"error": {"message": "upstream", "code": 502}}),
    ],
)
def test_what_passes_is_asked_again_and_paid_exactly(stub: Stub, fault: Any) -> None:
    stub.faults = [fault, fault]
    replies = ask(stub)

    assert replies.messages[0].content == "good day"
    assert len(stub.requests) == 3
    assert_counts_equal(replies.usage, stub)


def test_a_request_that_stalls_is_given_up_and_asked_again(stub: Stub) -> None:
    stub.faults = [stall]
    replies = ask(stub, request_seconds=1.0)

    assert replies.messages[0].content == "good day"
    assert_counts_equal(replies.usage, stub)


def test_a_server_says_how_long_to_wait(stub: Stub) -> None:
    stub.faults = [fails(429, "slow down", {"Retry-After": "1"})]
    started = time.monotonic()
    asked = model(stub)
    asked.reply(HELLO)

    assert time.monotonic() - started >= 1.0
    assert vars(asked)["heard"] == ["the rate limit is reached (slow down); trying again in 1 s"]
    assert retry_after({"retry-after-ms": "1500"}) == 1.5
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) is None


def test_a_wait_longer_than_the_time_left_ends_at_once(stub: Stub) -> None:
    stub.faults = [fails(429, "slow down", {"Retry-After": "3600"})]
    with pytest.raises(ModelLost) as lost:
        model(stub).reply(replace(HELLO, seconds=5.0))

    assert lost.value.too_late
    assert len(stub.requests) == 1


@pytest.mark.parametrize("fault", [cut_in_the_middle, malformed, empty])
def test_replies_that_stay_lost_end_and_their_cost_is_told(stub: Stub, fault: Any) -> None:
    stub.faults = [fault] * 20
    with pytest.raises(ModelLost, match="does not answer") as lost:
        ask(stub)

    assert len(stub.requests) == 3
    assert lost.value.usage.prompt > 0
    if fault is empty:  # the server told what each of them cost
        assert_counts_equal(lost.value.usage, stub)


def test_a_dead_server_is_the_worlds_fault_and_costs_nothing(stub: Stub) -> None:
    asked = model(stub, tries=2)
    asked.connection.base_url = "http://127.0.0.1:9/v1"
    asked.connection.close()
    asked.connection._open()
    with pytest.raises(ModelLost, match=r"127\.0\.0\.1:9/v1 does not answer.*refused") as lost:
        asked.reply(HELLO)

    assert lost.value.usage == Usage()


def test_a_bad_key_is_the_users_to_mend_and_never_asked_again(stub: Stub) -> None:
    stub.faults = [fails(401, "Incorrect API key provided")]
    with pytest.raises(UserError, match="refused the key"):
        ask(stub)

    assert len(stub.requests) == 1


def test_a_key_that_stops_working_is_not_the_users_words(stub: Stub) -> None:
    stub.faults = [None, fails(401, "revoked")]
    asked = model(stub)
    asked.reply(HELLO)
    with pytest.raises(ModelLost, match="refused the key"):
        asked.reply(HELLO)

    assert len(stub.requests) == 2


def test_an_empty_account_is_not_asked_again(stub: Stub) -> None:
    stub.faults = [fails(429, "You exceeded your quota", code="insufficient_quota")]
    with pytest.raises(ModelLost, match="no credit left"):
        ask(stub)

    assert len(stub.requests) == 1


def test_an_unknown_model_is_the_users_to_mend(stub: Stub) -> None:
    stub.models = ("another",)
    with pytest.raises(UserError, match="has no model 'stub'"):
        ask(stub)


@pytest.mark.parametrize(
    ("message", "more", "tokens", "limit"),
    [
        (
            "This model's maximum context length is 8192 tokens. However, your messages resulted "
            "in 9,001 tokens.",
            {"code": "context_length_exceeded"},
            9001,
            8192,
        ),
        (
            "request (20030 tokens) exceeds the available context size (16384 tokens)",
            {"type": "exceed_context_size_error", "n_prompt_tokens": 20030, "n_ctx": 16384},
            20030,
            16384,
        ),
        ("prompt is too long", {}, None, None),
        ("prompt is too long: 210000 tokens > 200000 maximum", {}, 210_000, 200_000),
        (
            "This model's maximum context length is 65536 tokens. However, you requested 70000 "
            "tokens (62000 in the messages, 8000 in the completion).",
            {},
            70_000,
            65_536,
        ),
        (
            "The input token count (1200000) exceeds the maximum number of tokens allowed "
            "(1048576).",
            {},
            1_200_000,
            1_048_576,
        ),
    ],
)
def test_too_long_a_request_is_told_with_its_sizes(
    stub: Stub, message: str, more: dict[str, Any], tokens: int | None, limit: int | None
) -> None:
    stub.faults = [fails(400, message, **more)]
    with pytest.raises(ContextOverflow) as overflow:
        ask(stub)

    assert (overflow.value.tokens, overflow.value.limit) == (tokens, limit)


@pytest.mark.parametrize(
    "body",
    [
        [{"error": {"code": 400, "message": "no such thing as seed"}}],
        {"error": "no such thing as seed"},
        {"detail": "no such thing as seed"},
        {"error": {"message": "provider", "metadata": {"raw": "no such thing as seed"}}},
        "no such thing as seed",
    ],
)
def test_what_a_server_says_is_read_whatever_its_shape(stub: Stub, body: Any) -> None:
    def fault(handler: Any, stub: Stub, request: Any) -> bool:
        handler.send(400, body)
        return True

    stub.faults = [fault]
    replies = model(stub).reply(replace(HELLO, sampling=Sampling(seed=1)))
    assert replies.messages[0].content == "good day"
    assert "seed" not in stub.requests[-1][1]


def test_a_server_that_drips_is_given_up(stub: Stub) -> None:
    def drip(handler: Any, stub: Stub, request: Any) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        with suppress(OSError):
            for _ in range(1000):
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.05)
        handler.close_connection = True
        return True

    stub.faults = [drip] * 9
    started = time.monotonic()
    with pytest.raises(ModelLost) as lost:
        model(stub, request_seconds=1.0).reply(replace(HELLO, seconds=3.0))
    assert time.monotonic() - started < 12
    assert lost.value.too_late


def test_what_was_lost_before_a_refusal_is_counted(stub: Stub) -> None:
    stub.faults = [cut_in_the_middle, fails(400, "unknown parameter 'seed'")]
    replies = model(stub).reply(replace(HELLO, sampling=Sampling(seed=1)))
    assert replies.usage.prompt == pytest.approx(stub.prompt, abs=10)
    stub.faults = [cut_in_the_middle, fails(401, "revoked")]
    asked = model(stub)
    asked._answered = True
    with pytest.raises(ModelLost) as lost:
        asked.reply(HELLO)
    assert lost.value.usage.prompt > 0


def test_a_budget_for_one_reply_is_not_spent_on_three(stub: Stub) -> None:
    stub.faults = [cut_in_the_middle] * 9
    with pytest.raises(ModelLost):
        model(stub).reply(replace(HELLO, spare=1))
    assert len(stub.requests) == 1


def test_n_replies_come_in_one_request_or_in_n(stub: Stub) -> None:
    one = model(stub, tries=1)
    together = one.reply(replace(HELLO, sampling=Sampling(3, seed=5)))
    assert [request["seed"] for _, request in stub.requests] == [5, 6, 7]
    assert len(together.messages) == 3
    assert_counts_equal(together.usage, stub)
    able = replace(one, capabilities=Capabilities(several=True))
    stub.requests.clear()
    assert len(able.reply(replace(HELLO, sampling=Sampling(6, seed=5))).messages) == 6
    assert [request["n"] for _, request in stub.requests if "n" in request] == [4, 2]
    assert [request["seed"] for _, request in stub.requests] == [5, 9]


def test_replies_that_came_before_the_server_failed_are_kept(stub: Stub) -> None:
    able = replace(model(stub, tries=1), capabilities=Capabilities(several=True))
    stub.faults = [None, fails(503, "overloaded")]
    got = able.reply(replace(HELLO, sampling=Sampling(6)))
    assert len(got.messages) == 4
    assert_counts_equal(got.usage, stub)
    stub.faults = [fails(503, "overloaded")]
    with pytest.raises(ModelLost):
        able.reply(replace(HELLO, sampling=Sampling(6)))


def test_the_key_goes_nowhere_but_into_the_header(stub: Stub) -> None:
    ask(stub)
    assert stub.keys == ["Bearer sk-test"]
    stub.faults = [fails(400, "your key sk-secret-000000 may not do this")]
    connection = Connection(stub.url, "sk-secret-000000", first_wait=0)
    OPEN.append(connection)
    with pytest.raises(Refused) as refused:
        connection.post("/chat/completions", {})
    assert str(refused.value) == "your key [key] may not do this"
    assert "sk-secret" not in repr(connection)
