"""Records as bytes and back: JSON in UTF-8, and the lines that logs are made of."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import (
    Discriminator,
    SerializerFunctionWrapHandler,
    Tag,
    ValidationError,
    WrapSerializer,
)

from agent.errors import UserError
from agent.records import Call, End, Header, Message, adapter
from tools.base import Observation

KINDS: dict[type[Any], str] = {
    Header: "header",
    Message: "message",
    Call: "call",
    Observation: "observation",
    End: "end",
}


def _kind(value: Any) -> Any:
    return value.get("kind") if isinstance(value, dict) else KINDS.get(type(value))


def _first(kind: str) -> WrapSerializer:
    def put_first(value: Any, rest: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {"kind": kind, **rest(value)}

    return WrapSerializer(put_first)


Line = Annotated[
    Annotated[Header, Tag("header"), _first("header")]
    | Annotated[Message, Tag("message"), _first("message")]
    | Annotated[Call, Tag("call"), _first("call")]
    | Annotated[Observation, Tag("observation"), _first("observation")]
    | Annotated[End, Tag("end"), _first("end")],
    Discriminator(_kind),
]
"""An event as a line of a log: its fields, and before them its kind."""


def encode(kind: Any, value: Any, *, indent: int | None = None) -> bytes:
    """Return a record as UTF-8 JSON that `decode` gives back equal, lone surrogates included."""
    return as_json(adapter(kind).dump_python(value, mode="json"), indent=indent)


def as_json(plain: Any, *, indent: int | None = None) -> bytes:
    """Return plain values as UTF-8 JSON that ends in a line feed."""
    separators = None if indent else (",", ":")
    text = json.dumps(plain, ensure_ascii=False, indent=indent, separators=separators)
    # A lone surrogate has no UTF-8; backslashreplace writes the escape that JSON has for it.
    return text.encode("utf-8", "backslashreplace") + b"\n"


def decode(kind: Any, data: bytes, origin: str) -> Any:
    """Return the record that `data` holds; raises UserError that names `origin`."""
    try:
        return adapter(kind).validate_python(json.loads(data))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "it"
        raise _unreadable(origin, f"{place}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise _unreadable(origin, f"not JSON ({error})") from error


def _unreadable(origin: str, reason: str) -> UserError:
    return UserError(
        f"cannot read {origin}: {reason}", "the file is damaged or not one of repair-agent's"
    )


def complete_lines(data: bytes) -> bytes:
    """Return `data` without a last line that a killed process left unfinished."""
    return data[: data.rfind(b"\n") + 1]


def as_bytes(text: str) -> bytes:
    """Return text as the bytes it came from: those that were no UTF-8 are lone surrogates in it."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for no byte: a model can write one
        return text.encode("utf-8", "backslashreplace")
