"""Records as bytes and back: JSON in UTF-8, and the lines that logs are made of."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent.errors import UserError
from agent.events import End, Event, Header
from agent.records import Call, Message, adapter
from tools.base import Observation

KINDS: dict[str, type[Any]] = {
    "header": Header,
    "message": Message,
    "call": Call,
    "observation": Observation,
    "end": End,
}
NAMES = {kind: name for name, kind in KINDS.items()}


def line_of(event: Event) -> dict[str, Any]:
    """Return an event as a line of a log holds it: its kind, then its fields.

    The kind is added here and not by a callback of the converter, in which an exception that a
    signal raises would be lost.
    """
    kind: Any = type(event)
    return {"kind": NAMES[kind], **adapter(kind).dump_python(event)}


def event_of(line: bytes, origin: str) -> Event:
    """Return the event of a log's line; raises UserError that names `origin`."""
    fields = decode(dict[str, Any], line, origin)
    kind = fields.pop("kind", None)
    if kind not in KINDS:
        raise _unreadable(origin, f"{kind!r} is no kind of event")
    event: Event = _checked(KINDS[kind], fields, origin)
    return event


def encode(kind: Any, value: Any, *, indent: int | None = None) -> bytes:
    """Return a record as UTF-8 JSON that `decode` gives back equal, lone surrogates included."""
    return as_json(adapter(kind).dump_python(value), indent=indent)


def as_json(plain: Any, *, indent: int | None = None) -> bytes:
    """Return plain values as UTF-8 JSON that ends in a line feed."""
    separators = None if indent else (",", ":")
    text = json.dumps(
        plain, ensure_ascii=False, indent=indent, separators=separators, default=_as_text
    )
    # A lone surrogate has no UTF-8; backslashreplace writes the escape that JSON has for it.
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


def decode(kind: Any, data: bytes, origin: str) -> Any:
    """Return the record that `data` holds; raises UserError that names `origin`."""
    try:
        plain = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _unreadable(origin, f"not JSON ({error})") from error
    return _checked(kind, plain, origin)


def _checked(kind: Any, plain: Any, origin: str) -> Any:
    try:
        return adapter(kind).validate_python(plain)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "it"
        raise _unreadable(origin, f"{place}: {first['msg']}") from error


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
