import json
from pathlib import Path

import pytest

from agent.errors import UserError
from agent.model.scripted import load
from agent.records import Message
from tools.base import EpisodeOver


def write(folder: Path, script: object) -> Path:
    path = folder / "script.json"
    path.write_text(script if isinstance(script, str) else json.dumps(script))
    return path


def test_replies_come_in_order_and_again_for_an_attempt_that_starts_again(tmp_path: Path) -> None:
    script = {
        "attempt-1": [
            "thinking",
            {"content": "now", "tool_calls": [{"name": "bash", "arguments": {"command": "ls"}}]},
        ]
    }
    model = load(write(tmp_path, script))
    for _ in range(2):
        said = [Message("m0", "user", "go")]
        first = model.reply(said, conversation="attempt-1").messages[0]
        assert (first.role, first.content, first.tool_calls) == ("assistant", "thinking", ())
        second = model.reply([*said, first], conversation="attempt-1").messages[0]
        assert second.tool_calls[0].name == "bash"
        assert json.loads(second.tool_calls[0].arguments) == {"command": "ls"}
        with pytest.raises(EpisodeOver) as over:
            model.reply([*said, first, second], conversation="attempt-1")
        assert over.value.reason == "no_reply"
    assert len(model.reply([], n=3, conversation="attempt-1").messages) == 3
    with pytest.raises(EpisodeOver):
        model.reply([], conversation="attempt-2")


@pytest.mark.parametrize(
    "script",
    [
        "not json",
        "[]",
        {"attempt-1": [{"tool_calls": [{"name": "bash"}]}]},
        {"attempt-1": [{"said": "x"}]},
        {"attempt-1": "x"},
    ],
)
def test_a_wrong_script_is_the_users_to_mend(tmp_path: Path, script: object) -> None:
    with pytest.raises(UserError) as error:
        load(write(tmp_path, script))
    assert "script.json" in error.value.message
    assert "attempt-1" in error.value.hint


def test_a_script_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read the script .*none\.json"):
        load(tmp_path / "none.json")
