import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from agent.errors import UserError
from agent.trajectory.formats.loader import Trajectory, load
from tests.trajectories import (
    REAL,
    SUBMIT,
    answer,
    block,
    commands,
    file_of,
    outcomes,
    reply,
    said,
    seen,
    thought,
)


def write(folder: Path, content: object, name: str = "run.traj.json") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def read(folder: Path, *messages: dict[str, Any], version: str = "", **info: Any) -> Trajectory:
    return load(write(folder, file_of(*messages, version=version, **info)))


def test_a_real_recording_is_read_whole() -> None:
    run = load(REAL)
    assert (run.id, run.agent) == ("sympy__sympy-13480", "mini-swe-agent 1.15.0")
    assert run.model == "google/gemini-3-pro-preview"
    assert run.usd == pytest.approx(0.1253208)
    assert [message.role for message in run.opening] == ["system", "user"]
    assert len(run.turns) == 22
    assert run.submitted
    assert run.environment.timeout == 60
    first, last = run.turns[0], run.turns[-1]
    assert thought(first).startswith("THOUGHT: I will start by listing the files")
    assert "```" not in thought(first)
    assert commands(first) == ["ls -F"]
    assert outcomes(first)[0].action == reply(first).tool_calls[0].id
    assert outcomes(first)[0].text.startswith("<returncode>0</returncode>")
    assert outcomes(first)[0].exit_code == 0
    assert commands(last) == [SUBMIT]
    assert outcomes(last)[0].text == run.submission
    assert run.submission.startswith("diff --git a/sympy/functions/elementary/hyperbolic.py")


def test_gzip_or_not_is_the_same_run(tmp_path: Path) -> None:
    name = "sympy__sympy-13480.traj.json"
    assert load(write(tmp_path, gzip.decompress(REAL.read_bytes()), name)) == load(REAL)


def test_a_reply_that_has_not_one_command_ran_nothing(tmp_path: Path) -> None:
    two = f"{block('echo 1')}\n{block('echo 2')}"
    refusal = "Please always provide EXACTLY ONE action"
    run = read(tmp_path, said("hm"), answer(refusal), said(two), answer(refusal))
    assert [reply(turn).tool_calls for turn in run.turns] == [(), ()]
    assert [thought(turn) for turn in run.turns] == ["hm", two]
    assert [turn.acts for turn in run.turns] == [(), ()]
    assert [[one.content for one in turn.heard] for turn in run.turns] == [[refusal], [refusal]]


def test_a_command_is_a_block_of_the_mark_that_its_format_has(tmp_path: Path) -> None:
    old, new = block(" ls "), block("ls", "mswea_bash_command")
    for version, good, bad in (("", old, new), (".1", new, old)):
        run = read(tmp_path, said(good), said(bad), version=version)
        assert [commands(turn) for turn in run.turns] == [["ls"], []]
        assert thought(run.turns[0]) == "THOUGHT: so."
    config = {"agent": {"action_regex": "<do>(.*?)</do>"}}
    run = read(tmp_path, said("so <do>ls</do>"), said(old), config=config)
    assert [commands(turn) for turn in run.turns] == [["ls"], []]


def test_commands_that_a_person_rejected_did_not_run(tmp_path: Path) -> None:
    old = read(tmp_path, said(block("ls")), answer("Command not executed. The user rejected it"))
    new = read(
        tmp_path,
        said("so", actions=[{"command": "ls"}]),
        answer("No.", interrupt_type="UserRejection"),
        version=".1",
    )
    assert reply(old.turns[0]).tool_calls == reply(new.turns[0]).tool_calls == ()
    assert thought(old.turns[0]) == block("ls")


def test_native_calls_of_the_newer_format(tmp_path: Path) -> None:
    actions = [{"command": "ls", "tool_call_id": "a"}, {"command": "pwd", "tool_call_id": "b"}]
    tool = {"role": "tool", "tool_call_id": "a", "content": "x"}
    last = [{"command": SUBMIT}, {"command": "rm -r ."}]
    run = read(
        tmp_path,
        {"role": "assistant", "content": None, "tool_calls": [{}], "extra": {"actions": actions}},
        tool,
        {**tool, "content": "/", "extra": {"exception_type": "TimeoutExpired"}},
        said("done", actions=last),
        said("diff", "exit", exit_status="Submitted", submission="diff"),
        version=".1",
    )
    first, second = run.turns
    assert commands(first) == ["ls", "pwd"]
    assert [(one.text, one.timed_out) for one in outcomes(first)] == [("x", False), ("/", True)]
    assert [one.action for one in outcomes(first)] == [call.id for call in reply(first).tool_calls]
    assert commands(second) == [SUBMIT]
    assert [one.action for one in outcomes(second)] == [reply(second).tool_calls[0].id]


def test_replies_of_the_responses_api(tmp_path: Path) -> None:
    answered = {
        "object": "response",
        "output": [
            {"type": "reasoning", "summary": []},
            {"type": "message", "content": [{"type": "output_text", "text": "I look."}]},
            {"type": "function_call", "arguments": "{}"},
        ],
        "extra": {"actions": [{"command": "ls"}]},
    }
    printed = {"type": "function_call_output", "call_id": "a", "output": "README"}
    (turn,) = read(tmp_path, answered, printed, version=".1").turns
    assert (thought(turn), commands(turn)) == ("I look.", ["ls"])
    assert seen(turn) == ["README"]


def test_a_refused_reply_is_taken_from_its_refusal(tmp_path: Path) -> None:
    plain = answer("Format error", interrupt_type="FormatError", model_response="I think.")
    response = {"choices": [{"message": {"content": "No call."}}]}
    native = answer("Format error", interrupt_type="FormatError", response=response)
    run = read(tmp_path, plain, native, said("so", actions=[{"command": "ls"}]), version=".1")
    assert [thought(turn) for turn in run.turns] == ["I think.", "No call.", "so"]
    assert [commands(turn) for turn in run.turns] == [[], [], ["ls"]]
    assert len(run.opening) == 2


def test_a_killed_command_and_an_end_at_a_limit(tmp_path: Path) -> None:
    killed = "The last command <command>sleep 99</command> timed out and has been killed."
    run = read(
        tmp_path,
        said(block("sleep 99")),
        answer(killed),
        answer(""),
        exit_status="LimitsExceeded",
        submission=None,
    )
    (turn,) = run.turns
    assert [(act.action.id, act.outcome and act.outcome.timed_out) for act in turn.acts] == [
        (reply(turn).tool_calls[0].id, True)
    ]
    assert [(one.role, one.content) for one in turn.heard] == [("user", "")]
    assert (run.submitted, run.exit_status, run.submission) == (False, "LimitsExceeded", "")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"not json", "is not whole JSON: Expecting value"),
        (gzip.decompress(REAL.read_bytes())[:5000], "is not whole JSON"),
        (b"[]", "names no trajectory_format"),
        ({"messages": [], "info": {}}, "names no trajectory_format"),
        (file_of(version="-2"), "is in the format 'mini-swe-agent-1-2'"),
        (file_of({"role": 7}), "is wrong at messages[2].role"),
        (file_of(said("", actions=["ls"])), "is wrong at messages[2].extra.actions[0]"),
        (file_of(config={"agent": {"action_regex": "("}}), "is wrong at action_regex"),
        ({"trajectory_format": "mini-swe-agent-1", "info": {}}, "is wrong at messages"),
    ],
)
def test_a_file_that_is_none_is_the_users_to_mend(
    tmp_path: Path, content: object, told: str
) -> None:
    with pytest.raises(UserError) as error:
        load(write(tmp_path, content))
    assert told in error.value.message
    assert "run.traj.json" in error.value.message
    assert "mini-swe-agent" in error.value.hint
    assert "\n" not in error.value.message


@pytest.mark.parametrize("content", [REAL.read_bytes()[:5000], b"{}", REAL.read_bytes()[:7]])
def test_a_broken_archive_is_named(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UserError, match=r"run\.traj\.json\.gz is no whole gzip file"):
        load(write(tmp_path, content, "run.traj.json.gz"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read the trajectory .*none\.traj\.json: No such"):
        load(tmp_path / "none.traj.json")
