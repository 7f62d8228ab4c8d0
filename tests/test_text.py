"""Calls as text: the form that is shown, and all that is understood."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.text import STOP, Text, call
from agent.model.wire import Ask
from agent.planner.free import toolbox
from agent.records import Message, Sampling
from tests.samples import PYTHON_PATH
from tools.sandbox_local import LocalSandbox

EDIT = "<edit>\n<path>a.py</path>\n<old>\n    x = 1\n</old>\n<new>\n    x = 2\n</new>\n</edit>"


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("empty")
    return toolbox(LocalSandbox(Path(folder), path=PYTHON_PATH), "pytest").schemas()


def read(reply: str, tools: list[dict[str, Any]]) -> tuple[str, Any] | None:
    found = call(reply, tools)
    return (found[0].name, json.loads(found[0].arguments)) if found else None


def test_the_tools_stand_in_the_first_message_and_observations_are_a_users_words(
    tools: list[dict[str, Any]],
) -> None:
    talk = [
        Message("m0", "system", "Repair."),
        Message("m1", "user", "The issue."),
        Message("m2", "assistant", EDIT, call(EDIT, tools)),
        Message("m3", "tool", "Changed.", tool_call_id="call-1"),
        Message("m4", "user", "Finish."),
    ]
    body = Text().body(Ask(talk, tools, Sampling()))

    assert "tools" not in body
    assert body["stop"] == [STOP]
    assert [message["role"] for message in body["messages"]] == [
        "system",
        "user",
        "assistant",
        "user",
    ]
    assert body["messages"][0]["content"].startswith("Repair.")
    for tool in tools:
        assert f"\n{tool['function']['name']}: " in body["messages"][0]["content"]
    assert body["messages"][2] == {"role": "assistant", "content": EDIT}
    assert body["messages"][3]["content"] == ("<observation>\nChanged.\n</observation>\n\nFinish.")


def test_without_tools_nothing_is_added() -> None:
    body = Text().body(Ask([Message("m0", "user", "hi")], (), Sampling()))
    assert body == {"messages": [{"role": "user", "content": "hi"}], "temperature": 0.0}


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (f"I mend it.\n{EDIT}", ("edit", {"path": "a.py", "old": "    x = 1", "new": "    x = 2"})),
        ("<bash><command>ls -a</command></bash>", ("bash", {"command": "ls -a"})),
        ("<bash>\nls -a\n</bash>", ("bash", {"command": "ls -a"})),
        ("<bash>\n<command>ls -a", ("bash", {"command": "ls -a"})),
        ("<read><path>a.py</path><start>3</start></read>", ("read", {"path": "a.py", "start": 3})),
        (
            '<run_tests><tests>["a.py", "b.py"]</tests></run_tests>',
            ("run_tests", {"tests": ["a.py", "b.py"]}),
        ),
        (
            "<run_tests>\n<tests>\na.py\nb.py\n</tests></run_tests>",
            ("run_tests", {"tests": ["a.py", "b.py"]}),
        ),
        (
            "<search><pattern>x</pattern><ignore_case>True</ignore_case></search>",
            ("search", {"pattern": "x", "ignore_case": True}),
        ),
        ("<submit><summary>Done.</summary></submit>", ("submit", {"summary": "Done."})),
        (
            '```json\n{"name": "bash", "arguments": {"command": "ls"}}\n```',
            ("bash", {"command": "ls"}),
        ),
        (
            '<tool_call>{"tool": "read", "parameters": {"path": "a"}}</tool_call>',
            ("read", {"path": "a"}),
        ),
        ('{"action": "bash", "command": "ls"}', ("bash", {"command": "ls"})),
        ('{"name": "bash", "arguments": {"command": "a\nb"}}', ("bash", {"command": "a\nb"})),
        ("I look.\n```bash\nls -a\n```\nThen more.", ("bash", {"command": "ls -a"})),
        ("First <read><path>a</path></read> then <bash>ls</bash>", ("read", {"path": "a"})),
        ("I think the bug is in `mean`.", None),
        ('The dict {"name": "Bob"} is wrong.', None),
        ("```python\nprint(1)\n```", None),
        ("if a <b> c", None),
        ("", None),
    ],
)
def test_forms_that_are_understood(
    tools: list[dict[str, Any]], reply: str, expected: tuple[str, Any] | None
) -> None:
    assert read(reply, tools) == expected


@given(old=st.text(max_size=200), new=st.text(max_size=200))
def test_code_survives_the_tags(old: str, new: str) -> None:
    schema = {
        "type": "function",
        "function": {
            "name": "edit",
            "parameters": {"properties": {"old": {"type": "string"}, "new": {"type": "string"}}},
        },
    }
    if any(tag in old + new for tag in ("<old", "<new", "</", "<edit")):
        return
    found = call(f"<edit>\n<old>\n{old}\n</old>\n<new>\n{new}\n</new>\n</edit>", [schema])
    assert json.loads(found[0].arguments) == {"old": old, "new": new}


@given(st.text())
def test_any_reply_is_read_without_failing(reply: str) -> None:
    schema = {"function": {"name": "bash", "parameters": {"properties": {}}}}
    assert len(call(reply, [schema])) <= 1
