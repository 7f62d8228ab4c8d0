"""The recorded run that the README shows: it can be read, is what it claims, and is of the demo."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.inspector.opening import open_path
from agent.inspector.plain_text import lines
from agent.model.protocol import Request, digest
from agent.selection.harvest import merge
from agent.selection.vote import vote
from agent.trajectory.attempt import messages_of
from agent.trajectory.events import Step
from agent.trajectory.reader import RecordedTask, load_task, read_events
from agent.trajectory.task_log import TaskLog

PROJECT = Path(__file__).parent.parent
EXAMPLE = PROJECT / "runs" / "example"
FORMAT_1 = PROJECT / "tests" / "data" / "format-1" / "example"
"""The example as it was recorded before the logs had their present form."""
ISSUE = PROJECT / "tests" / "data" / "sympy-14774.md"


@pytest.fixture(params=[EXAMPLE, FORMAT_1], ids=["example", "format 1"])
def recorded(request: pytest.FixtureRequest) -> RecordedTask:
    return load_task(request.param)


def test_it_is_the_demos_issue_word_for_word(recorded: RecordedTask) -> None:
    task = recorded.task
    assert task is not None
    text = (
        ISSUE.read_text(encoding="utf-8").partition("+++\n\n")[2]
        or ISSUE.read_text(encoding="utf-8").rpartition("+++\n")[2]
    )
    assert "".join(task.text.split()) == "".join(text.split())


def test_its_verdict_follows_from_its_matrix(recorded: RecordedTask) -> None:
    task = recorded
    assert task.result is not None
    assert task.matrix is not None
    assert task.verdict is not None
    assert (task.result.status, task.result.model) == ("verified", "local")
    assert len(task.candidates) >= 4
    assert any(check.issue for check in task.matrix.checks)
    again = vote(merge(task.candidates), task.matrix)
    assert (again.chosen, again.status) == (task.verdict.chosen, task.verdict.status)


def test_every_request_can_be_rebuilt_from_it(recorded: RecordedTask) -> None:
    task, steps = recorded, 0
    for events in (task.shared, *(attempt.events for attempt in task.attempts)):
        known = {message.id: message for message in messages_of(events)}
        for step in (event for event in events if isinstance(event, Step)):
            sent = [known[one] for one in step.sent]
            assert not step.elided
            assert digest(Request(sent, [], step.sampling)) == step.digest
            steps += 1
    assert steps > 4


def test_it_reads_well_and_names_no_machine() -> None:
    text = "\n".join(lines(open_path(EXAMPLE)))
    assert re.search(r"attempt \d step \d+ sample \d+ gave: holds", text)
    everything = "".join(
        path.read_text(encoding="utf-8") for path in EXAMPLE.rglob("*") if path.is_file()
    )
    assert not re.findall(r"/(?:home|Users|work)/\w+|\b10\.\d+\.\d+\.\d+", everything)


def test_its_logs_are_a_third_smaller_than_in_format_1(tmp_path: Path) -> None:
    old = next(path for path in FORMAT_1.iterdir() if path.is_dir())
    log = TaskLog(tmp_path)
    for path in sorted(old.glob("*.jsonl")):
        with log.open(path.stem) as file:
            for event in read_events(path):
                file.append(event)
        assert read_events(tmp_path / path.name) == read_events(path)

    def size(folder: Path) -> int:
        return sum(path.stat().st_size for path in folder.glob("*.jsonl"))

    assert size(tmp_path) <= size(old) * 2 / 3
