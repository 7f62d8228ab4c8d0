"""One judged task, as records: what the tests of the views show."""

from __future__ import annotations

from agent.records import (
    BehaviourClass,
    Candidate,
    Check,
    CheckResult,
    Counts,
    Dropped,
    Image,
    Matrix,
    Result,
    Risk,
    Task,
    Verdict,
)

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
        CheckResult("base", ACSC, "fail", "a", "AssertionError"),
        CheckResult("base", ASEC, "fail", "a", "AssertionError"),
        CheckResult("base", OLD, "pass"),
        CheckResult("1.1", ACSC, "pass"),
        CheckResult("1.1", ASEC, "pass"),
        CheckResult("1.1", OLD, "pass"),
        CheckResult("2.1", ACSC, "pass"),
        CheckResult("2.1", ASEC, "fail", "a", "assert 'asec' == 'arcsec'"),
        CheckResult("2.1", OLD, "fail", "b", "assert 1 == 2"),
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
