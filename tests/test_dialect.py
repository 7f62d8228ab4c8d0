"""What refusals teach about a server."""

from __future__ import annotations

from typing import Any

import pytest

from agent.messages import Message, Sampling
from agent.model.chat import Chat
from agent.model.client import Connection
from agent.model.dialect import Dialect
from agent.model.endpoint import ServedModel
from agent.model.pricing import Prices
from agent.model.protocol import Request
from tests.stub_server import Stub, fails, serving

BODY = {"model": "m", "messages": [], "temperature": 0.0, "seed": 1, "max_tokens": 9}


@pytest.mark.parametrize(
    ("text", "parameter", "sent"),
    [
        (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.",
            "max_tokens",
            {"temperature": 0.0, "seed": 1, "max_completion_tokens": 9},
        ),
        (
            "Unsupported value: 'temperature' does not support 0 with this model.",
            "temperature",
            {"seed": 1, "max_tokens": 9},
        ),
        ("Unrecognized request argument supplied: seed", "", {"temperature": 0.0, "max_tokens": 9}),
    ],
)
def test_a_part_that_is_refused_goes_or_is_renamed(
    text: str, parameter: str, sent: dict[str, Any]
) -> None:
    learnt = Dialect().learn(400, text, parameter, BODY)
    assert learnt is not None
    assert learnt.translate(BODY) == {"model": "m", "messages": [], **sent}


def test_what_is_not_about_a_part_teaches_nothing() -> None:
    assert Dialect().learn(400, "the model is on fire", "", BODY) is None
    assert Dialect().learn(400, "messages: must not be empty", "messages", BODY) is None


def test_a_limit_that_is_refused_under_both_names_is_not_left_out() -> None:
    once = Dialect().learn(400, "max_tokens: use max_completion_tokens", "max_tokens", BODY)
    assert once is not None
    again = "max_completion_tokens is unknown, use max_tokens"
    assert once.learn(400, again, "", once.translate(BODY)) is None


def test_a_limit_that_is_too_large_is_lowered() -> None:
    body = {**BODY, "max_tokens": 9000}
    text = "max_tokens is too large: 9000. This model supports at most 4096 completion tokens"
    learnt = Dialect().learn(400, text, "max_tokens", body)
    assert learnt is not None
    assert learnt.translate(body)["max_tokens"] == 4096
    assert learnt.translate(BODY)["max_tokens"] == 9


@pytest.mark.parametrize("status", [401, 402, 403, 500])
def test_only_a_wrong_request_teaches(status: int) -> None:
    text = "This request requires more credits, or fewer max_tokens"
    assert Dialect().learn(status, text, "", BODY) is None


def test_a_part_that_is_a_word_counts_only_where_it_is_quoted() -> None:
    body = {**BODY, "n": 2, "store": False, "stop": ["x"]}
    assert Dialect().learn(400, "stop sending n requests to the store", "", body) is None
    learnt = Dialect().learn(400, "unknown parameter 'store'", "", body)
    assert learnt is not None
    assert "store" not in learnt.translate(body)


def test_fields_that_a_server_does_not_take_back_are_left_out() -> None:
    message = {"role": "assistant", "content": "x", "reasoning_content": "y"}
    body = {"messages": [message]}
    learnt = Dialect().learn(400, "Unknown field reasoning_content", "", body)
    assert learnt is not None
    assert learnt.translate(body) == {"messages": [{"role": "assistant", "content": "x"}]}


def test_a_lesson_lasts() -> None:
    with serving(Stub(lambda name, said: {"content": "yes"})) as stub:
        stub.faults = [
            fails(400, "Use 'max_completion_tokens' instead of 'max_tokens'", param="max_tokens"),
            fails(400, "'temperature' is not supported", param="temperature"),
        ]
        connection = Connection(stub.url, "k")
        model = ServedModel("stub", "stub", connection, Chat(), Prices("stub", stub.url))
        for _ in range(2):
            model.reply(Request([Message("", "user", "hello")], (), Sampling(seed=1), 7))
        connection.close()
        sent = [set(body) - {"model", "messages"} for _, body in stub.requests]

    assert sent[-2:] == [{"seed", "max_completion_tokens"}] * 2
    assert len(sent) == 4
