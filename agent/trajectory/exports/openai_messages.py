"""What was sent to a model and what it replied, as lines of OpenAI's chat messages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from agent.conversation.context_window import shortened
from agent.errors import UserError
from agent.messages import Message
from agent.model.adapter import Body
from agent.model.chat import Chat, outgoing
from agent.model.protocol import Request, digest
from agent.trajectory.attempt import messages_of
from agent.trajectory.encoding import as_json
from agent.trajectory.events import Event, Header, Step


def openai_lines(events: Sequence[Event]) -> Iterator[str]:
    """Yield one JSON object for each conversation in a start of a log, without line feeds.

    `messages`, and `tools` where there were any, are those of a request to Chat Completions, as
    the model saw it, with the reply at the end. A conversation that another goes on from word for
    word, or repeats, is left out; of several replies to one request each is a conversation. Raises
    UserError where a message that was sent is not in the log.
    """
    conversations = list(_conversations(events))
    seen: set[bytes] = set()
    kept: list[int] = []
    for number in range(len(conversations) - 1, -1, -1):
        marks = list(_marks(conversations[number]))
        if marks[-1] not in seen:
            kept.append(number)
        seen.update(marks)
    for number in reversed(kept):
        yield as_json(conversations[number]).decode().removesuffix("\n")


def _conversations(events: Sequence[Event]) -> Iterator[Body]:
    known: dict[str, Message] = {}
    tools: list[dict[str, Any]] = []
    for event in events:
        if isinstance(event, Header):
            tools = event.tools
        if isinstance(event, Step) and event.replies:
            request = Request(_sent(event, known), (), event.sampling)
            # A narrow question is asked without the tools of its attempt.
            bare = digest(request) == event.digest
            body = Chat().body(request if bare else replace(request, tools=tools))
            offered = {"tools": body["tools"]} if "tools" in body else {}
            for reply in event.replies:
                yield {"messages": [*body["messages"], outgoing(reply)], **offered}
        known |= {message.id: message for message in messages_of([event])}


def _sent(step: Step, known: dict[str, Message]) -> list[Message]:
    missing = [one for one in step.sent if one not in known]
    if missing:
        raise UserError(
            f"request {step.id} cannot be rebuilt: message {missing[0]} is not in the log",
            "the log is damaged",
        )
    return [shortened(known[one], step.elided) for one in step.sent]


def _marks(conversation: Body) -> Iterator[bytes]:
    """Yield a mark of each beginning of a conversation, the whole one last."""
    running = hashlib.sha256(json.dumps(conversation.get("tools")).encode())
    for message in conversation["messages"]:
        running.update(json.dumps(message, sort_keys=True).encode() + b"\n")
        yield running.digest()
