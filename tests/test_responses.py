"""The Responses API: items out, items in, reasoning kept."""

from __future__ import annotations

from typing import Any

from agent.messages import Message, Sampling
from agent.model.protocol import Request
from agent.model.responses import ENCRYPTED, Responses
from tools.base import ToolCall

TOOL = {"type": "function", "function": {"name": "bash", "description": "d", "parameters": {}}}
REASONING = {"type": "reasoning", "id": "rs_1", "encrypted_content": "opaque==", "summary": []}
CALL = {"type": "function_call", "call_id": "c1", "name": "bash", "arguments": "{}", "id": "fc_1"}


def text(words: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": words, "annotations": []}
    return {"type": "message", "role": "assistant", "id": "msg_1", "content": [part]}


def test_reasoning_and_calls_go_back_as_they_came() -> None:
    items = [REASONING, text("so"), CALL]
    reply = Responses().messages({"output": items}, ())[0]
    assert (reply.content, reply.tool_calls) == ("so", (ToolCall("c1", "bash", "{}"),))

    talk = [
        Message("m0", "system", "s"),
        Message("m1", "user", "u"),
        reply,
        Message("m3", "tool", "seen", tool_call_id="c1"),
    ]
    body = Responses().body(Request(talk, [TOOL], Sampling(temperature=0.2), 50))
    assert body["input"] == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u"},
        *items,
        {"type": "function_call_output", "call_id": "c1", "output": "seen"},
    ]
    assert body["tools"] == [
        {"type": "function", "strict": False, "name": "bash", "description": "d", "parameters": {}}
    ]
    assert (body["store"], body["include"], body["max_output_tokens"]) == (False, [ENCRYPTED], 50)


def test_a_reply_of_another_model_is_sent_as_items() -> None:
    reply = Message("m", "assistant", "so", (ToolCall("c", "bash", "{}"),))
    assert Responses().body(Request([reply], (), Sampling()))["input"] == [
        {"role": "assistant", "content": "so"},
        {"type": "function_call", "call_id": "c", "name": "bash", "arguments": "{}"},
    ]


def test_a_reply_that_only_thought_is_cut_and_not_sent_back() -> None:
    answer = {"output": [REASONING], "incomplete_details": {"reason": "max_output_tokens"}}
    reply = Responses().messages(answer, ())[0]
    assert reply.finish == "length"
    assert Responses().body(Request([reply], (), Sampling()))["input"] == []


def test_a_refusal_is_told() -> None:
    item = {"type": "message", "content": [{"type": "refusal", "refusal": "I cannot"}]}
    reply = Responses().messages({"output": [item]}, ())[0]
    assert (reply.content, reply.finish) == ("I cannot", "refusal")


def test_nothing_in_it_is_no_reply() -> None:
    assert Responses().messages({"output": []}, ()) == ()
    assert Responses().messages({}, ()) == ()
