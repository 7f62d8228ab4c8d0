"""Blocks that replace lines: what a grammar lets a model write, and what is done with it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.planner.guided.edit_format import MOST_OLD, applied, grammar

CODE = ["def f(x):", "    a = 1", "", '    return "\\n" + a', "    # end"]


def block(old: str, new: str) -> str:
    return f"<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"


def test_a_block_replaces_its_lines() -> None:
    assert applied(CODE, block("    a = 1", "    a = 2\n    b = 3")) == [
        CODE[0],
        "    a = 2",
        "    b = 3",
        *CODE[2:],
    ]


@pytest.mark.parametrize(
    "reply",
    [
        "no block",
        block("    a = 1", "    a = 1"),
        block("    something else entirely", "    a = 2"),
        "<<<<<<< SEARCH\n    a = 1\n=======\n    a = 2\n",
        block("", "    a = 2"),
    ],
)
def test_what_changes_nothing_is_no_change(reply: str) -> None:
    assert applied(CODE, reply) is None


def test_a_nearly_right_copy_is_taken_and_indented_as_what_stands() -> None:
    assert applied(CODE, block("a = 1", "a = 2")) == [CODE[0], "    a = 2", *CODE[2:]]
    assert applied(CODE, block('      return "\\n" +  a', '      return "" + a')) == [
        *CODE[:3],
        '    return "" + a',
        CODE[4],
    ]


def test_lines_may_be_removed() -> None:
    reply = "<<<<<<< SEARCH\n    # end\n=======\n>>>>>>> REPLACE\n"
    assert applied(CODE, reply) == CODE[:4]


def test_a_grammar_names_lines_in_their_order() -> None:
    rules = dict(rule.split(" ::= ", 1) for rule in grammar(CODE, [1, 3]).split("\n"))
    assert rules["root"] == "b1 | b3"
    assert rules["l1-1"] == '"    a = 1\\n" l2-2?'
    assert rules["l3-1"] == '"    return \\"\\\\n\\" + a\\n" l4-2?'
    assert '("    " [^ ' in rules["b1"]
    assert "l0-1" not in rules


def test_tabs_stay_tabs() -> None:
    code = ["\tif a:", "\t\treturn 1"]
    assert '("\\t\\t" [^ ' in grammar(code, [1])
    assert applied(code, block("return 1", "return 2")) == ["\tif a:", "\t\treturn 2"]
    assert applied(code, block("\t\treturn 1", "\t\treturn 2").replace("\n", "\r\n")) is not None


@given(st.lists(st.text(alphabet='ab"\\ \t', max_size=8), min_size=1, max_size=12), st.data())
def test_every_rule_that_is_named_is_there(lines: list[str], data: st.DataObject) -> None:
    starts = data.draw(st.sets(st.integers(0, len(lines) - 1), min_size=1))
    text = grammar(lines, sorted(starts))
    rules = dict(rule.split(" ::= ", 1) for rule in text.split("\n"))
    bare = re.sub(r'"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]', " ", text)
    named = set(re.findall(r"\b([bl]\d+(?:-\d+)?)\b", bare))
    assert named <= rules.keys()
    assert all(int(name.partition("-")[2] or 1) <= MOST_OLD for name in rules if name[0] == "l")
