"""What recordings of mini-swe-agent tell beside words: tokens, money, time, failures, thoughts."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from agent.records import Usage
from agent.trajectory.formats.loader import Trajectory, load
from tests.trajectories import REAL, answer, block, file_of, said

NEW = Path(__file__).parent / "data" / "mini-swe-agent-2.4.6.traj.json"


def read(folder: Path, *messages: dict[str, Any], version: str = "", **info: Any) -> Trajectory:
    path = folder / "run.traj.json"
    path.write_text(json.dumps(file_of(*messages, version=version, **info)))
    return load(path)


def test_a_real_recording_tells_what_each_reply_cost() -> None:
    run = load(REAL)
    raw = json.loads(gzip.decompress(REAL.read_bytes()))
    told = [one["extra"]["response"] for one in raw["messages"] if "extra" in one]
    assert len(told) == len(run.steps)
    for step, response in zip(run.steps, told, strict=True):
        usage = response["usage"]
        assert step.usage is not None
        assert step.usage.prompt == usage["prompt_tokens"]
        assert step.usage.completion == usage["completion_tokens"]
        assert step.usage.usd == usage["cost"]
        assert step.reasoning == (response["choices"][0]["message"]["reasoning"] or "")
        assert step.seconds is None
    assert any(step.reasoning for step in run.steps)
    assert run.usage is not None
    assert run.usage.usd == run.usd
    assert run.resolved is True
    assert run.patch == run.submission


def test_a_real_recording_tells_which_commands_failed() -> None:
    run = load(REAL)
    for step in run.steps[:-1]:
        (text,) = (seen.text for seen in step.observations)
        assert step.failed == (not text.startswith("<returncode>0<"),)
    assert sum(any(step.failed) for step in run.steps) == 3
    assert not any(seen.error for step in run.steps for seen in step.observations)


def test_a_recording_of_2x_tells_time_and_failures_too() -> None:
    run = load(NEW)
    assert (run.agent, run.model, run.resolved) == ("mini-swe-agent 2.4.6", "gpt-4o", None)
    assert [step.failed for step in run.steps] == [
        (False, False),
        (False,),
        (True,),
        (False,),
        (True,),
        (False,),
    ]
    assert [step.statuses for step in run.steps] == [(0, 0), (0,), (-1,), (None,), (3,), (None,)]
    assert [any(seen.error for seen in step.observations) for step in run.steps] == [
        number == 2 for number in range(6)
    ]
    assert [step.usage and step.usage.prompt for step in run.steps] == [
        100 * number for number in range(1, 7)
    ]
    assert run.usage == Usage(2100, 210, 1050, run.usd)
    assert sum((step.usage and step.usage.usd) or 0 for step in run.steps) == pytest.approx(run.usd)
    assert (run.steps[0].thought, run.steps[0].reasoning) == ("", "I look first.")
    killed = run.steps[2].observations[0]
    assert killed.seconds == pytest.approx(1.0, abs=0.5)
    seconds = [step.seconds for step in run.steps]
    assert [one is None for one in seconds] == [True, False, False, True, True, False]
    assert all(0.05 <= one < 1 for one in seconds if one is not None)


def test_seconds_of_1x_are_between_its_messages(tmp_path: Path) -> None:
    messages = [
        {**said(block("ls")), "timestamp": 110.5},
        {**answer("<returncode>2</returncode>\n<output>\n</output>"), "timestamp": 112.0},
        {**said(block("pwd")), "timestamp": 111.0},
        answer("<returncode>0</returncode>"),
    ]
    run = read(tmp_path, *messages)
    first, second = run.steps
    assert (first.seconds, first.observations[0].seconds) == (None, 1.5)
    assert (second.seconds, second.observations[0].seconds) == (None, 0.0)  # the clock went back
    assert (first.statuses, second.statuses) == ((2,), (0,))


def test_a_cost_that_the_agent_could_not_find_out_is_unknown(tmp_path: Path) -> None:
    usage = {"usage": {"prompt_tokens": 5, "completion_tokens": 1}}
    reply = said("", actions=[], cost=0.0, response=usage)
    ignored = {"model": {"cost_tracking": "ignore_errors"}}
    stats = {"instance_cost": 0.0}
    run = read(tmp_path, reply, version=".1", config=ignored, model_stats=stats)
    assert (run.steps[0].usage, run.usd) == (Usage(5, 1), None)
    run = read(tmp_path, reply, version=".1", model_stats=stats)
    assert (run.steps[0].usage, run.usd) == (Usage(5, 1, usd=0.0), 0.0)


@pytest.mark.parametrize(
    "usage", [{"prompt_tokens": "x"}, [], 7, {"prompt_tokens_details": {"cached_tokens": "x"}}]
)
def test_counts_that_are_none_are_no_reason_to_refuse_a_file(tmp_path: Path, usage: Any) -> None:
    reply = said("", actions=[], response={"usage": usage})
    (step,) = read(tmp_path, reply, version=".1").steps
    assert step.usage in (None, Usage())


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
    (step,) = read(tmp_path, reply, version=".1").steps
    assert (step.thought, step.reasoning) == ("I look.", "Brief.\nLong.")
    assert step.usage == Usage(7, 3, 2, 0.5)


def test_a_submission_that_is_no_diff_is_no_patch(tmp_path: Path) -> None:
    for submission, patch in (
        ("done", None),
        ("", None),
        ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n"),
        ("\n\ndiff --git a/x b/x\n+a\r\n", "diff --git a/x b/x\n+a\r\n"),
        ("diff --git a/x b/x\r\n+a\r\r\n", "diff --git a/x b/x\n+a\r\n"),
    ):
        assert read(tmp_path, submission=submission).patch == patch
