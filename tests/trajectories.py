"""Recordings as mini-swe-agent writes them: a real one, and messages to make short ones of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
