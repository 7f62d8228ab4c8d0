import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent.cli.solve import run_solve
from agent.config import Config
from agent.errors import UserError
from agent.intake.issue import read
from agent.messages import Message, Sampling
from agent.model.protocol import Request
from agent.model.scripted import MOST_SILENT, load, replayed
from agent.planner.loop_guard import MOST_SILENT_REPLIES
from agent.trajectory.formats.loader import Trajectory
from agent.trajectory.formats.loader import load as load_trajectory
from agent.trajectory.reader import load_task
from tests.samples import ISSUE, PYTEST, PYTHON_PATH, make_project
from tests.trajectories import REAL, SUBMIT, answer, block, file_of, said
from tools.base import EpisodeOver


def write(folder: Path, script: object) -> Path:
    path = folder / "script.json"
    path.write_text(script if isinstance(script, str) else json.dumps(script))
    return path


def request(messages: Sequence[Message], conversation: str, n: int = 1) -> Request:
    return Request(messages, sampling=Sampling(n), conversation=conversation)


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
        first = model.reply(request(said, "attempt-1")).messages[0]
        assert (first.role, first.content, first.tool_calls) == ("assistant", "thinking", ())
        second = model.reply(request([*said, first], "attempt-1")).messages[0]
        assert second.tool_calls[0].name == "bash"
        assert json.loads(second.tool_calls[0].arguments) == {"command": "ls"}
        with pytest.raises(EpisodeOver) as over:
            model.reply(request([*said, first, second], "attempt-1"))
        assert over.value.reason == "no_reply"
    assert len(model.reply(request([], "attempt-1", n=3)).messages) == 3
    with pytest.raises(EpisodeOver):
        model.reply(request([], "attempt-2"))


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


def test_a_list_is_the_samples_of_one_prompt(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps({"attempt-1.1": [["a", "b"], "c"], "attempt-1.2": ["d"]}))
    model = load(path)
    said = model.reply(request([], "attempt-1.1", n=3)).messages
    assert [one.content for one in said] == ["a", "b", "a"]
    more = model.reply(request([said[0]], "attempt-1.1", n=2)).messages
    assert [one.content for one in more] == ["c", "c"]
    assert model.attempts == 1, "places of one attempt are no attempts"


def test_a_script_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read the script .*none\.json"):
        load(tmp_path / "none.json")


SEEN = answer("<returncode>0</returncode>\n<output>\n</output>")
REFUSED = answer("Please always provide EXACTLY ONE action in triple backticks, found 0 actions.")


def recording(folder: Path, *messages: dict[str, Any], **info: Any) -> Path:
    path = folder / "run.traj.json"
    path.write_text(json.dumps(file_of(*messages, **info)))
    return path


def run_of(folder: Path, *messages: dict[str, Any], **info: Any) -> Trajectory:
    return load_trajectory(recording(folder, *messages, **info))


def arguments(reply: Message) -> list[dict[str, Any]]:
    return [json.loads(call.arguments) for call in reply.tool_calls]


def test_a_real_trajectory_is_the_script_of_one_attempt() -> None:
    model = load(REAL)
    assert (model.attempts, model.name) == (1, f"scripted:{REAL.name}")
    first = model.reply(request([], "attempt-1")).messages[0]
    assert arguments(first) == [{"command": "ls -F"}]
    with pytest.raises(EpisodeOver):
        model.reply(request([], "reproduce"))
    replies = replayed(load_trajectory(REAL))
    assert len(replies) == 22
    assert [call.name for call in replies[-1].tool_calls] == ["bash", "submit"]
    assert arguments(replies[-1])[0] == {"command": SUBMIT}


def test_refused_replies_end_no_attempt_that_went_on(tmp_path: Path) -> None:
    assert MOST_SILENT < MOST_SILENT_REPLIES
    silent = [one for number in range(5) for one in (said(f"hm {number}"), REFUSED)]
    work = [*silent, said(block("ls")), SEEN]
    replies = replayed(run_of(tmp_path, *work, *silent, exit_status="LimitsExceeded"))
    assert [reply.content for reply in replies[:3]] == ["hm 3", "hm 4", "THOUGHT: so."]
    assert [len(reply.tool_calls) for reply in replies] == [0, 0, 1, 0, 0, 0, 0, 0]


def test_a_run_that_was_not_handed_in_is_not(tmp_path: Path) -> None:
    replies = replayed(run_of(tmp_path, said(block("ls")), SEEN, exit_status="LimitsExceeded"))
    assert [call.name for reply in replies for call in reply.tool_calls] == ["bash"]


def test_a_command_has_the_variables_and_the_time_that_it_had(tmp_path: Path) -> None:
    environment = {"env": {"PAGER": "cat", "MODE": "a b"}, "timeout": 60}
    killed = answer("The last command <command>sleep 99</command> timed out")
    messages = [said(block("ls")), SEEN, said(block("sleep 99")), killed]
    for timeout, expected in ((60, [None, 60]), (300, [300, 300]), (9000, [1800, 1800])):
        config = {"environment": {**environment, "timeout": timeout}}
        run = run_of(tmp_path, *messages, exit_status="", config=config)
        sent = [arguments(reply)[0] for reply in replayed(run)]
        assert [one.get("timeout") for one in sent] == expected
        assert sent[0]["command"] == "export MODE='a b'\nls"


def test_commands_for_another_program_are_refused(tmp_path: Path) -> None:
    config = {"environment": {"interpreter": ["python3", "-c"]}}
    with pytest.raises(UserError, match="for 'python3', not bash"):
        load(recording(tmp_path, said(block("1 + 1")), config=config))


def test_a_replayed_run_ends_in_the_recorded_patch(tmp_path: Path) -> None:
    """The commands run for real, in the order and to the effect that they had."""
    make_project(tmp_path / "project")
    (tmp_path / "mean.md").write_text(ISSUE)
    mend = r"sed -i 's/^    return .*/& if values else 0.0/' calc.py"
    script = recording(
        tmp_path,
        said(block("cat calc.py")),
        SEEN,
        said("I would rather talk."),
        REFUSED,
        said(block("cat <<'EOF' > try.py\nfrom calc import mean\nprint(mean([]))\nEOF")),
        SEEN,
        said(f"{block(mend)}\n{block('rm -r tests')}"),
        REFUSED,
        said(block(f"{mend} && python3 try.py")),
        SEEN,
        said(block(f"rm try.py\n{SUBMIT}")),
        answer("diff"),
    )
    issue = replace(read(str(tmp_path / "mean.md")), repository=str(tmp_path / "project"))
    issue = replace(issue, test_command=PYTEST)
    config = Config(f"scripted:{script}", attempts=1, sandbox="local", path=PYTHON_PATH)
    with Path("/dev/null").open("w") as sink:
        run_solve(issue, config, tmp_path / "run", Console(file=sink))
    task = load_task(tmp_path / "run")
    (left,) = task.candidates
    assert left.files == ("calc.py",)
    assert "-    return sum(values) / len(values)\n" in left.patch
    assert "+    return sum(values) / len(values) if values else 0.0\n" in left.patch
    (attempt,) = task.attempts
    assert attempt.end is not None
    assert (attempt.end.reason, len(attempt.steps)) == ("submitted", 6)
    acts = [act for turn in attempt.turns for act in turn.acts if act.outcome is not None]
    assert [act.action.name for act in acts] == ["bash"] * 4
    seen = [act.outcome for act in acts if act.outcome is not None]
    assert "0.0" in seen[2].text
    assert seen[3].text.startswith("COMPLETE_TASK")
    assert [one.changed for one in seen] == [(), ("try.py",), ("calc.py",), ("try.py",)]
    assert [one.exit_code for one in seen] == [0, 0, 0, 0]
