"""A model that says what it was told to: a prepared list, or what a recorded run said.

A script is a JSON object: conversation name -> list of replies. Conversations are `reproduce` and
`attempt-1`, `attempt-2`, …; a reply is a string, or an object with `content` and `tool_calls`
(`name`, `arguments` as an object).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from agent.model.protocol import Capabilities, Replies
from agent.recording import load_task
from agent.records import Call, Message, Usage
from tools.base import EpisodeOver, ToolCall, UserError

FORM = 'a JSON object such as {"attempt-1": [{"tool_calls": [{"name": "bash", "arguments": {}}]}]}'


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ScriptedCall:
    """One tool call of a script."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ScriptedReply:
    """One reply of a script."""

    content: str = ""
    tool_calls: tuple[ScriptedCall, ...] = ()


Script = Annotated[dict[str, list[ScriptedReply | str]], "conversation -> replies"]


class ScriptedModel:
    """Gives the replies of each conversation in order, counted by the answers already in it.

    It keeps no place of its own, so an attempt that is started again hears the same replies.
    """

    capabilities = Capabilities(prepared=True)
    opening = Usage()

    def __init__(self, name: str, conversations: Mapping[str, Sequence[Message]]) -> None:
        self.name = name
        self._conversations = conversations

    @property
    def attempts(self) -> int:
        """How many attempts the script has replies for."""
        return sum(name.startswith("attempt-") for name in self._conversations)

    def cost(self, prompt: int, completion: int) -> float | None:
        """Return None: prepared replies have no price."""
        return None

    def reply(
        self,
        messages: Sequence[Message],
        tools: Sequence[dict[str, Any]] = (),
        *,
        n: int = 1,
        temperature: float = 0.0,
        seed: int | None = None,
        grammar: str | None = None,
        max_tokens: int | None = None,
        seconds: float | None = None,
        conversation: str = "",
    ) -> Replies:
        """Return the next reply of the conversation; EpisodeOver when the script has ended."""
        said = sum(message.role == "assistant" for message in messages)
        replies = self._conversations.get(conversation, ())
        if said >= len(replies):
            raise EpisodeOver("no_reply", f"the script has no more replies for {conversation}")
        return Replies((replies[said],) * n)


def load(path: Path) -> ScriptedModel:
    """Read a script, or the folder of a recorded task; raises UserError."""
    if path.is_dir():
        recorded = load_task(path)
        conversations = {
            f"attempt-{one.number}": [call.replies[0] for call in one.calls]
            for one in recorded.attempts
        }
        for event in recorded.shared:
            if isinstance(event, Call):
                conversations.setdefault(event.conversation, []).append(event.replies[0])
        return ScriptedModel(f"scripted:{path.name}", conversations)
    try:
        script = TypeAdapter(Script).validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(
            f"cannot read the script {path}: {error.strerror}", f"give {FORM}"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"the script {path} is wrong at {where}: {first['msg']}", f"write {FORM}"
        ) from error
    return ScriptedModel(
        f"scripted:{path.name}",
        {name: [_message(reply) for reply in replies] for name, replies in script.items()},
    )


def _message(reply: ScriptedReply | str) -> Message:
    if isinstance(reply, str):
        return Message("", "assistant", reply)
    calls = tuple(
        ToolCall(f"call-{number}", call.name, json.dumps(call.arguments))
        for number, call in enumerate(reply.tool_calls, 1)
    )
    return Message("", "assistant", reply.content, calls)
