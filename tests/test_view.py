"""The verdict sheet and the words it is made of, compared as text."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from agent.records import (
    Check,
    CheckResult,
    Dropped,
    Matrix,
    Risk,
    Verdict,
)
from agent.show.figures import clock, duration, money
from agent.show.markdown import markdown
from agent.show.terminal import Screen
from agent.show.terminal_safe import one_line, visible
from agent.show.verdict_sheet import verdict_sheet
from tests.judged import (
    ACSC,
    ASEC,
    CLASSES,
    FIRST,
    IMAGE,
    MATRIX,
    OLD,
    PATCH,
    RESULT,
    SECOND,
    TASK,
    VERDICT,
)

SHEET = f"""\
# sympy__sympy-14774: verified patch

Latex printer does not support full inverse trig function names for acsc and asec

Two of three samples behave alike. No stable check regresses.

## Patch

`runs/r/t/candidate-1.1.patch`, candidate 1.1 of attempt 1, textually the same as 3.1

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

0.60, semantic entropy 0.92 bits. It follows from the share of the samples tried that behave like this patch and from the checks; it is not yet calibrated on data, so read it as an order, not as a probability.

## Cost

- 3 attempts, 2 candidates, 2 behaviour classes
- $0.1234, 12,345 prompt (90 cached) + 678 completion tokens, 1 min 23 s
- model `scripted:fix.json`
- image `repair-agent/sympy:1a2b`, built, Python 3.9.2
"""  # noqa: E501 - a Markdown table has no shorter form


def sheet(**changed: Any) -> str:
    return markdown(verdict_sheet(**{**given_, **changed}))


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
    console.print(Screen(verdict_sheet(**{**given_, **changed})))
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

runs/r/t/candidate-1.1.patch, candidate 1.1 of attempt 1, textually the same
as 3.1

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
    printed = on_screen(76)
    assert printed.count('"asec", "acot"]\n') == 1, "lines of a patch can be copied as they are"
    shown = "\n".join(line.rstrip() for line in printed.splitlines())
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
        CheckResult("1.1", "print(f(1))", "pass", "a", "prints 1"),
        CheckResult("2.1", "print(f(1))", "pass", "b", "prints 2"),
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
    said = "The repository has no tests that could be run"
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
