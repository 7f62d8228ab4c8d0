"""The transcript and the listings, compared as text."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.inspector.opening import open_path
from agent.inspector.plain_text import json_text, lines
from agent.messages import Message, Sampling, Usage
from agent.trajectory.durable_files import write_whole
from agent.trajectory.encoding import encode
from agent.trajectory.events import End, Event, Header, Outcome, Step
from agent.trajectory.grades import Grade, Grades
from agent.trajectory.predictions import Prediction
from agent.trajectory.reader import load_run
from agent.trajectory.run_folder import RunFolder
from tests.judged import ACSC, ASEC, FIRST, IMAGE, MATRIX, OLD, PATCH, RESULT, SECOND, TASK, VERDICT
from tests.recorded import log_events
from tools.base import NetworkError, TestCounts, ToolCall

LS = ToolCall("t1", "bash", '{"command": "ls\\npwd"}')
EDIT = ToolCall("t2", "edit", '{"path": "a.py", "old": "x\\ny", "all": true}')
TESTS = ToolCall("t3", "run_tests", '{"tests": ["t.py"]}')
REPLY = Message("m1", "assistant", "I look.\nThen I act.", (LS, EDIT, TESTS))
EVENTS: tuple[Event, ...] = (
    Header(1, "free", "scripted:fix", 3, 0.2, "img:1", [{"function": {"name": "bash"}}]),
    Message("m0", "system", "You repair."),
    Step("s1", "attempt-1", ("m0",), {}, Sampling(), "d", (REPLY,), Usage(100, 20, 0, 0.5), 1.25),
    Outcome(action="t1", message="m2", text="a.py\n\x1b[31m/testbed\n", exit_code=0, seconds=0.5),
    Outcome(action="t2", message="m3", text="no such passage", error=True, seconds=0.01),
    Outcome(action="t3", message="m4", text="one\ntwo", tests=TestCounts(1, 1)),
    Message("m5", "user", "Read it first."),
    Step("s2", "attempt-1", ("m0", "m1"), {"m1": "x"}, Sampling(), "d", (), Usage(9, 9), 1.0),
    End("steps", "250 steps", Usage(109, 29, 0, 0.5), 65.0),
)
STEP = EVENTS[2]
ATTEMPT = """\
attempt 1: planner free, model scripted:fix, seed 3, temperature 0.2
attempt 1: image img:1, tools bash
attempt 1 system: You repair.
attempt 1 step 1 request: 1 message, 100 prompt + 20 completion tokens, $0.5000, 1.2 s
attempt 1 step 1 thought: I look.
attempt 1 step 1 thought: Then I act.
attempt 1 step 1 bash: ls
attempt 1 step 1 bash: pwd
attempt 1 step 1 bash gave: a.py
attempt 1 step 1 bash gave: \\x1b[31m/testbed
attempt 1 step 1 bash took: 0.5 s
attempt 1 step 1 edit: path=a.py
attempt 1 step 1 edit: old=x
attempt 1 step 1 edit: y
attempt 1 step 1 edit: all=true
attempt 1 step 1 edit refused: no such passage
attempt 1 step 1 edit took: 0.0 s
attempt 1 step 1 run_tests: ["t.py"]
attempt 1 step 1 run_tests failed: one
attempt 1 step 1 run_tests failed: two
attempt 1 step 1 user: Read it first.
attempt 1 step 2 request: 2 messages, 9 prompt + 9 completion tokens, price unknown, 1.0 s
attempt 1 step 2: [1 message of 2 sent shortened]
attempt 1 step 2: [no reply came]
attempt 1 end: steps, 250 steps
attempt 1 used: 109 prompt + 29 completion tokens, $0.5000, 1 min 05 s
"""
FIRST_LINES = """\
task sympy__sympy-14774
verdict: verified, chosen 1.1, confidence 0.60, entropy 0.92 bits
verdict: Two of three samples behave alike.
verdict: No stable check regresses.
risk security: sympy/printing/latex.py:743: S102 use of exec
result: verified, candidate-1.1.patch, 3 attempts, 12,345 prompt (90 cached) + 678 completion \
tokens, $0.1234, 1 min 23 s
result error: an odd remark
grade: resolved
candidate 1.1 patch: diff --git a/sympy/printing/latex.py b/sympy/printing/latex.py
"""
JUDGED = f"""\
matrix base     1.1      2.1      origin       issue check
matrix fail     pass     pass     reproduction yes   {ACSC}
matrix fail     pass     fail     reproduction yes   {ASEC}
matrix pass     pass     fail     existing     -     {OLD}
matrix base {ACSC}: AssertionError
matrix base {ASEC}: AssertionError
matrix 2.1 {ASEC}: assert 'asec' == 'arcsec'
matrix 2.1 {OLD}: assert 1 == 2
matrix unstable: sympy/core/tests/test_random.py::test_seed
matrix note: tests/slow.py was left out: the tests near the change take too long
class 1: 1.1: mass 0.67, 2 issue checks passed, 0 regressions
class 2: 2.1: mass 0.33, 1 issue check passed, 1 regression
class 2 regression: {OLD}
"""


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A folder of runs with one run of three tasks: finished, failed, killed."""
    with RunFolder.open(tmp_path / "runs" / "first", versions={"python": "3.11"}, config={}) as run:
        folder = run.task(TASK.id)
        folder.write("task", TASK)
        folder.write("image", IMAGE)
        log_events(folder, "attempt-1", *EVENTS[:-1], FIRST, EVENTS[-1])
        log_events(folder, "attempt-2", numbered(2), STEP, SECOND)
        log_events(folder, "attempt-3", numbered(3), STEP)
        for candidate in (FIRST, SECOND):
            folder.write_patch(candidate)
        folder.write("matrix", MATRIX)
        folder.write("verdict", VERDICT)
        folder.finish(replace(RESULT, patch="candidate-1.1.patch"), PATCH)
        run.task("t-failed").fail(NetworkError("no registry", "try later"))
        log_events(run.task("t-killed"), "attempt-2", numbered(2), STEP)
        grade = Grade(TASK.id, None, Prediction(TASK.id, None, PATCH).digest, True, "official")
        write_whole(run.path / "grades.json", encode(Grades("5.0", (grade,))))
    return tmp_path / "runs"


def numbered(number: int) -> Header:
    header = EVENTS[0]
    assert isinstance(header, Header)
    return replace(header, number=number)


def test_the_text_tells_everything_in_order(recorded: Path) -> None:
    text = "\n".join(lines(open_path(recorded / "first" / TASK.id))) + "\n"
    assert ATTEMPT in text
    assert text.endswith(JUDGED)
    assert text.startswith(FIRST_LINES)
    assert (
        "task source: sympy-14774.md\n"
        "task repository: pypi:sympy==1.1.1 at 8fc63c2d71752389a44367b8ef4aba8a91af6a45\n"
        f"task issue: {TASK.title}\n"
        "task issue:\n"
        "task issue: For example\n"
    ) in text
    assert text.count("candidate 1.1 patch: diff --git") == 1
    assert "candidate 2.1 patch: diff --git" in text
    assert "candidate 1.1 without repro.py: a new script at the top level\n" in text
    assert '+        inv_trig_table = ["asin", "acos", "atan", "acsc", "asec", "acot"]\n' in text


def test_every_line_says_what_it_belongs_to(recorded: Path) -> None:
    first = re.compile(
        "(task|image|shared|reproduction|attempt|candidate|matrix|class|risk|verdict|result|failure|grade)"
        r"\b"
    )
    for line in lines(open_path(recorded / "first")):
        assert first.match(line), line
        assert not re.search("[\x00-\x08\x0a-\x1f]", line)


def test_what_did_not_end_well_is_said(recorded: Path) -> None:
    text = list(lines(open_path(recorded / "first")))
    assert "failure: NetworkError: no registry (try later)" in text
    assert "attempt 2 end: none, it was interrupted" in text
    assert "result: none, the task is not finished" in text


def test_arguments_that_are_no_json_are_shown_as_written(tmp_path: Path) -> None:
    calls = (ToolCall("a", "bash", '{"command": '), ToolCall("b", "plan", "[1]"))
    with RunFolder.open(tmp_path / "run", versions={}, config={}) as run:
        reply = Message("m1", "assistant", "", calls)
        step = Step("s1", "attempt-1", (), {}, Sampling(), "d", (reply,), Usage(), 0.0)
        log_events(run.task("t-1"), "attempt-1", numbered(1), step)
    text = list(lines(open_path(tmp_path / "run")))
    assert 'attempt 1 step 1 bash: {"command":' in text
    assert "attempt 1 step 1 plan: [1]" in text


def test_runs_and_their_tasks_are_listed(recorded: Path) -> None:
    info = load_run(recorded / "first").info
    assert info is not None
    begun = f"{info.started:%Y-%m-%d %H:%M}"
    assert info.started <= datetime.now(UTC)
    assert list(lines(open_path(recorded))) == [
        f"first {begun} 3 tasks 1 failed, 1 unfinished, 1 verified",
        "  sympy__sympy-14774 verified 0.60 $0.1234 1 min 23 s",
        "  t-failed failed no registry",
        "  t-killed unfinished",
    ]


def test_json_has_everything_once_with_its_kind(recorded: Path) -> None:
    whole = json.loads("\n".join(json_text(open_path(recorded / "first"))))
    assert whole["run"]["id"] == "first"
    task = whole["tasks"][0]
    assert [event["kind"] for event in task["attempts"][0]["events"]] == [
        "header", "message", "step", "outcome", "outcome", "outcome", "message", "step",
        "candidate", "end",
    ]  # fmt: skip
    assert task["attempts"][0]["events"][3]["text"] == "a.py\n\x1b[31m/testbed\n"
    assert task["attempts"][0]["events"][5]["tests"] == {"passed": 1, "failed": 1}
    assert task["result"]["status"] == "verified"
    assert task["candidates"][0]["patch"] == PATCH
    assert whole["tasks"][1]["failure"]["hint"] == "try later"
