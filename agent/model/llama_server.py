"""What llama.cpp's server offers beyond the common API: its window, and counting tokens."""

from __future__ import annotations

from agent.model.adapter import Body
from agent.model.client import Connection
from agent.model.failures import Refused, Unanswered
from agent.model.protocol import estimate


def properties(connection: Connection) -> Body | None:
    """Return what a llama.cpp server tells of itself, None for any other server."""
    answer = connection.look(f"{connection.root}/props")
    return answer if answer and "default_generation_settings" in answer else None


def window(told: Body | None) -> int | None:
    """Return the tokens that one conversation may have, from a server's properties."""
    size = ((told or {}).get("default_generation_settings") or {}).get("n_ctx")
    return size if isinstance(size, int) else None


def count(connection: Connection, text: str) -> int:
    """Return how many tokens the model makes of a text; an estimate if the server fails."""
    try:
        answer = connection.post(f"{connection.root}/tokenize", {"content": text})
    except (Refused, Unanswered):
        return estimate(text)
    return len(answer.body.get("tokens") or ())
