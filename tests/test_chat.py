"""Chat completions: what goes out, what is read, and what comes back to the server unchanged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.messages import Message, Sampling
from agent.model.chat import NO_TEXT, Chat, incoming, outgoing
from agent.model.protocol import Request
from tools.base import ToolCall


def reply(**fields: Any) -> dict[str, Any]:
    finish = fields.pop("finish_reason", "stop")
    return {"choices": [{"message": {"role": "assistant", **fields}, "finish_reason": finish}]}


def called(*calls: dict[str, Any]) -> dict[str, Any]:
    return reply(content=None, tool_calls=list(calls))


def test_a_request_holds_what_was_asked_for_and_nothing_else() -> None:
    asked = Request([Message("m0", "user", "hi")], (), Sampling(temperature=0.5), None)
    assert Chat().body(asked) == {
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.5,
    }
    full = Chat().body(Request([], [{"type": "function"}], Sampling(3, 0.0, 7, "root ::= x"), 99))
    assert {name: full[name] for name in ("n", "seed", "grammar", "max_tokens")} == {
        "n": 3,
        "seed": 7,
        "grammar": "root ::= x",
        "max_tokens": 99,
    }


def test_parallel_calls_are_read_in_order_with_ids_of_their_own() -> None:
    answer = called(
        {"id": "a", "function": {"name": "bash", "arguments": "{}"}},
        {"id": "a", "function": {"name": "read", "arguments": {"path": "x"}}},
        {"function": {"name": "plan", "arguments": None}},
    )
    calls = Chat().messages(answer, ())[0].tool_calls
    assert [call.name for call in calls] == ["bash", "read", "plan"]
    assert len({call.id for call in calls}) == 3
    assert json.loads(calls[1].arguments) == {"path": "x"}
    assert calls[2].arguments == "{}"


def test_what_a_provider_adds_goes_back_unchanged() -> None:
    details = [{"type": "reasoning.encrypted", "data": "opaque=="}]
    answer = reply(
        content="so",
        reasoning_content="I think",
        reasoning_details=details,
        annotations=[],
        refusal=None,
        tool_calls=[
            {
                "id": "a",
                "type": "function",
                "function": {"name": "bash", "arguments": "{}"},
                "extra_content": {"google": {"thought_signature": "sig"}},
            }
        ],
    )
    back = outgoing(Chat().messages(answer, ())[0])
    sent = answer["choices"][0]["message"]
    assert back == {name: sent[name] for name in sent if name not in ("annotations", "refusal")}


@pytest.mark.parametrize("broken", ['{"a": ', "not json", "[1]", '"text"'])
def test_broken_arguments_reach_the_tools_as_they_are_and_the_server_as_json(broken: str) -> None:
    message = Chat().messages(
        called({"id": "a", "function": {"name": "b", "arguments": broken}}), ()
    )
    assert message[0].tool_calls == (ToolCall("a", "b", broken),)
    sent = outgoing(message[0])["tool_calls"][0]["function"]["arguments"]
    assert json.loads(sent) == {"invalid": broken}


def test_how_a_reply_ended_is_told() -> None:
    def finish(**fields: Any) -> str | None:
        return Chat().messages(reply(**fields), ())[0].finish

    assert finish(content="x") is None
    assert finish(content="x", finish_reason="length") == "length"
    assert finish(content=None, finish_reason="length") == "length"
    assert finish(content="", refusal="I cannot") == "refusal"
    assert finish(content="x", finish_reason="content_filter") == "refusal"
    assert Chat().messages(reply(content=None, refusal="I cannot"), ())[0].content == "I cannot"


@pytest.mark.parametrize("answer", [{}, {"choices": []}, {"choices": None}, {"choices": ["x", {}]}])
def test_an_empty_answer_holds_no_reply(answer: dict[str, Any]) -> None:
    assert Chat().messages(answer, ()) == ()


def test_a_model_that_says_nothing_has_replied() -> None:
    assert [one.content for one in Chat().messages(reply(content=""), ())] == [""]


def test_a_reply_without_text_is_sent_as_something() -> None:
    assert outgoing(Message("m", "assistant", "", finish="length"))["content"] == NO_TEXT


def test_content_in_parts_is_joined() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    found = incoming({"message": {"content": parts}})
    assert found is not None
    assert found.content == "ab"
