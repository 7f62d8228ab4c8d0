"""What an issue says that code should do."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.localization.issue_snippets import Statement, pieces, programs, statements


@pytest.mark.parametrize(
    ("issue", "expected"),
    [
        ("`f(1)` gives `2` instead of `3`", [Statement("f(1)", "3", "2")]),
        ("`f(1)` returns `2` but should return `3`.", [Statement("f(1)", "3", "2")]),
        ("`f(1)` should be `3`, not now", [Statement("f(1)", "3")]),
        ("`f(1)` should give `3` instead of `2`", [Statement("f(1)", "3", "2")]),
        ("```\nx = 1\nf(x)  # should be 3\n```", [Statement("f(x)", "3", None, "x = 1")]),
        ("```\nprint(f(1))  # expected: 3\n```", [Statement("f(1)", "3")]),
        (
            "```\n>>> x = 1\n>>> f(x)\n2\n```\nExpected:\n```\n>>> f(x)\n3\n```",
            [Statement("f(x)", "3", "2", "x = 1")],
        ),
        ("```\n>>> f(1)\n2\n```\nExpected output\n```\n3\n```", [Statement("f(1)", "3", "2")]),
        ("```\n>>> f(1)\n2\n```\nThe answer should be `3`.", [Statement("f(1)", "3", "2")]),
        ("In [1]: f(1)\nOut[1]: 2\n\nExpected:\n\n    3\n", [Statement("f(1)", "3", "2")]),
    ],
)
def test_a_stated_result_is_read(issue: str, expected: list[Statement]) -> None:
    assert statements(f"Title\n\n{issue}\n") == expected


@pytest.mark.parametrize(
    "issue",
    [
        "`f(1)` works as expected returning `2`",
        "`f(1)` gives `2`",
        "`f` should be `g`",
        "`f(1)` does not give `2` instead of `3`",
        "`f(1)` is called here.\n\nLater, it should be `3`",
        "`f(1)` is slow. One should use `g(2)`",
        "`f(1)` and `g(2)` should be alike",
        "```\n>>> f(1)\n2\n```\nThis is right.\n```\n3\n```",
        "```\nf(1)  # a remark\n```",
        "```\n$ f 1  # should be 3\n```",
        "`f(1)` should raise `ValueError`",
        "`f(1)` should accept `None`",
        "`f(1)` must be faster than `g(2)`",
        "`f(1)` should be deprecated in favour of `g('a')`",
        "```\nf(2)  # should be a list\n```",
        "```\nf(2)  # must be called first\n```",
        "```\n>>> f(2)\n3\n```\nThe expected output is unclear to me. Version:\n```\n1.2.3\n```",
        "```\n>>> f(2)\n3\n```\nIt must be related to `numpy`",
        "```\n>>>  a = 1\n>>> f(a)\n1\n```\nIt should be\n```\n2\n```",
    ],
)
def test_what_is_not_stated_is_not_read(issue: str) -> None:
    assert statements(f"Title\n\n{issue}\n") == []


def test_programs_are_what_was_typed() -> None:
    issue = (
        "T\n\n```python\nimport m\nm.f()\n```\n\n"
        "```\n>>> for x in y():\n...     x\n1\n>>> z()\n```\n"
        "\n```\nTraceback (most recent call last):\n```\n\n```\nname\n```\n"
    )
    assert programs(issue) == ["import m\nm.f()", "for x in y():\n    x\nz()"]


def test_hostile_issues_are_read_in_no_time() -> None:
    started = time.process_time()
    pieces("`" * 15_000 + "\n" * 15_000)
    statements("T\n\n```\n" + "f(x)  # should be 2\n" * 2500 + "```\n")
    assert time.process_time() - started < 5


def test_a_comment_of_a_template_is_no_part() -> None:
    assert not programs("T\n<!--\n```python\nf()\n```\n-->\n")


@given(st.text(alphabet="`>~\n .#:=()f1x<!-", max_size=200))
def test_any_text_can_be_read(issue: str) -> None:
    assert "".join(piece.kind for piece in pieces(issue)).endswith("prose")
    statements(issue)
    programs(issue)
