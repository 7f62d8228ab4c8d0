"""Views: the verdict sheet, the transcript and the listings, compared as text."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from agent.recording import load_run
from agent.records import (
    BehaviourClass,
    Call,
    Candidate,
    Check,
    Counts,
    Dropped,
    End,
    Event,
    Header,
    Image,
    Matrix,
    Message,
    Outcome,
    Result,
    Risk,
    Sampling,
    Task,
    Usage,
    Verdict,
)
from agent.show import verdict as verdict_view
from agent.show.figures import clock, duration, money
from agent.show.listing import list_runs
from agent.show.transcript import json_lines, lines
from agent.show.visible import one_line, visible
from agent.store import RunFolder
from tools.base import NetworkError, Observation, ToolCall

PATCH = """\
diff --git a/sympy/printing/latex.py b/sympy/printing/latex.py
--- a/sympy/printing/latex.py
+++ b/sympy/printing/latex.py
@@ -743,1 +743,1 @@
-        inv_trig_table = ["asin", "acos", "atan", "acot"]
+        inv_trig_table = ["asin", "acos", "atan", "acsc", "asec", "acot"]
"""
OTHER = PATCH.replace('"acsc", "asec"', '"acsc"')
ACSC = "sympy/printing/tests/test_latex.py::test_acsc"
ASEC = "sympy/printing/tests/test_latex.py::test_asec"
OLD = "sympy/printing/tests/test_latex.py::test_latex_basic"

TASK = Task(
    "sympy__sympy-14774",
    "sympy-14774.md",
    "pypi:sympy==1.1.1",
    "8fc63c2d71752389a44367b8ef4aba8a91af6a45",
    "Latex printer does not support full inverse trig function names for acsc and asec",
    'For example\r\n`latex(asin(x), inv_trig_style="full")` works',
)
IMAGE = Image("repair-agent/sympy:1a2b", "sha256:1", "built", "Python 3.9.2", "python -m pytest")
FIRST = Candidate(
    "1.1",
    1,
    "1.1",
    PATCH,
    ("sympy/printing/latex.py",),
    (Dropped("repro.py", "a new script at the top level"),),
    merged=("3.1",),
)
SECOND = Candidate("2.1", 2, "2.1", OTHER, ("sympy/printing/latex.py",))
MATRIX = Matrix(
    (
        Check(ACSC, "reproduction", None, "fail", True, "AssertionError: acsc is not arccsc"),
        Check(ASEC, "reproduction", 1, "fail", True, "AssertionError: asec is not arcsec"),
        Check(OLD, "existing"),
    ),
    (
        Outcome("base", ACSC, "fail", "a", "AssertionError"),
        Outcome("base", ASEC, "fail", "a", "AssertionError"),
        Outcome("base", OLD, "pass"),
        Outcome("1.1", ACSC, "pass"),
        Outcome("1.1", ASEC, "pass"),
        Outcome("1.1", OLD, "pass"),
        Outcome("2.1", ACSC, "pass"),
        Outcome("2.1", ASEC, "fail", "a", "assert 'asec' == 'arcsec'"),
        Outcome("2.1", OLD, "fail", "b", "assert 1 == 2"),
    ),
    ("sympy/core/tests/test_random.py::test_seed",),
    ("tests/slow.py was left out: the tests near the change take too long",),
)
CLASSES = (
    BehaviourClass(("1.1",), 2 / 3, 2, ()),
    BehaviourClass(("2.1",), 1 / 3, 1, (OLD,)),
)
VERDICT = Verdict(
    "verified",
    "1.1",
    CLASSES,
    0.6,
    0.918,
    (Risk("security", "sympy/printing/latex.py", 743, "S102 use of exec"),),
    ("Two of three samples behave alike.", "No stable check regresses."),
)
RESULT = Result(
    TASK.id, "verified", "runs/r/t/candidate-1.1.patch", 0.6, 0.918, 3, 2, 2,
    Counts(12345, 678, 90), 0.1234, 83.2, "scripted:fix.json", IMAGE.reference, ("an odd remark",),
)  # fmt: skip

SHEET = f"""\
# sympy__sympy-14774: verified patch

Latex printer does not support full inverse trig function names for acsc and asec

Two of three samples behave alike. No stable check regresses.

## Patch

`runs/r/t/candidate-1.1.patch`, candidate 1.1, textually the same as 3.1

```diff
{PATCH.rstrip()}
```

## Behaviour classes

| candidates | mass | issue checks passed | regressions |  |
| --- | --- | --- | --- | --- |
| 1.1 | 67% | 2 of 2 | 0 | chosen |
| 2.1 | 33% | 1 of 2 | 1 |  |

## Fails before, passes with the patch

| check | from | before | why it counts |
| --- | --- | --- | --- |
| `{ACSC}` | reproduction | fail | it fails for the issue's reason: `AssertionError: acsc is not arccsc` |
| `{ASEC}` | reproduction, attempt 1 | fail | it fails for the issue's reason: `AssertionError: asec is not arcsec` |

## Left out of the patch

- `repro.py`: a new script at the top level

## Look at before merging

- security: `sympy/printing/latex.py:743` `S102 use of exec`

## Remarks

- tests/slow.py was left out: the tests near the change take too long
- `sympy/core/tests/test_random.py::test_seed`: unstable without the patch, not counted
- error: `an odd remark`

## Confidence

0.60, semantic entropy 0.92 bits. It follows from the share of the samples that behave like this patch and from the checks; it is not yet calibrated on data, so read it as an order, not as a probability.

## Cost

- 3 attempts, 2 candidates, 2 behaviour classes
- $0.1234, 12,345 prompt (90 cached) + 678 completion tokens, 1 min 23 s
- model `scripted:fix.json`
- image `repair-agent/sympy:1a2b`, built, Python 3.9.2
"""  # noqa: E501 - a Markdown table has no shorter form


def sheet(**changed: Any) -> str:
    return verdict_view.sheet(**{**given_, **changed})


given_: dict[str, Any] = {
    "task": TASK,
    "image": IMAGE,
    "candidates": (FIRST, SECOND),
    "matrix": MATRIX,
    "verdict": VERDICT,
    "result": RESULT,
}


def on_screen(width: int, **changed: Any) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False, legacy_windows=False)
    console.print(verdict_view.screen(**{**given_, **changed}))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def section(page: str, title: str) -> str:
    return page.split(f"## {title}\n\n")[1].split("\n\n## ", maxsplit=1)[0]


def test_the_sheet_holds_all_that_a_maintainer_needs() -> None:
    assert sheet() == SHEET


SCREEN = """\
sympy__sympy-14774: verified patch

Latex printer does not support full inverse trig function names for acsc and
asec

Two of three samples behave alike. No stable check regresses.

Patch

runs/r/t/candidate-1.1.patch, candidate 1.1, textually the same as 3.1

diff --git a/sympy/printing/latex.py b/sympy/printing/latex.py
--- a/sympy/printing/latex.py
+++ b/sympy/printing/latex.py
@@ -743,1 +743,1 @@
-        inv_trig_table = ["asin", "acos", "atan", "acot"]
+        inv_trig_table = ["asin", "acos", "atan", "acsc", "asec", "acot"]

Behaviour classes

candidates   mass   issue checks passed   regressions
──────────────────────────────────────────────────────────────
1.1          67%    2 of 2                0             chosen
2.1          33%    1 of 2                1
"""


def test_the_screen_reads_like_the_sheet() -> None:
    shown = "\n".join(line.rstrip() for line in on_screen(76).splitlines())
    assert shown.startswith(SCREEN)
    for heading in re.findall("^## (.*)$", SHEET, re.MULTILINE):
        assert f"\n{heading}\n" in shown


@pytest.mark.parametrize("width", [12, 30, 60, 200])
def test_no_width_loses_words_or_overflows(width: int) -> None:
    shown = on_screen(width)
    assert all(len(line) <= width for line in shown.splitlines())
    squeezed = re.sub(r"\s", "", shown)
    for text in ('+inv_trig_table=["asin","acos","atan","acsc","asec","acot"]', "notyetcalibrated"):
        assert text in squeezed


def test_disagreement_is_put_as_a_question() -> None:
    classes = tuple(replace(item, mass=0.4, issue_checks_passed=1) for item in CLASSES)
    page = sheet(verdict=replace(VERDICT, status="disagree", classes=classes))
    assert page.startswith("# sympy__sympy-14774: candidates disagree\n")
    assert section(page, "Which behaviour is right?").splitlines()[-2:] == [
        f"- Should `{ASEC}` pass? 1.1: pass; 2.1: fail (`assert 'asec' == 'arcsec'`)",
        f"- Should `{OLD}` pass? 1.1: pass; 2.1: fail (`assert 1 == 2`)",
    ]
    assert ACSC not in section(page, "Which behaviour is right?")


def test_a_probe_asks_for_the_right_output() -> None:
    checks = (Check("print(f(1))", "probe", None, "pass", True),)
    outcomes = (
        Outcome("1.1", "print(f(1))", "pass", "a", "prints 1"),
        Outcome("2.1", "print(f(1))", "pass", "b", "prints 2"),
    )
    verdict = replace(
        VERDICT,
        status="disagree",
        classes=tuple(replace(item, issue_checks_passed=1) for item in CLASSES),
    )
    page = sheet(matrix=Matrix(checks, outcomes), verdict=verdict)
    asked = "- What should `print(f(1))` give? 1.1: pass (`prints 1`); 2.1: pass (`prints 2`)"
    assert section(page, "Which behaviour is right?").endswith(asked)


def test_regressions_and_open_issue_checks_of_the_chosen_patch_are_listed() -> None:
    page = sheet(verdict=replace(VERDICT, status="unverified", chosen="2.1"))
    assert section(page, "Regressions") == f"- `{OLD}`: fail, `assert 1 == 2`"
    still = f"- `{ASEC}`: fail, `assert 'asec' == 'arcsec'`"
    assert section(page, "Issue checks that still do not pass") == still
    assert "Left out of the patch" not in page


def test_a_check_that_failed_for_another_reason_is_not_taken_for_proof() -> None:
    checks = (replace(MATRIX.checks[0], issue=False, reason=""), *MATRIX.checks[1:])
    page = sheet(matrix=replace(MATRIX, checks=checks))
    row = section(page, "Fails before, passes with the patch").splitlines()[2]
    assert row.endswith("| it does not: it fails for another reason than the issue's |")


def test_a_repository_without_tests_is_said() -> None:
    said = "The repository has no tests that were found"
    assert said in sheet(image=replace(IMAGE, test_command=None), matrix=None)
    assert said not in sheet()


def test_no_patch_says_what_was_left_out_and_has_no_confidence() -> None:
    verdict = Verdict("no_patch", None, (), None, None, (), ("Only tests were changed.",))
    result = replace(
        RESULT, status="no_patch", patch=None, confidence=None, cost_usd=None, attempts=1
    )
    page = sheet(verdict=verdict, result=result, matrix=None, candidates=(FIRST,))
    assert re.findall("^## (.*)$", page, re.MULTILINE) == [
        "Left out of the patch",
        "Remarks",
        "Cost",
    ]
    assert "a new script at the top level (candidate 1.1)" in page
    assert "- 1 attempt, 2 candidates" in page
    assert "price unknown" in page


HOSTILE = "\x1b[2J\x1b]0;owned\x07 `x` <img src=y> | **b** [l](http://e) \u202egnp\r# h\n## i ```"


def test_what_others_wrote_neither_acts_nor_marks_up() -> None:
    task = replace(TASK, title=HOSTILE)
    candidate = replace(
        FIRST, patch=PATCH + HOSTILE + "\n```\n## not ours\n", dropped=(Dropped(HOSTILE, "a test"),)
    )
    verdict = replace(VERDICT, risks=(Risk("kind", HOSTILE, 1, HOSTILE),))
    checks = (replace(MATRIX.checks[0], reason=HOSTILE),)
    changed: dict[str, Any] = {
        "task": task,
        "candidates": (candidate,),
        "verdict": verdict,
        "matrix": replace(MATRIX, checks=checks, notes=(HOSTILE,)),
        "result": replace(RESULT, errors=(HOSTILE,)),
    }
    page = sheet(**changed)
    for text in (page, on_screen(80, **changed)):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert "\\x1b[2J" in on_screen(200, **changed)
    # The diff is fenced by more ticks than it holds; outside of it no line of theirs is a heading.
    before, _, rest = page.partition("````diff\n")
    outside = before + rest.partition("\n````\n")[2]
    assert "## not ours" in page
    assert "## not ours" not in outside
    assert not re.search(r"(?m)^## i", outside)
    assert "\\<img src=y\\>" in before
    row = section(page, "Fails before, passes with the patch").splitlines()[2]
    assert len(re.findall(r"(?<!\\)\|", row)) == 5


@given(st.text(st.characters()))
def test_visible_text_has_nothing_that_acts(text: str) -> None:
    shown = visible(text)
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\ud800-\udfff]", shown
    )
    shown.encode("utf-8")
    assert visible(shown) == shown
    assert len(one_line(text, 10)) <= 10
    assert "\n" not in one_line(text)


@given(st.text(st.characters(exclude_categories=("C", "Zl", "Zp"))))
def test_plain_words_are_shown_as_they_are(text: str) -> None:
    assert visible(text) == text


def test_figures() -> None:
    assert [money(None), money(0), money(0.00123), money(12.345)] == [
        "price unknown", "$0.00", "$0.0012", "$12.35",
    ]  # fmt: skip
    assert [duration(0.04), duration(59.9), duration(60), duration(3599.6), duration(7325)] == [
        "0.0 s", "59.9 s", "1 min 00 s", "1 h 00 min", "2 h 02 min",
    ]  # fmt: skip
    assert [clock(9.9), clock(61), clock(3661)] == ["0:09", "1:01", "1:01:01"]


# --- transcript and listings ---

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
attempt 1 end: steps 250 steps
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
class 2: 2.1: mass 0.33, 1 issue checks passed, 1 regression
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
    text = "\n".join(lines(recorded / "first" / TASK.id)) + "\n"
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
    for line in lines(recorded):
        assert first.match(line), line
        assert not re.search("[\x00-\x08\x0a-\x1f]", line)


def test_what_did_not_end_well_is_said(recorded: Path) -> None:
    text = list(lines(recorded))
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
    text = list(lines(tmp_path))
    assert 'attempt 1 step 0 bash: {"command":' in text
    assert "attempt 1 step 0 plan: [1]" in text


def test_runs_and_their_tasks_are_listed(recorded: Path) -> None:
    info = load_run(recorded / "first").info
    assert info is not None
    begun = f"{info.started:%Y-%m-%d %H:%M}"
    assert info.started <= datetime.now(UTC)
    assert list(list_runs(recorded)) == [
        f"first {begun} 3 tasks 1 failed, 1 unfinished, 1 verified",
        "  sympy__sympy-14774 verified 0.60 $0.1234 1 min 23 s",
        "  t-failed failed no registry",
        "  t-killed unfinished",
    ]


def test_json_has_everything_once_with_its_kind(recorded: Path) -> None:
    whole = json.loads("\n".join(json_lines(recorded / "first")))
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
