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
from agent.records import Call, Message, Sampling, Usage
from agent.trajectory.events import End, Event, Header
from agent.trajectory.reader import load_run
from agent.trajectory.run_folder import RunFolder
from tests.judged import ACSC, ASEC, FIRST, IMAGE, MATRIX, OLD, PATCH, RESULT, SECOND, TASK, VERDICT
from tools.base import NetworkError, Observation, ToolCall

LS = ToolCall("t1", "bash", '{"command": "ls\\npwd"}')
EDIT = ToolCall("t2", "edit", '{"path": "a.py", "old": "x\\ny", "all": true}')
REPLY = Message("", "assistant", "I look.\nThen I act.", (LS, EDIT))
EVENTS: tuple[Event, ...] = (
    Header(1, "free", "scripted:fix", 3, 0.2, "img:1", [{"function": {"name": "bash"}}]),
    Message("m0", "system", "You repair."),
    Call("c1", "attempt-1", ("m0",), {}, Sampling(), "d", (REPLY,), Usage(100, 20, 0, 0.5), 1.25),
    replace(REPLY, id="m1"),
    Observation("t1", "a.py\n\x1b[31m/testbed\n", seconds=0.5),
    Message("m2", "tool", "a.py\n\x1b[31m/testbed\n", tool_call_id="t1"),
    Observation("t2", "no such passage", error=True, seconds=0.01),
    Message("m3", "tool", "no such passage (and a reminder)", tool_call_id="t2"),
    Call("c2", "attempt-1", ("m0", "m1"), {"m1": "x"}, Sampling(), "d", (), Usage(9, 9), 1.0),
    End("steps", "250 steps", Usage(109, 29, 0, 0.5), 65.0),
)
ATTEMPT = """\
attempt 1: planner free, model scripted:fix, seed 3, temperature 0.2
attempt 1: image img:1, tools bash
attempt 1 step 0 system: You repair.
attempt 1 step 1 request: 1 message, 100 prompt + 20 completion tokens, $0.5000, 1.2 s
attempt 1 step 1 thought: I look.
attempt 1 step 1 thought: Then I act.
attempt 1 step 1 bash: ls
attempt 1 step 1 bash: pwd
attempt 1 step 1 edit: path=a.py
attempt 1 step 1 edit: old=x
attempt 1 step 1 edit: y
attempt 1 step 1 edit: all=true
attempt 1 step 1 bash gave: a.py
attempt 1 step 1 bash gave: \\x1b[31m/testbed
attempt 1 step 1 bash took: 0.5 s
attempt 1 step 1 edit refused: no such passage
attempt 1 step 1 edit took: 0.0 s
attempt 1 step 1 tool: no such passage (and a reminder)
attempt 1 step 2 request: 2 messages, 1 message elided, 9 prompt + 9 completion tokens, \
price unknown, 1.0 s
attempt 1 end: steps, 250 steps
attempt 1 used: 109 prompt + 29 completion tokens, $0.5000, 1 min 05 s
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
risk security: sympy/printing/latex.py:743: S102 use of exec
verdict: Two of three samples behave alike.
verdict: No stable check regresses.
verdict: verified, chosen 1.1, confidence 0.60, entropy 0.92 bits
result: verified, candidate-1.1.patch, 3 attempts, 12,345 prompt (90 cached) + 678 completion \
tokens, $0.1234, 1 min 23 s
result error: an odd remark
"""


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A folder of runs with one run of three tasks: finished, failed, killed."""
    with RunFolder.open(tmp_path / "runs" / "first", versions={"python": "3.11"}, config={}) as run:
        folder = run.task(TASK.id)
        folder.write("task", TASK)
        folder.write("image", IMAGE)
        with folder.attempt_log(1) as log:
            for event in EVENTS:
                log.append(event)
        for number in (2, 3):
            with folder.attempt_log(number) as log:
                log.append(numbered(number))
        folder.write_candidates((FIRST, SECOND))
        folder.write("matrix", MATRIX)
        folder.write("verdict", VERDICT)
        folder.finish(replace(RESULT, patch="candidate-1.1.patch"))
        run.task("t-failed").fail(NetworkError("no registry", "try later"))
        with run.task("t-killed").attempt_log(2) as log:
            log.append(numbered(2))
    return tmp_path / "runs"


def numbered(number: int) -> Header:
    header = EVENTS[0]
    assert isinstance(header, Header)
    return replace(header, number=number)


def test_the_transcript_tells_everything_in_order(recorded: Path) -> None:
    text = "\n".join(lines(open_path(recorded / "first" / TASK.id))) + "\n"
    assert ATTEMPT in text
    assert text.endswith(JUDGED)
    assert text.startswith(
        "task sympy__sympy-14774\n"
        "task source: sympy-14774.md\n"
        "task repository: pypi:sympy==1.1.1 at 8fc63c2d71752389a44367b8ef4aba8a91af6a45\n"
        f"task issue: {TASK.title}\n"
        "task issue:\n"
        "task issue: For example\n"
    )
    assert "candidate 1.1 without repro.py: a new script at the top level\n" in text
    assert '+        inv_trig_table = ["asin", "acos", "atan", "acsc", "asec", "acot"]\n' in text


def test_every_line_says_what_it_belongs_to(recorded: Path) -> None:
    first = re.compile(
        "(task|image|shared|reproduction|attempt|candidate|matrix|class|risk|verdict|result|failure)"
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
    with (
        RunFolder.open(tmp_path / "run", versions={}, config={}) as run,
        run.task("t-1").attempt_log(1) as log,
    ):
        log.append(numbered(1))
        log.append(Message("m1", "assistant", "", calls))
    text = list(lines(open_path(tmp_path / "run")))
    assert 'attempt 1 step 0 bash: {"command":' in text
    assert "attempt 1 step 0 plan: [1]" in text


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
    assert [event["kind"] for event in task["logs"][0]["events"]] == [
        "header", "message", "call", "message", "observation", "message", "observation", "message",
        "call", "end",
    ]  # fmt: skip
    assert task["logs"][0]["events"][4]["text"] == "a.py\n\x1b[31m/testbed\n"
    assert task["result"]["status"] == "verified"
    assert task["candidates"][0]["patch"] == PATCH
    assert whole["tasks"][1]["failure"]["hint"] == "try later"
