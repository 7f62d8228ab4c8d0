"""What was written reads back, whatever part of a run is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import UserError
from agent.messages import Message, Usage
from agent.records import (
    Candidate,
    Check,
    CheckResult,
    Dropped,
    Image,
    Location,
    Matrix,
    Reproduction,
    Verdict,
)
from agent.trajectory.attempt import Act, Turn
from agent.trajectory.events import Action, Header, Locations, Outcome, Step
from agent.trajectory.reader import RecordedTask, load_run, load_task
from tests.recorded import CALL, EVENTS, PATCH, TASK, log_events, opened, result


def test_all_that_is_written_reads_back_equal(tmp_path: Path) -> None:
    image = Image("repair-agent/sympy:1", "sha256:1", "built", "Python 3.9.2", "python -m pytest")
    candidate = Candidate(
        "1.1", 1, "1.1", PATCH, ("x.py",), (Dropped("t.py", "a test"),), "k", {"test_t.py": "x"}
    )
    matrix = Matrix(
        (Check("t::a", "existing"), Check("t::b", "reproduction", None, "fail", True, "assert")),
        (CheckResult("base", "t::b", "fail", "d", "assert 1 == 2", 0.5),),
        ("t::c",),
        ("a note",),
    )
    verdict = Verdict("verified", "1.1", (), 0.5, 0.0, (), ("It passes.",))
    written = Reproduction({"test_r.py": "def test_r(): ..."}, "")
    picked = Locations((Location("x.py", "f", 1, 3, "def f()"), Location("y.py", "", 7, 9)))
    with opened(tmp_path / "run") as run:
        folder = run.task(TASK.id)
        folder.remember(TASK, image)
        log_events(folder, "shared", EVENTS[2], written, picked)
        log_events(folder, "attempt-1", *EVENTS[:-1], candidate, EVENTS[-1])
        folder.write_patch(candidate)
        folder.write("matrix", matrix)
        folder.write("verdict", verdict)
        folder.finish(result(patch="candidate-1.1.patch"), PATCH)

    read = load_task(tmp_path / "run")
    assert (read.id, read.task, read.image, read.reproduction) == (TASK.id, TASK, image, written)
    assert (read.candidates, read.matrix, read.verdict) == ((candidate,), matrix, verdict)
    assert read.result == result(patch="candidate-1.1.patch")
    assert read.failure is None
    assert read.locations == picked.locations
    assert read.shared == (EVENTS[2], written, picked)
    attempt = read.attempts[0]
    bare = replace(candidate, patch="")  # the patch is a file of its own
    assert attempt.events == (*EVENTS[:-1], bare, EVENTS[-1])
    assert (attempt.number, attempt.header, attempt.end) == (1, EVENTS[0], EVENTS[-1])
    step, outcome = EVENTS[2:4]
    assert isinstance(step, Step)
    assert isinstance(outcome, Outcome)
    answer = Message("m2", "tool", outcome.text, tool_call_id="t1")
    assert attempt.messages == (EVENTS[1], *step.replies, answer)
    assert attempt.steps == (step,)
    act = Act(Action("t1", "bash", CALL.arguments), outcome)
    assert attempt.turns == (Turn(1, step, (act,)),)
    assert attempt.candidates == (bare,)
    assert attempt.usage == Usage(100, 20, 5, 0.25)
    assert (read.folder / "candidate-1.1.patch").read_text() == PATCH


def test_an_unfinished_task_reads_with_what_it_has(tmp_path: Path) -> None:
    with opened(tmp_path / "run") as run:
        log_events(run.task("t-1"), "attempt-1", *EVENTS[:4])
        read = load_task(tmp_path / "run" / "t-1")
    assert (read.task, read.image, read.matrix, read.verdict, read.result) == (None,) * 5
    assert read.candidates == ()
    attempt = read.attempts[0]
    assert attempt.end is None
    assert (attempt.usage, len(attempt.turns)) == (Usage(100, 20, 5, 0.25), 1)


def test_an_attempt_that_was_started_again_reads_as_its_last_start(tmp_path: Path) -> None:
    with opened(tmp_path / "run") as run:
        for events in (EVENTS[:3], EVENTS):
            log_events(run.task("t-1"), "attempt-1", *events)
        read = load_task(tmp_path / "run")
    assert read.attempts[0].events == EVENTS
    assert read.attempts[0].restarts == 1


def test_attempts_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    with opened(tmp_path / "run") as run:
        for number in (10, 9, 1):
            header = Header(number, "free", "m", 0, 0.0, "i", [])
            log_events(run.task("t-1"), f"attempt-{number}", header)
    assert [one.number for one in load_task(tmp_path / "run").attempts] == [1, 9, 10]


def ids(tasks: Iterator[RecordedTask]) -> list[str]:
    return [task.id for task in tasks]


def test_a_run_a_task_or_a_folder_of_runs_can_be_named(tmp_path: Path) -> None:
    for name in ("zebra", "aardvark"):  # the later one sorts first by name
        with opened(tmp_path / name) as run:
            for task_id in (f"{name}-1", f"{name}-2"):
                run.task(task_id).finish(result(task_id), "")
    assert ids(load_run(tmp_path).tasks()) == ["aardvark-1", "aardvark-2"]
    assert ids(load_run(tmp_path / "zebra").tasks()) == ["zebra-1", "zebra-2"]
    one = load_run(tmp_path / "zebra" / "zebra-2")
    assert ids(one.tasks()) == ["zebra-2"]
    assert one.info is not None
    assert one.info.id == "zebra"
    assert load_task(tmp_path / "zebra" / "zebra-1").result == result("zebra-1")


def test_what_cannot_be_loaded_is_said(tmp_path: Path) -> None:
    with opened(tmp_path / "runs" / "several") as run:
        with pytest.raises(UserError, match="has no task yet"):
            load_task(run.path)
        for task_id in ("t-1", "t-2"):
            run.task(task_id).finish(result(task_id), "")
        with pytest.raises(UserError, match="has several tasks: t-1, t-2"):
            load_task(run.path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no run"):
        load_run(tmp_path / "empty")
    with pytest.raises(UserError, match="there is no folder"):
        load_run(tmp_path / "absent")
    (tmp_path / "runs" / "several" / "run.json").write_text('{"format": 99}')
    for path in ("runs/several", "runs", "runs/several/t-1"):
        with pytest.raises(UserError, match="newer repair-agent"):
            load_run(tmp_path / path)
