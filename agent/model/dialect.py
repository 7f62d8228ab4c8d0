"""Which optional parts of a request a server takes: learnt from what it refuses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from agent.model.wire import Body

OTHER_NAMES = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
}
OPTIONAL = (
    "temperature", "seed", "n", "max_tokens", "max_completion_tokens", "max_output_tokens",
    "stop", "include", "store",
)  # fmt: skip
"""Parts without which the request still asks the same; a grammar is not one of them."""


@dataclass(frozen=True)
class Dialect:
    """`renamed` parts go by another name, `dropped` ones are left out."""

    renamed: dict[str, str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()

    def spoken(self, body: Body) -> Body:
        """Return the request as the server takes it."""
        named = {self.renamed.get(name, name): value for name, value in body.items()}
        left = {name: value for name, value in named.items() if name not in self.dropped}
        if "fields" not in self.dropped:
            return left
        messages = [_standard(message) for message in left.get("messages", ())]
        return {**left, "messages": messages}

    def after(self, text: str, parameter: str, body: Body) -> Dialect | None:
        """Return what a refusal teaches, None when it is about something else.

        `parameter` is what the server names; without it, its words are searched.
        """
        name = self._named(text, parameter, body)
        if name is None:
            return None
        other = OTHER_NAMES.get(name)
        original = next((old for old, new in self.renamed.items() if new == name), name)
        if other and other in text and original not in self.renamed:
            return replace(self, renamed={**self.renamed, name: other})
        return replace(self, dropped=(*self.dropped, name))

    def _named(self, text: str, parameter: str, body: Body) -> str | None:
        sent = [name for name in OPTIONAL if name in body]
        if parameter.partition("[")[0] in sent:
            return parameter.partition("[")[0]
        for name in sent:
            if re.search(rf"(?<![\w]){name}(?![\w])", text):
                return name
        extra = {key for message in body.get("messages", ()) for key in message}
        unknown = extra - STANDARD_FIELDS
        if "fields" not in self.dropped and any(name in f"{text} {parameter}" for name in unknown):
            return "fields"
        return None


STANDARD_FIELDS = {"role", "content", "tool_calls", "tool_call_id"}


def _standard(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name in STANDARD_FIELDS}
