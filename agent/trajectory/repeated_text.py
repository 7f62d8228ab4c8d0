"""Long texts that stand in a task's logs more than once: written once, pointed at from then on.

Attempts are often told the same and answer the same. In place of a text that an earlier line holds,
a line has `{"$at": "attempt-1:7:content"}`: the log, the line counted from 1, and the field.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

POINTER = "$at"
LONG = 200
"""Characters from which on a text is worth a pointer."""


def long_texts(value: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """Yield the field and the text of each long text in a line's values."""
    if isinstance(value, str):
        if len(value) >= LONG:
            yield field, value
    elif isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            if "." not in str(key):  # it would part the field's name
                yield from long_texts(item, f"{field}.{key}" if field else str(key))


class WrittenTexts:
    """Where in a task's logs each long text stands that was written so far."""

    def __init__(self) -> None:
        self._places: dict[str, str] = {}

    def shortened(self, value: Any) -> Any:
        """Return a line's values with pointers in place of texts that earlier lines hold."""
        if isinstance(value, str):
            place = self._places.get(value) if len(value) >= LONG else None
            return value if place is None else {POINTER: place}
        if isinstance(value, dict):
            inner = {key: self.shortened(item) for key, item in value.items()}
            # What looks like a pointer and is none stands in a list, so that it reads as it was.
            return {POINTER: [inner[POINTER]]} if inner.keys() == {POINTER} else inner
        return [self.shortened(item) for item in value] if isinstance(value, list) else value

    def note(self, values: Any, line: str) -> None:
        """Note which long texts stand in a line that was written, such as `attempt-1:7`."""
        for field, text in long_texts(values):
            self._places.setdefault(text, f"{line}:{field}")


class LogTexts:
    """Finds the texts that pointers in a folder's logs mean; what is read is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: dict[str, list[bytes]] = {}

    def __call__(self, pointer: str) -> str:
        """Return the text at a pointer; one that is lost stands there as that."""
        try:
            name, number, field = pointer.split(":", 2)
            if int(number) >= len(self._lines.get(name, ())):  # not read yet, or it has grown
                self._lines[name] = (self._folder / f"{name}.jsonl").read_bytes().split(b"\n")
            value = json.loads(self._lines[name][int(number) - 1])
            for key in field.split("."):
                value = value[int(key)] if isinstance(value, list) else value[key]
            return str(value)
        except (OSError, ValueError, LookupError, TypeError):
            return f"[this text stood at {pointer}, which cannot be read]"


def restored(value: Any, text_at: Callable[[str], str]) -> Any:
    """Return a line's values with the texts that its pointers mean."""
    if isinstance(value, dict):
        if value.keys() == {POINTER}:
            pointer = value[POINTER]
            if isinstance(pointer, str):
                return text_at(pointer)
            if isinstance(pointer, list) and len(pointer) == 1:
                return {POINTER: restored(pointer[0], text_at)}
        return {key: restored(item, text_at) for key, item in value.items()}
    return [restored(item, text_at) for item in value] if isinstance(value, list) else value
