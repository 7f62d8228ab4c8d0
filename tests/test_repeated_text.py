"""Long texts are written once in a task's logs, and read as if each line had them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.messages import Message
from agent.trajectory.attempt import Attempt
from agent.trajectory.events import Event, Outcome, Step
from agent.trajectory.indexed_log import IndexedLog
from agent.trajectory.reader import read_events, read_log
from agent.trajectory.repeated_text import LONG, LogTexts, WrittenTexts, restored
from agent.trajectory.task_log import TaskLog
from tests.recorded import EVENTS, HEADER

STEP = replace(next(event for event in EVENTS if isinstance(event, Step)), elided={})

PROMPT = "a prompt that each attempt is given\n" * 20


def write(folder: Path, name: str, *events: Event) -> list[dict[str, Any]]:
    """Append events to a log that another start may have begun; return its lines."""
    with read_log(folder).open(name) as log:
        for event in events:
            log.append(event)
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def test_what_attempts_are_told_alike_is_written_once(tmp_path: Path) -> None:
    log = TaskLog(tmp_path)
    told, output = (
        Message("m0", "user", PROMPT),
        Outcome(action="t1", text="x" * LONG, message="m2"),
    )
    for name in ("attempt-1", "attempt-2"):
        with log.open(name) as file:
            for event in (HEADER, told, STEP, output):
                file.append(event)

    first, second = (tmp_path / f"attempt-{number}.jsonl" for number in (1, 2))
    assert b"a prompt that" in first.read_bytes()
    assert b"a prompt" not in second.read_bytes()
    assert second.stat().st_size < first.stat().st_size - len(PROMPT)
    assert read_events(first)[1:] == read_events(second)[1:] == (told, STEP, output)
    index = IndexedLog(second)
    assert index.turn(1).acts == Attempt(1, read_events(first)).turns[0].acts
    assert [one.content for one in index.sent(1)] == [PROMPT]


def test_a_later_start_points_at_lines_by_their_number_in_the_file(tmp_path: Path) -> None:
    write(tmp_path, "attempt-1", HEADER, Message("m0", "user", "short"))
    lines = write(
        tmp_path, "attempt-1", HEADER, *(Message(f"m{n}", "user", PROMPT) for n in (0, 1))
    )
    assert [line.get("content") for line in lines[3:]] == [PROMPT, {"$at": "attempt-1:4:content"}]
    texts = list(read_events(tmp_path / "attempt-1.jsonl")[3:])
    assert texts == [Message(f"m{n}", "user", PROMPT) for n in (0, 1)]


def test_a_text_that_is_lost_is_named(tmp_path: Path) -> None:
    text = LogTexts(tmp_path)("attempt-3:7:content")
    assert text == "[this text stood at attempt-3:7:content, which cannot be read]"


texts = st.text(max_size=5) | st.sampled_from(["a" * LONG, "b" * 2 * LONG])
names = st.text(".:$at", max_size=3)
json_values = st.recursive(
    st.none() | st.booleans() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


def test_what_looks_like_a_pointer_and_is_none_reads_as_it_was() -> None:
    for value in ({"$at": "attempt-1:1:content"}, {"$at": ["x"]}, {"$at": {"$at": "y"}}):
        assert restored(WrittenTexts().shortened({"opaque": value}), str) == {"opaque": value}


@given(st.lists(st.dictionaries(st.sampled_from("abc"), json_values), max_size=5))
def test_every_line_reads_as_it_was(lines: list[dict[str, Any]]) -> None:
    known, written = WrittenTexts(), list[dict[str, Any]]()
    for number, values in enumerate(lines, 1):
        written.append(known.shortened(values))
        known.note(written[-1], f"log:{number}")

    def text_at(pointer: str) -> str:
        _, number, field = pointer.split(":", 2)
        value: Any = written[int(number) - 1]
        for key in field.split("."):
            value = value[int(key)] if isinstance(value, list) else value[key]
        return str(value)

    assert [restored(values, text_at) for values in written] == lines
