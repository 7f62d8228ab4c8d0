"""Raw completions: a prompt goes on, without turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.model.adapter import Body, sampled, without_nothing
from agent.model.chat import FINISH
from agent.model.protocol import Request
from agent.records import Message


class Completions:
    """POST /completions; the prompt is the text of the one message."""

    path = "/completions"

    def body(self, request: Request) -> Body:
        """Return the request."""
        return without_nothing({"prompt": request.messages[0].content, **sampled(request)})

    def messages(self, answer: Body, tools: Sequence[Body]) -> tuple[Message, ...]:
        """Return the completions; one that is empty is an answer too."""
        choices = [one for one in answer.get("choices") or () if isinstance(one, Mapping)]
        return tuple(
            Message(
                "",
                "assistant",
                str(one.get("text") or ""),
                finish=FINISH.get(str(one.get("finish_reason"))),
            )
            for one in choices
        )
