"""The file in which SWE-agent, another agent, records a run: its form, and the run it tells of.

Source: SWE-agent, docs/usage/trajectories.md and sweagent/agent/agents.py of v1.1.0, and the
recorded runs of 0.x and 1.x beside its tests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import UserError
from agent.messages import Message, Role
from agent.trajectory.encoding import made
from agent.trajectory.formats.foreign import Answer, RecordedStep, Trajectory
from agent.trajectory.formats.mini_swe_agent import Stats, text_of
from tools.base import ToolCall

NAME = "SWE-agent"
SUFFIXES = (".traj", ".traj.gz")
HINT = "give a .traj file as SWE-agent wrote it, or a .traj.json file of mini-swe-agent"
KILLED = re.compile(
    r"(The command '.*' was cancelled because it took more than|(.*\n)?EXECUTION TIMED OUT)",
    re.DOTALL,
)
"""How the agent's program tells, in 1.x and in 0.x, that a command was killed at its time limit."""


@dataclass(frozen=True)
class Did:
    """One step; `execution_time` is in seconds and came with 1.0, `query` with 1.1."""

    action: str | None = None
    observation: str | None = None
    response: Any = None
    thought: str | None = None
    execution_time: float | None = None
    query: Any = None


@dataclass(frozen=True)
class Told:
    """One message of the conversation; those of a demonstration are no part of the run."""

    role: str = ""
    content: Any = None
    is_demo: Any = False
    thinking_blocks: Any = None


@dataclass(frozen=True)
class Info:
    """How the run ended, and with what; `resolved` was added by who graded it."""

    exit_status: Any = None
    submission: str | None = None
    swe_agent_version: str | None = None
    model_stats: Stats = Stats()
    resolved: bool | None = None


@dataclass(frozen=True)
class Recorded:
    """The whole file, as far as it is read."""

    trajectory: tuple[Did, ...]
    history: tuple[Told, ...] = ()
    info: Info = Info()
    replay_config: Any = None


def trajectory(path: Path, plain: Any) -> Trajectory:
    """Return the run that a file's values tell of; raises UserError."""
    recorded = _checked(path, plain)
    info, stats = recorded.info, recorded.info.model_stats
    tokens = stats.tokens
    # A run without a model, such as a replay, counts nothing and writes zeros.
    counted = tokens if tokens and (tokens.prompt or tokens.completion) else None
    replies = [one for one in recorded.history if one.role == "assistant" and not one.is_demo]
    thoughts = [_reasoning(one) for one in replies]
    if len(thoughts) != len(recorded.trajectory):
        thoughts = [""] * len(recorded.trajectory)
    steps = zip(recorded.trajectory, thoughts, strict=True)
    return Trajectory(
        id=path.name.removesuffix(".gz").removesuffix(SUFFIXES[0]),
        agent=f"{NAME} {info.swe_agent_version or ''}".strip(),
        model=_model(recorded.replay_config),
        opening=_opening(recorded),
        turns=tuple(_step(number, *one).turn(number) for number, one in enumerate(steps, 1)),
        exit_status="" if info.exit_status is None else str(info.exit_status),
        submission=info.submission or "",
        usd=stats.instance_cost if counted or stats.instance_cost else None,
        resolved=info.resolved,
        counted=counted,
        path=path,
    )


def _checked(path: Path, plain: Any) -> Recorded:
    match plain:
        case {"trajectory": _}:
            pass
        case {"attempts": [*_, last]}:  # several attempts of which none was chosen yet
            plain = last
        case dict():
            raise UserError(f"the trajectory {path} has no list of steps, 'trajectory'", HINT)
        case _:
            raise UserError(f"the trajectory {path} is JSON, but no object", HINT)
    try:
        recorded: Recorded = made(Recorded, plain, strict=False)
    except ValueError as error:
        raise UserError(f"the trajectory {path} is wrong at {error}", HINT) from error
    return recorded


def _opening(recorded: Recorded) -> tuple[Message, ...]:
    """Return what the agent was told first, demonstrations included."""
    told: Sequence[Told] = recorded.history
    if not told and recorded.trajectory and isinstance(recorded.trajectory[0].query, list):
        asked = recorded.trajectory[0].query
        given = [one for one in asked if isinstance(one, Mapping)]
        told = [Told(str(one.get("role")), one.get("content"), is_demo=True) for one in given]
    found: list[Message] = []
    for one in told:
        if one.role == "assistant" and not one.is_demo:
            break
        words = text_of(one.content)
        role: Role = "system" if one.role == "system" else "user"
        found.append(Message(f"m{len(found)}", role, words))
    return tuple(found)


def _step(number: int, did: Did, reasoning: str) -> RecordedStep:
    action, seen = (did.action or "").strip("\n"), _printed(did.observation or "")
    thought = did.thought or ("" if action.strip() else text_of(did.response))
    calls: tuple[ToolCall, ...] = ()
    if action.strip():
        calls = (ToolCall(f"call-{number}.1", "bash", json.dumps({"command": action})),)
    answers: tuple[Answer, ...] = ()
    if calls or seen:
        identity = calls[0].id if calls else ""
        killed = KILLED.match(seen) is not None
        answers = (Answer(identity, seen, None, killed, did.execution_time or 0.0),)
    return RecordedStep(thought.strip(), calls, answers, reasoning)


def _printed(text: str) -> str:
    """Return what a command printed: in 1.x a terminal put a carriage return before line feeds."""
    return text.replace("\r\n", "\n") if text.count("\r\n") == text.count("\n") else text


def _reasoning(told: Told) -> str:
    """Return the model's reasoning, which came with Anthropic's models only."""
    blocks = told.thinking_blocks if isinstance(told.thinking_blocks, list) else []
    thoughts = [text_of(one.get("thinking")) for one in blocks if isinstance(one, Mapping)]
    return "\n".join(filter(None, thoughts))


def _model(config: Any) -> str:
    """Return the name of the model in a run's configuration, which 1.x writes as text."""
    try:
        plain = json.loads(config) if isinstance(config, str) else config
    except (ValueError, RecursionError):
        plain = None
    match plain:
        case {"agent": {"model": {"name": str(name)}}}:
            return name
        case {"agent": {"agent_configs": [{"model": {"name": str(name)}}, *_]}}:
            return name
    return "unknown"
