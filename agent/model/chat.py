"""Chat completions: what nearly every server speaks, with native tool calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agent.messages import Finish, Message
from agent.model.adapter import Body, sampling_fields, without_nothing
from agent.model.protocol import Request
from tools.base import ToolCall

STANDARD = {"role", "content", "tool_calls", "refusal", "annotations", "audio", "function_call"}
"""Fields of a reply that are read here, or that no server takes back; all others are opaque."""
STANDARD_CALL = {"id", "type", "function", "index"}
FINISH: dict[str, Finish] = {"length": "length", "content_filter": "refusal"}
NO_TEXT = "(no text)"
"""Stands in for a reply without content, which servers do not take back."""


class Chat:
    """POST /chat/completions."""

    path = "/chat/completions"

    def body(self, request: Request) -> Body:
        """Return the request; fields that a provider added to its replies go back unchanged."""
        return without_nothing(
            {
                "messages": [outgoing(message) for message in in_turn(request.messages)],
                "tools": list(request.tools) or None,
                **sampling_fields(request),
            }
        )

    def messages(self, answer: Body, tools: Sequence[Body]) -> tuple[Message, ...]:
        """Return a message for each choice."""
        choices = answer.get("choices") or ()
        found = (incoming(choice) for choice in choices if isinstance(choice, Mapping))
        return tuple(message for message in found if message is not None)


def in_turn(messages: Sequence[Message]) -> list[Message]:
    """Return messages in which what a user says after a tool's answer is part of that answer.

    Mistral's servers refuse a user's turn there: "Unexpected role 'user' after role 'tool'".
    """
    return join(messages, lambda last, one: (last.role, one.role) == ("tool", "user"))


def join(
    messages: Iterable[Message], together: Callable[[Message, Message], bool]
) -> list[Message]:
    """Return messages with the text of each that belongs `together` with the last put into it."""
    found: list[Message] = []
    for message in messages:
        if found and together(found[-1], message):
            found[-1] = replace(found[-1], content=f"{found[-1].content}\n\n{message.content}")
        else:
            found.append(message)
    return found


def outgoing(message: Message) -> Body:
    """Return a message as the API takes it."""
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.content}
    if message.role != "assistant":
        return {"role": message.role, "content": message.content}
    extras = message.opaque.get("calls", {})
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": sendable(call.arguments)},
            **extras.get(call.id, {}),
        }
        for call in message.tool_calls
    ]
    content = message.content or (None if calls else NO_TEXT)
    fields = {"role": "assistant", "content": content, **message.opaque.get("fields", {})}
    return {**fields, "tool_calls": calls} if calls else fields


def sendable(arguments: str) -> str:
    """Return a call's arguments as JSON: servers that render them fail on anything else."""
    try:
        plain = json.loads(arguments or "{}")
    except ValueError:
        plain = None
    return (arguments or "{}") if isinstance(plain, dict) else json.dumps({"invalid": arguments})


def incoming(choice: Mapping[str, Any]) -> Message | None:
    """Read one choice, None when it has no message; one that says nothing is a reply, too."""
    raw = choice.get("message")
    if not isinstance(raw, Mapping):
        return None
    found = calls(raw.get("tool_calls") or ())
    refusal = raw.get("refusal")
    text = raw.get("content")
    content = text if isinstance(text, str) else parts(text)
    finish = "refusal" if refusal else FINISH.get(str(choice.get("finish_reason")))
    fields = {k: v for k, v in raw.items() if k not in STANDARD and v not in (None, [], "")}
    extra = {
        call.id: more
        for call, given in found
        if (more := {k: v for k, v in given.items() if k not in STANDARD_CALL and v is not None})
    }
    opaque = {**({"fields": fields} if fields else {}), **({"calls": extra} if extra else {})}
    return Message(
        "",
        "assistant",
        content or str(refusal or ""),
        tuple(call for call, _ in found),
        opaque=opaque,
        finish=finish,
    )


def calls(given: Sequence[Any]) -> list[tuple[ToolCall, Mapping[str, Any]]]:
    """Read tool calls with what they came from; a missing or repeated id is replaced."""
    found: list[tuple[ToolCall, Mapping[str, Any]]] = []
    for number, one in enumerate(item for item in given if isinstance(item, Mapping)):
        given_function = one.get("function")
        function = given_function if isinstance(given_function, Mapping) else {}
        arguments = function.get("arguments")
        text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
        identity = str(one.get("id") or "")
        if not identity or any(call.id == identity for call, _ in found):
            identity = f"call-{number + 1}"
        found.append((ToolCall(identity, str(function.get("name") or ""), text), one))
    return found


def parts(content: Any) -> str:
    """Join content that came as a list of parts."""
    if not isinstance(content, Sequence):
        return ""
    return "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
