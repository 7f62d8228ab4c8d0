import pytest

from agent.reproduction.issue_reason import exceptions_named, issue_reason
from tools.junit import CaseReport, Result


def report(result: Result, exception: str, message: str, raised_in: str = "") -> CaseReport:
    return CaseReport(
        "t.py::a", result, 0.1, message, "", exception, (raised_in,) if raised_in else ()
    )


ISSUE = "mean([]) raises ZeroDivisionError, see `division by zero in mean`"


@pytest.mark.parametrize(
    ("failure", "counts"),
    [
        (report("fail", "AssertionError", "assert 1 == 2"), True),
        (report("fail", "ZeroDivisionError", "ZeroDivisionError: x", "calc.py"), True),
        (report("fail", "ZeroDivisionError", "ZeroDivisionError: x", "tests/test_a.py"), False),
        (report("fail", "ValueError", "ValueError: division by zero in mean", "calc.py"), True),
        (report("fail", "ValueError", "ValueError: something else", "calc.py"), False),
        (report("error", "AssertionError", "assert 1 == 2"), False),
        (report("error", "ImportError", "ImportError: no calc"), False),
        (report("fail", "NameError", "NameError: mean", "tests/test_a.py"), False),
        (report("fail", "ModuleNotFoundError", "No module named x", "calc.py"), False),
        (report("pass", "", ""), False),
        (report("timeout", "", ""), False),
    ],
)
def test_which_failures_show_the_issue(failure: CaseReport, counts: bool) -> None:
    assert bool(issue_reason(failure, ISSUE)) is counts


def test_without_a_named_type_any_exception_from_the_project_counts() -> None:
    raised = report("fail", "ValueError", "ValueError: something else", "calc.py")
    assert "raised in calc.py" in issue_reason(raised, "mean of nothing is wrong")
    in_test = report("fail", "ValueError", "ValueError: something else", "tests/test_a.py")
    assert issue_reason(in_test, "mean of nothing is wrong") == ""


def test_exception_names_are_found_in_text() -> None:
    text = "It raised KeyError: 'x' and then a UserWarning; StopIteration is fine, MyError too"
    assert exceptions_named(text) == {"KeyError", "UserWarning", "StopIteration", "MyError"}
