"""Records as bytes and back: JSON in UTF-8, and the lines that logs are made of.

msgspec checks and makes them: a program that shows a record spends no time on building checks.
"""

from __future__ import annotations

import json
import re
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from agent.errors import UserError
from agent.messages import Message
from agent.records import Candidate, Reproduction
from agent.trajectory.events import (
    Action,
    End,
    Event,
    Header,
    Locations,
    Note,
    Outcome,
    Step,
)

KINDS: dict[str, type[Any]] = {
    "header": Header,
    "message": Message,
    "step": Step,
    "action": Action,
    "outcome": Outcome,
    "note": Note,
    "locations": Locations,
    "reproduction": Reproduction,
    "candidate": Candidate,
    "end": End,
}
NAMES = {kind: name for name, kind in KINDS.items()}

MISSING_FIELD = re.compile("Object missing required field `(.+)`")


def line_of(event: Event) -> dict[str, Any]:
    """Return an event as a line of a log holds it: its kind, then the fields that are set.

    A field that has its default value is left out, and so is a candidate's patch, which is a file
    of its own.
    """
    kind: Any = type(event)
    line = {"kind": NAMES[kind], **_set_fields(event)}
    if isinstance(event, Candidate):
        del line["patch"]
    return line


def _set_fields(value: Any) -> Any:
    """Return plain values, of records only the fields that differ from their defaults."""
    if isinstance(value, tuple):
        return [_set_fields(item) for item in value]
    if not is_dataclass(value):
        return plain(value)
    known = {field.name: getattr(value, field.name) for field in fields(value)}
    defaults = {field.name: _default(field) for field in fields(value)}
    return {name: _set_fields(item) for name, item in known.items() if item != defaults[name]}


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def event_of(line: bytes, origin: str) -> Event:
    """Return the event of a log's line; raises UserError that names `origin`."""
    return event_from(decode(dict[str, Any], line, origin), origin)


def event_from(values: dict[str, Any], origin: str) -> Event:
    """Return the event that plain values make; raises UserError that names `origin`."""
    kind = values.get("kind")
    if kind not in KINDS:
        raise _unreadable(origin, f"{kind!r} is no kind of event")
    known = {name: value for name, value in values.items() if name != "kind"}
    if kind == "candidate":
        known.setdefault("patch", "")  # it stands in a file of its own
    event: Event = record_from(KINDS[kind], known, origin)
    return event


def plain(record: Any) -> Any:
    """Return records as dictionaries, lists and other plain values; dates and paths stay."""
    return msgspec.to_builtins(record, builtin_types=(datetime, type(Path())))


def made(kind: Any, values: Any, *, strict: bool = True) -> Any:
    """Return the record that plain values make; raises ValueError that says where they are wrong.

    Not `strict` takes what means the same: the text of a number for it, 5.0 for 5.
    """
    try:
        return msgspec.convert(values, kind, strict=strict)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at `$")
        place = place.rstrip("`")
        if missing := MISSING_FIELD.fullmatch(problem):
            place, problem = f"{place}.{missing[1]}", "it is missing"
        raise ValueError(f"{place.lstrip('.') or 'it'}: {problem.replace('`', '')}") from error
    except UnicodeEncodeError as error:
        raise ValueError(f"it: a name is no text ({error.reason})") from error


def encode(value: Any, *, indent: int | None = None) -> bytes:
    """Return a record as UTF-8 JSON that `decode` gives back equal, lone surrogates included."""
    return as_json(plain(value), indent=indent)


def as_json(values: Any, *, indent: int | None = None) -> bytes:
    """Return plain values as UTF-8 JSON that ends in a line feed."""
    separators = None if indent else (",", ":")
    text = json.dumps(
        values, ensure_ascii=False, indent=indent, separators=separators, default=_as_text
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
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _unreadable(origin, f"not JSON ({error})") from error
    return record_from(kind, values, origin)


def record_from(kind: Any, values: Any, origin: str) -> Any:
    """Return the record that plain values make; raises UserError that names `origin`."""
    try:
        return made(kind, values)
    except ValueError as error:
        raise _unreadable(origin, str(error)) from error


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
