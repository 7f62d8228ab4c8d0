"""Whether a test fails for the issue's reason or for another."""

from __future__ import annotations

import re

from tools.junit import CaseReport
from tools.nearby_tests import is_collected

_EXCEPTION = re.compile(r"\b([A-Z]\w*(?:Error|Exception|Warning|Interrupt|Exit|Iteration))\b")
_BROKEN = ("SyntaxError", "IndentationError", "ImportError", "ModuleNotFoundError", "NameError")


def exceptions_named(text: str) -> frozenset[str]:
    """Return the exception types that a text names."""
    return frozenset(_EXCEPTION.findall(text))


def issue_reason(report: CaseReport, issue: str) -> str:
    """Return why this failure on the clean base shows the issue, "" when it does not.

    It is an assertion of the test, or an exception raised from the project's code; where the issue
    names exception types, an exception must be of one of them or carry a message the issue quotes.
    Errors of collection, import, fixture or syntax never count.
    """
    if report.result != "fail" or not report.exception:
        return ""
    if report.exception == "AssertionError":
        return f"assertion: {report.message[:200]}"
    inside = [path for path in report.frames if not is_collected(path)]
    text = report.message.partition(": ")[2].strip()
    if not inside or not _fits(report.exception, text, issue):
        return ""
    return f"{report.exception} raised in {inside[-1]}: {text[:200]}"


def _fits(exception: str, text: str, issue: str) -> bool:
    """Tell whether an exception with this text may be the one that the issue is about."""
    named = exceptions_named(issue)
    if exception in named or exception in _BROKEN:
        return exception in named
    return not named or (len(text) >= 8 and text in issue)
