"""Logs of format 1 read as those of format 2: facts that stood in sentences become fields."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.errors import UserError
from agent.inspector.opened_run import OpenedRun
from agent.inspector.opening import open_path
from agent.messages import Message, Usage
from agent.trajectory.events import CHANGE, Action, End, Header, Note, Outcome, Step
from agent.trajectory.reader import read_events, read_log, read_task
from agent.trajectory.task_log import TaskLog
from tests.screens import EXAMPLE
from tools.base import TestCounts

TASK = EXAMPLE / "sympy-14774-c10de226"
USAGE = {"prompt": 9, "completion": 2, "cached": 0, "usd": None}


def said(identity: str, text: str = "", *calls: tuple[str, str, str], **more: Any) -> Any:
    named = [dict(zip(("id", "name", "arguments"), call, strict=True)) for call in calls]
    values = {"id": identity, "role": "assistant", "content": text, "tool_calls": named} | more
    return {"kind": "message", "tool_call_id": None, "opaque": {}, "finish": None} | values


def call(identity: str, *replies: Any) -> Any:
    bare = [{name: value for name, value in one.items() if name != "kind"} for one in replies]
    return {
        "kind": "call", "id": identity, "conversation": "attempt-1", "sent": ["m0"], "elided": {},
        "sampling": {"n": 1, "temperature": 0.0, "seed": None, "grammar": None}, "digest": "d",
        "replies": [one | {"id": ""} for one in bare], "usage": USAGE, "seconds": 1.5,
        "max_tokens": None, "served": False,
    }  # fmt: skip


def seen(action: str, text: str, **more: Any) -> Any:
    return {"kind": "observation", "call_id": action, "text": text} | more


def told(identity: str, action: str, text: str) -> Any:
    return said(identity, text, role="tool", tool_call_id=action)


HEADER = {
    "kind": "header", "number": 1, "planner": "free", "model": "m", "seed": 0, "temperature": 0.0,
    "image": "i", "tools": [],
}  # fmt: skip
END = {"kind": "end", "reason": "submitted", "detail": "", "usage": USAGE, "seconds": 2.0}


def log_of(folder: Path, *lines: Any) -> Path:
    path = folder / "attempt-1.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


CALLED = {
    "a command": (
        ("bash", '{"command": "false"}'), "out\n[exit code 1, 0.1 s]", False,
        {"exit_code": 1},
    ),
    "a killed command": (
        ("bash", '{"command": "sleep 99"}'), "[killed after 10 s]", False, {"timed_out": True},
    ),
    "tests": (
        ("run_tests", "{}"), "2 pass, 1 fail\nFAIL test_x: 7 error", False,
        {"tests": TestCounts(passed=2, failed=1)},
    ),
    "a change": (
        ("edit", '{"path": "a.py", "old": "", "new": "x"}'), "written", False,
        {"changed": ("a.py",)},
    ),
    "a look": (("read", '{"path": "a.py"}'), "1 pass\n[exit code 1]", False, {"changed": ()}),
    "a mistake": (("edit", '{"path": "a.py"}'), "no such file", True, {"changed": ()}),
}  # fmt: skip


@pytest.mark.parametrize("case", CALLED.values(), ids=CALLED)
def test_what_came_of_a_call_is_read_from_its_text(tmp_path: Path, case: Any) -> None:
    (name, arguments), text, error, facts = case
    reply = said("m1", "I act", ("t1", name, arguments))
    path = log_of(
        tmp_path, HEADER, said("m0", "repair", role="user"), call("c1", reply), reply,
        seen("t1", text, error=error, seconds=0.5), told("m2", "t1", text), END,
    )  # fmt: skip
    header, opening, step, outcome, end = read_events(path)
    assert isinstance(header, Header)
    assert isinstance(opening, Message)
    assert isinstance(step, Step)
    assert [(one.id, one.content) for one in step.replies] == [("m1", "I act")]
    assert outcome == Outcome(
        action="t1", message="m2", text=text, error=error, seconds=0.5, **facts
    )
    assert isinstance(end, End)


TRIED = {
    "sample 1: holds": ("holds", "holds", None),
    "sample 1: nothing tests it": ("untested", "nothing tests it", None),
    "sample 1: 1 fail\nFAIL test_x": ("fails", "1 fail\nFAIL test_x", None),
    "sample 1: The change would add problems: line 2": (
        "problems", "The change would add problems: line 2", (),
    ),
    "no change that can be applied": ("unusable", "no change that can be applied", ()),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), TRIED.items())
def test_what_came_of_a_change_is_read_from_its_text(
    tmp_path: Path, text: str, expected: Any
) -> None:
    reply = said("m1", "<<<<<<< SEARCH")
    path = log_of(tmp_path, HEADER, call("c1", reply), reply, seen("m1", text, error=True))
    *_, action, outcome = read_events(path)
    trial, what, changed = expected
    assert action == Action("m1", CHANGE, sample=1 if text.startswith("sample") else None)
    assert outcome == Outcome(action="m1", text=what, trial=trial, changed=changed)


def test_a_remark_of_the_programs_is_a_note(tmp_path: Path) -> None:
    path = log_of(tmp_path, HEADER, seen("attempt-1", "asked anew"))
    assert read_events(path)[1] == Note("attempt-1", "asked anew")


def test_replies_whose_messages_were_not_written_are_there(tmp_path: Path) -> None:
    first, second = said("m1", "one"), said("m2", "two")
    path = log_of(tmp_path, HEADER, call("c1", first, second), first, HEADER, call("c1", first))
    steps = [event for event in read_events(path) if isinstance(event, Step)]
    assert [[(one.id, one.content) for one in step.replies] for step in steps] == [
        [("m1", "one"), ("c1.2", "two")], [("c1.1", "one")],
    ]  # fmt: skip


DAMAGED: list[Any] = [
    {"kind": "call", "id": 1},
    {"kind": "call", "replies": 5},
    call("c1") | {"replies": [5]},
    {"kind": "observation", "text": None},
    seen("t1", "x", seconds="long"),
    {"kind": "novel"},
]


@pytest.mark.parametrize("line", DAMAGED, ids=lambda line: json.dumps(line)[:40])
def test_a_damaged_line_is_told_and_the_others_are_read(tmp_path: Path, line: Any) -> None:
    reply = said("m1", "one")
    path = log_of(tmp_path, HEADER, line, call("c1", reply), reply, END)
    with pytest.raises(UserError, match="line 2"):
        read_events(path)
    problems: list[str] = []
    kinds = [type(event) for event in read_events(path, problems)]
    assert kinds == [Header, Step, End]
    assert ["line 2" in problem for problem in problems] == [True]


def test_files_that_format_1_had_are_parts_of_the_task() -> None:
    task = read_task(TASK)
    assert len(task.locations) == 8
    assert len(task.candidates) >= 4
    assert all(one.patch for one in task.candidates)
    assert task.reproduction is not None
    opened = open_path(TASK)
    assert isinstance(opened, OpenedRun)
    record = opened.task(TASK.name).record
    assert (record.locations, record.candidates, record.reproduction) == (
        task.locations, task.candidates, task.reproduction,
    )  # fmt: skip


def test_a_task_of_format_1_can_be_gone_on_with() -> None:
    log, task = read_log(TASK), read_task(TASK)
    assert isinstance(log, TaskLog)
    assert [one.id for one in log.candidates] == [one.id for one in task.candidates]
    assert all(attempt.end is not None for attempt in log.attempts)
    assert log.usage.prompt == sum((one.usage for one in log.attempts), Usage()).prompt + sum(
        event.usage.prompt for event in task.shared if isinstance(event, Step)
    )
    assert log.reproduction == task.reproduction
    assert log.locations is not None
    assert log.locations.locations == task.locations
