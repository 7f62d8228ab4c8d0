"""The recorded run that the README shows: it can be read, is what it claims, and is of the demo."""

from __future__ import annotations

import re
from pathlib import Path

from agent.inspector.opening import open_path
from agent.inspector.plain_text import lines
from agent.model.protocol import Request, digest
from agent.selection.harvest import merge
from agent.selection.vote import vote
from agent.trajectory.attempt import messages_of
from agent.trajectory.events import Step
from agent.trajectory.reader import RecordedTask, load_task

PROJECT = Path(__file__).parent.parent
EXAMPLE = PROJECT / "runs" / "example"
ISSUE = PROJECT / "tests" / "data" / "sympy-14774.md"


def recorded() -> RecordedTask:
    return load_task(EXAMPLE)


def test_it_is_the_demos_issue_word_for_word() -> None:
    task = recorded().task
    assert task is not None
    text = (
        ISSUE.read_text(encoding="utf-8").partition("+++\n\n")[2]
        or ISSUE.read_text(encoding="utf-8").rpartition("+++\n")[2]
    )
    assert "".join(task.text.split()) == "".join(text.split())


def test_its_verdict_follows_from_its_matrix() -> None:
    task = recorded()
    assert task.result is not None
    assert task.matrix is not None
    assert task.verdict is not None
    assert (task.result.status, task.result.model) == ("verified", "local")
    assert len(task.candidates) >= 4
    assert any(check.issue for check in task.matrix.checks)
    again = vote(merge(task.candidates), task.matrix)
    assert (again.chosen, again.status) == (task.verdict.chosen, task.verdict.status)


def test_every_request_can_be_rebuilt_from_it() -> None:
    task = recorded()
    steps = 0
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
    assert "attempt 1 step 1 sample 1 gave: holds" in text
    everything = "".join(
        path.read_text(encoding="utf-8") for path in EXAMPLE.rglob("*") if path.is_file()
    )
    assert not re.findall(r"/(?:home|Users|work)/\w+|\b10\.\d+\.\d+\.\d+", everything)
