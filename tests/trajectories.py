"""Recordings as mini-swe-agent writes them: a real one, and messages to make short ones of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agent.messages import Message
from agent.trajectory.attempt import Turn
from agent.trajectory.events import Outcome
from agent.trajectory.formats.foreign import reasoning_in

REAL = Path(__file__).parent / "data" / "sympy-13480.traj.json.gz"
SUBMIT = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT && git add -A && git diff --cached"
OPENING = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Repair it."}]


def block(command: str, mark: str = "bash") -> str:
    return f"THOUGHT: so.\n\n```{mark}\n{command}\n```"


def said(content: str, role: str = "assistant", **extra: Any) -> dict[str, Any]:
    return {"role": role, "content": content, "extra": extra}


def answer(content: str, **extra: Any) -> dict[str, Any]:
    return said(content, "user", **extra)


def file_of(*messages: dict[str, Any], version: str = "", **info: Any) -> dict[str, Any]:
    return {
        "info": {"exit_status": "Submitted", "submission": "diff", **info},
        "messages": [*OPENING, *messages],
        "trajectory_format": f"mini-swe-agent-1{version}",
    }


def reply(turn: Turn) -> Message:
    (only,) = turn.step.replies
    return only


def thought(turn: Turn) -> str:
    return reply(turn).content


def reasoning(turn: Turn) -> str:
    return reasoning_in(reply(turn))


def commands(turn: Turn) -> list[str]:
    calls = reply(turn).tool_calls
    assert all(call.name == "bash" for call in calls)
    return [json.loads(call.arguments)["command"] for call in calls]


def outcomes(turn: Turn) -> list[Outcome]:
    return [act.outcome for act in turn.acts if act.outcome is not None]


def seen(turn: Turn) -> list[str]:
    """Return all that came back after a reply, outcomes first."""
    return [*(one.text for one in outcomes(turn)), *(one.content for one in turn.heard)]


def failed(turn: Turn) -> list[bool]:
    return [one.failed for one in outcomes(turn)]
