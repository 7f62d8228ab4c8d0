"""Which optional parts of a request a server takes: learnt from what it refuses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from agent.model.adapter import Body

OTHER_NAMES = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
}
LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
"""Parts that bound what a reply costs: never left out, only renamed or lowered."""
OPTIONAL = (*LIMITS, "temperature", "seed", "n", "stop", "include", "store")
"""Parts without which the request still asks the same; a grammar is not one of them."""
WORDS = ("n", "stop", "include", "store")
"""Parts whose names are words, too: they count only where they are quoted."""
TEACHING = (400, 404, 422)
_MOST = re.compile(r"(?:at most|maximum(?: of)?|less than or equal to|<=|up to)\D{0,12}(\d{2,})")


@dataclass(frozen=True)
class Dialect:
    """`renamed` parts go by another name, `dropped` ones are left out, `most` bounds a reply."""

    renamed: dict[str, str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    most: int | None = None

    def translate(self, body: Body) -> Body:
        """Return the request as the server takes it."""
        named = {self.renamed.get(name, name): value for name, value in body.items()}
        left = {name: value for name, value in named.items() if name not in self.dropped}
        if self.most is not None:
            left |= {name: min(left[name], self.most) for name in LIMITS if left.get(name)}
        if "fields" not in self.dropped:
            return left
        messages = [_standard(message) for message in left.get("messages", ())]
        return {**left, "messages": messages}

    def learn(self, status: int, text: str, parameter: str, body: Body) -> Dialect | None:
        """Return what a refusal teaches, None when it is about something else.

        `parameter` is what the server names; without it, its words are searched.
        """
        name = self._named(text, parameter, body) if status in TEACHING else None
        if name is None:
            return None
        other = OTHER_NAMES.get(name)
        original = next((old for old, new in self.renamed.items() if new == name), name)
        if other and other in text and original not in self.renamed:
            return replace(self, renamed={**self.renamed, name: other})
        if name in LIMITS:
            most = _MOST.search(text)
            lower = int(most.group(1)) if most else 0
            return replace(self, most=lower) if 0 < lower < body[name] else None
        return replace(self, dropped=(*self.dropped, name))

    def _named(self, text: str, parameter: str, body: Body) -> str | None:
        sent = [name for name in OPTIONAL if name in body]
        if parameter.partition("[")[0] in sent:
            return parameter.partition("[")[0]
        for name in sent:
            around = r"['\"`]" if name in WORDS else r"\b"
            if re.search(f"{around}{name}{around}", text):
                return name
        extra = {key for message in body.get("messages", ()) for key in message}
        unknown = extra - STANDARD_FIELDS
        if "fields" not in self.dropped and any(name in f"{text} {parameter}" for name in unknown):
            return "fields"
        return None


STANDARD_FIELDS = {"role", "content", "tool_calls", "tool_call_id"}


def _standard(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name in STANDARD_FIELDS}
