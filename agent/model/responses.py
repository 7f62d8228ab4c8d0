"""The Responses API: for models that are served only there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent.messages import Finish, Message
from agent.model.adapter import Body, without_nothing
from agent.model.chat import sendable
from agent.model.protocol import Request
from tools.base import ToolCall

FINISH: dict[str, Finish] = {"max_output_tokens": "length", "content_filter": "refusal"}
ENCRYPTED = "reasoning.encrypted_content"


class Responses:
    """POST /responses, without storage at the provider: the conversation is sent each time."""

    path = "/responses"

    def body(self, request: Request) -> Body:
        """Return the request; the items of earlier replies go back as they came."""
        return without_nothing(
            {
                "input": [item for message in request.messages for item in outgoing(message)],
                "tools": [
                    {"type": "function", "strict": False, **t["function"]} for t in request.tools
                ]
                or None,
                "temperature": request.sampling.temperature,
                "max_output_tokens": request.max_tokens,
                "store": False,
                "include": [ENCRYPTED],
            }
        )

    def messages(self, answer: Body, tools: Sequence[Body]) -> tuple[Message, ...]:
        """Return the one reply."""
        items = [item for item in answer.get("output") or () if isinstance(item, Mapping)]
        texts = [part for item in items if item.get("type") == "message" for part in _parts(item)]
        found = tuple(_call(item) for item in items if item.get("type") == "function_call")
        refusals = [part["refusal"] for part in texts if part.get("refusal")]
        content = "".join(str(part.get("text") or "") for part in texts)
        reason = (answer.get("incomplete_details") or {}).get("reason")
        finish = "refusal" if refusals else FINISH.get(str(reason))
        if not items and not finish:
            return ()
        # Reasoning that nothing followed is not taken back.
        opaque = {"output": items} if content or found or refusals else {}
        return (
            Message("", "assistant", content or "".join(refusals), found, None, opaque, finish),
        )


def outgoing(message: Message) -> list[Body]:
    """Return a message as items."""
    if message.role == "tool":
        return [
            {
                "type": "function_call_output",
                "call_id": message.tool_call_id,
                "output": message.content,
            }
        ]
    if message.role != "assistant":
        return [{"role": message.role, "content": message.content}]
    if message.opaque.get("output"):
        return [dict(item) for item in message.opaque["output"]]
    said = [{"role": "assistant", "content": message.content}] if message.content else []
    calls = [
        {
            "type": "function_call",
            "call_id": call.id,
            "name": call.name,
            "arguments": sendable(call.arguments),
        }
        for call in message.tool_calls
    ]
    return [*said, *calls]


def _parts(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [part for part in item.get("content") or () if isinstance(part, Mapping)]


def _call(item: Mapping[str, Any]) -> ToolCall:
    return ToolCall(
        str(item.get("call_id") or item.get("id") or ""),
        str(item.get("name") or ""),
        str(item.get("arguments") or ""),
    )
