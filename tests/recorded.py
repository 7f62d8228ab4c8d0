"""A short recorded attempt, and a run folder to put it in."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.messages import Message, Sampling, Usage
from agent.records import Comment, Counts, Result, Task
from agent.trajectory.events import End, Event, Header, Outcome, Step
from agent.trajectory.run_folder import RunFolder, TaskFolder, versions
from agent.trajectory.task_log import TaskLog
from tools.base import ToolCall

HEADER = Header(1, "free", "scripted:fix", 0, 0.0, "repair-agent/sympy:1", [{"name": "bash"}])
PATCH = "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a = 1\n+a = 2\n"
TASK = Task(
    "sympy__sympy-14774",
    "issue.md",
    "pypi:sympy==1.1.1",
    "a" * 40,
    "Latex of acsc",
    "does not follow\r\n`inv_trig_style`",
    (Comment("ada", datetime(2018, 6, 5, 11, 0, tzinfo=UTC), "me too"), Comment("bob", None, "+1")),
    datetime(2018, 6, 5, 10, 54, tzinfo=UTC),
)


def result(task_id: str = TASK.id, patch: str | None = None) -> Result:
    return Result(
        task_id,
        "verified",
        patch,
        0.5,
        0.0,
        1,
        1,
        1,
        Counts(100, 20, 5),
        0.25,
        2.0,
        "scripted",
        "i",
    )


def opened(path: Path, **config: Any) -> RunFolder:
    return RunFolder.open(path, versions=versions("20.10"), config=config)


def log_events(folder: TaskFolder, name: str, *events: Event) -> None:
    """Append events to a file of a task's log."""
    with TaskLog(folder.path).open(name) as log:
        for event in events:
            log.append(event)


CALL = ToolCall("t1", "bash", '{"command": "ls"}')
EVENTS: tuple[Event, ...] = (
    HEADER,
    Message("m0", "user", "repair this"),
    Step(
        "s1",
        "attempt-1",
        ("m0",),
        {"m0": "[elided]"},
        Sampling(1, 0.2, 3),
        "d" * 64,
        (Message("m1", "assistant", "I look", (CALL,), opaque={"reasoning": [{"id": 1}]}),),
        Usage(100, 20, 5, 0.25),
        1.5,
    ),
    Outcome(
        action="t1", message="m2", text="setup.py\nsympy\n", exit_code=0, changed=(), seconds=0.5
    ),
    End("submitted", "", Usage(100, 20, 5, 0.25), 2.0),
)
