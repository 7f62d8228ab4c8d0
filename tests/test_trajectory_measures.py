"""What recordings of mini-swe-agent tell beside words: tokens, money, time, failures, thoughts."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from agent.messages import Usage
from agent.trajectory.formats.loader import Trajectory, load
from tests.trajectories import (
    REAL,
    answer,
    block,
    failed,
    file_of,
    outcomes,
    reasoning,
    said,
    seen,
    thought,
)

NEW = Path(__file__).parent / "data" / "mini-swe-agent-2.4.6.traj.json"


def read(folder: Path, *messages: dict[str, Any], version: str = "", **info: Any) -> Trajectory:
    path = folder / "run.traj.json"
    path.write_text(json.dumps(file_of(*messages, version=version, **info)))
    return load(path)


def test_a_real_recording_tells_what_each_reply_cost() -> None:
    run = load(REAL)
    raw = json.loads(gzip.decompress(REAL.read_bytes()))
    told = [one["extra"]["response"] for one in raw["messages"] if "extra" in one]
    assert len(told) == len(run.turns)
    for turn, response in zip(run.turns, told, strict=True):
        usage = response["usage"]
        assert turn.step.usage.prompt == usage["prompt_tokens"]
        assert turn.step.usage.completion == usage["completion_tokens"]
        assert turn.step.usage.usd == usage["cost"]
        assert reasoning(turn) == (response["choices"][0]["message"]["reasoning"] or "")
        assert turn.step.seconds == 0.0
    assert any(reasoning(turn) for turn in run.turns)
    assert run.usage is not None
    assert run.usage.usd == run.usd
    assert run.resolved is True
    assert run.patch == run.submission


def test_a_real_recording_tells_which_commands_failed() -> None:
    run = load(REAL)
    for turn in run.turns[:-1]:
        (text,) = seen(turn)
        assert failed(turn) == [not text.startswith("<returncode>0<")]
    assert sum(any(failed(turn)) for turn in run.turns) == 3
    assert not any(one.error or one.timed_out for turn in run.turns for one in outcomes(turn))


def test_a_recording_of_2x_tells_time_and_failures_too() -> None:
    run = load(NEW)
    assert (run.agent, run.model, run.resolved) == ("mini-swe-agent 2.4.6", "gpt-4o", None)
    assert [failed(turn) for turn in run.turns] == [
        [False, False],
        [False],
        [True],
        [],
        [True],
        [False],
    ]
    assert len(run.turns[3].heard) == 1, "it was refused"
    assert [[one.exit_code for one in outcomes(turn)] for turn in run.turns] == [
        [0, 0],
        [0],
        [-1],
        [],
        [3],
        [None],
    ]
    assert [any(one.timed_out for one in outcomes(turn)) for turn in run.turns] == [
        number == 2 for number in range(6)
    ]
    assert [turn.step.usage.prompt for turn in run.turns] == [
        100 * number for number in range(1, 7)
    ]
    assert run.usage == Usage(2100, 210, 1050, run.usd)
    assert sum(turn.step.usage.usd or 0 for turn in run.turns) == pytest.approx(run.usd)
    assert (thought(run.turns[0]), reasoning(run.turns[0])) == ("", "I look first.")
    killed = outcomes(run.turns[2])[0]
    assert killed.seconds == pytest.approx(1.0, abs=0.5)
    seconds = [turn.step.seconds for turn in run.turns]
    assert [one == 0.0 for one in seconds] == [True, False, False, True, True, False]
    assert all(0.05 <= one < 1 for one in seconds if one)


def test_seconds_of_1x_are_between_its_messages(tmp_path: Path) -> None:
    messages = [
        {**said(block("ls")), "timestamp": 110.5},
        {**answer("<returncode>2</returncode>\n<output>\n</output>"), "timestamp": 112.0},
        {**said(block("pwd")), "timestamp": 111.0},
        answer("<returncode>0</returncode>"),
    ]
    run = read(tmp_path, *messages)
    first, second = run.turns
    assert (first.step.seconds, outcomes(first)[0].seconds) == (0.0, 1.5)
    assert (second.step.seconds, outcomes(second)[0].seconds) == (0.0, 0.0)  # the clock went back
    assert (outcomes(first)[0].exit_code, outcomes(second)[0].exit_code) == (2, 0)


def test_a_cost_that_the_agent_could_not_find_out_is_unknown(tmp_path: Path) -> None:
    usage = {"usage": {"prompt_tokens": 5, "completion_tokens": 1}}
    reply = said("", actions=[], cost=0.0, response=usage)
    ignored = {"model": {"cost_tracking": "ignore_errors"}}
    stats = {"instance_cost": 0.0}
    run = read(tmp_path, reply, version=".1", config=ignored, model_stats=stats)
    assert (run.turns[0].step.usage, run.usd) == (Usage(5, 1), None)
    run = read(tmp_path, reply, version=".1", model_stats=stats)
    assert (run.turns[0].step.usage, run.usd) == (Usage(5, 1, usd=0.0), 0.0)


@pytest.mark.parametrize(
    "usage", [{"prompt_tokens": "x"}, [], 7, {"prompt_tokens_details": {"cached_tokens": "x"}}]
)
def test_counts_that_are_none_are_no_reason_to_refuse_a_file(tmp_path: Path, usage: Any) -> None:
    reply = said("", actions=[], response={"usage": usage})
    (turn,) = read(tmp_path, reply, version=".1").turns
    assert turn.step.usage == Usage()


def test_reasoning_of_the_responses_api_is_no_part_of_the_words(tmp_path: Path) -> None:
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Brief."}]},
        {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Long."}]},
        {"type": "message", "content": [{"type": "output_text", "text": "I look."}]},
    ]
    usage = {"input_tokens": 7, "output_tokens": 3, "input_tokens_details": {"cached_tokens": 2}}
    reply = {
        "object": "response",
        "output": output,
        "usage": usage,
        "extra": {"actions": [{"command": "ls"}], "cost": 0.5},
    }
    (turn,) = read(tmp_path, reply, version=".1").turns
    assert (thought(turn), reasoning(turn)) == ("I look.", "Brief.\nLong.")
    assert turn.step.usage == Usage(7, 3, 2, 0.5)


def test_a_submission_that_is_no_diff_is_no_patch(tmp_path: Path) -> None:
    for submission, patch in (
        ("done", None),
        ("", None),
        ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n"),
        ("\n\ndiff --git a/x b/x\n+a\r\n", "diff --git a/x b/x\n+a\r\n"),
        ("diff --git a/x b/x\r\n+a\r\r\n", "diff --git a/x b/x\n+a\r\n"),
    ):
        assert read(tmp_path, submission=submission).patch == patch
