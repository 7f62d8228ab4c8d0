"""Calls as text: the form that is shown, and all that is understood."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.messages import Message, Sampling
from agent.model.protocol import Request
from agent.model.text import STOP, Text, call
from agent.planner.free import toolbox
from tests.samples import PYTHON_PATH
from tools.sandbox.local import LocalSandbox

EDIT = """I mend it.
```json
{"name": "edit", "arguments": {"path": "a.py", "old": "x = 1", "new": "x = 2"}}
```"""
BASH = {"name": "bash", "arguments": {"command": "ls"}}


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
    body = Text().body(Request(talk, tools, Sampling()))

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
    body = Text().body(Request([Message("m0", "user", "hi")], (), Sampling()))
    assert body == {"messages": [{"role": "user", "content": "hi"}], "temperature": 0.0}


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (EDIT, ("edit", {"path": "a.py", "old": "x = 1", "new": "x = 2"})),
        (f"<tool_call>{json.dumps(BASH)}</tool_call>", ("bash", {"command": "ls"})),
        ('{"tool": "read", "parameters": {"path": "a"}}', ("read", {"path": "a"})),
        ('{"action": "bash", "command": "ls"}', ("bash", {"command": "ls"})),
        (json.dumps({"type": "function", "function": BASH}), ("bash", {"command": "ls"})),
        (
            '{"name": "bash", "arguments": "{\\"command\\": \\"ls\\"}"}',
            ("bash", {"command": "ls"}),
        ),
        ('{"name": "bash", "arguments": {"command": "a\nb"}}', ("bash", {"command": "a\nb"})),
        (
            r'{"name": "search", "arguments": {"pattern": "\d+\\.\w \"x\""}}',
            ("search", {"pattern": r'\d+\.\w "x"'}),
        ),
        ("I look.\n```bash\nls -a\n```\nThen more.", ("bash", {"command": "ls -a"})),
        ("I look.\n```bash\nls -a", ("bash", {"command": "ls -a"})),
        (f"First {json.dumps(BASH)} then\n```sh\nrm x\n```", ("bash", {"command": "ls"})),
        (f"```sh\nls -a\n```\n{json.dumps(BASH)}", ("bash", {"command": "ls -a"})),
        (f'The dict {{"name": "Bob"}} is wrong. {json.dumps(BASH)}', ("bash", {"command": "ls"})),
        (
            f"<think>Maybe {json.dumps(BASH)}? No.</think>\n{EDIT}",
            ("edit", {"path": "a.py", "old": "x = 1", "new": "x = 2"}),
        ),
        (
            '{"name": "edit", "arguments": {"new": "{\\"name\\": \\"bash\\"}", "path": "a"}}',
            ("edit", {"new": '{"name": "bash"}', "path": "a"}),
        ),
        (
            '{"name": "edit", "arguments": {"new": "x" {"name": "submit", "summary": "y"}',
            None,
        ),
        ("<think>I never stop thinking", None),
        ("I think the bug is in `mean`.", None),
        ('{"name": ["bash"]} and {"name": {"a": 1}}', None),
        ('{"a":' + "[" * 5000, None),
        ("```python\nprint(1)\n```", None),
        ("", None),
    ],
)
def test_forms_that_are_understood(
    tools: list[dict[str, Any]], reply: str, expected: tuple[str, Any] | None
) -> None:
    assert read(reply, tools) == expected


@pytest.mark.parametrize("reply", [EDIT[:-20], "```bash\nrm -rf build/tm"])
def test_of_a_reply_that_was_cut_nothing_incomplete_is_run(
    tools: list[dict[str, Any]], reply: str
) -> None:
    assert call(reply, tools, cut=True) == ()
    assert call(EDIT, tools, cut=True) != ()


@given(old=st.text(max_size=200), new=st.text(max_size=200))
def test_code_survives(old: str, new: str) -> None:
    schema = {"function": {"name": "edit", "parameters": {}}}
    written = json.dumps({"name": "edit", "arguments": {"old": old, "new": new}})
    found = call(f"So:\n```json\n{written}\n```", [schema])
    assert json.loads(found[0].arguments) == {"old": old, "new": new}


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["name", "function", "arguments", "type", "bash"]), inner)
    ),
)


@given(VALUES | st.text())
def test_any_reply_is_read_without_failing(value: Any) -> None:
    schema = {"function": {"name": "bash", "parameters": {"properties": {}}}}
    assert len(call(value if isinstance(value, str) else json.dumps(value), [schema])) <= 1
