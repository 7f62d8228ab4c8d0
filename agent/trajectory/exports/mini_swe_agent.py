"""A recorded run as a file of mini-swe-agent, format 1.1, which its own programs open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from agent.trajectory.encoding import as_json
from agent.trajectory.formats.foreign import Step, Trajectory
from agent.trajectory.formats.mini_swe_agent import FORMAT, IGNORED
from agent.trajectory.formats.mini_swe_agent_steps import NAME
from tools.base import Observation, ToolCall


def mini_swe_agent_json(recorded: Trajectory) -> str:
    """Return the text of a `.traj.json` file, which `formats.trajectory.load` reads back equal.

    Each step is a reply with native calls, as the format has them since 2.0. What the format does
    not have stands in fields of its own, named in `formats/mini_swe_agent.py`; what is not known is
    left out. The text is UTF-8, lone surrogates written as escapes.
    """
    whole = {
        "info": _info(recorded),
        "messages": list(_messages(recorded)),
        "trajectory_format": FORMAT,
        "instance_id": recorded.id,
    }
    return as_json(whole, indent=2).decode()


def _info(recorded: Trajectory) -> dict[str, Any]:
    told = recorded.counted
    tokens = (
        {} if told is None else {"tokens_sent": told.prompt, "tokens_received": told.completion}
    )
    cached = {"tokens_cached": told.cached} if told is not None and told.cached else {}
    name, _, version = recorded.agent.partition(" ")
    environment = recorded.environment
    return {
        "model_stats": {
            "instance_cost": recorded.usd or 0.0,
            "api_calls": sum(step.usage is not None for step in recorded.steps)
            or len(recorded.steps),
            **tokens,
            **cached,
        },
        "config": {
            "model": {
                "model_name": recorded.model,
                "cost_tracking": IGNORED if recorded.usd is None else "default",
            },
            "environment": {
                "env": dict(environment.env),
                "timeout": environment.timeout,
                "interpreter": list(environment.interpreter),
            },
        },
        "agent": recorded.agent,
        "mini_version": version if name == NAME else "",
        "exit_status": recorded.exit_status,
        "submission": recorded.submission,
        **({} if recorded.resolved is None else {"resolved": recorded.resolved}),
    }


def _messages(recorded: Trajectory) -> Iterator[dict[str, Any]]:
    for message in recorded.opening:
        yield {"role": message.role, "content": message.content}
    for step in recorded.steps:
        yield _reply(step)
        for seen, status in zip_longest(step.observations, step.statuses):
            yield _answer(seen, status)


def _reply(step: Step) -> dict[str, Any]:
    extra: dict[str, Any] = {"actions": [_action(call) for call in step.calls]}
    if step.usage is not None:
        usage = {
            "prompt_tokens": step.usage.prompt,
            "completion_tokens": step.usage.completion,
            "prompt_tokens_details": {"cached_tokens": step.usage.cached},
        }
        extra["response"] = {"usage": usage}
        if step.usage.usd is not None:
            extra["cost"] = step.usage.usd
    if step.seconds is not None:
        extra["seconds"] = step.seconds
    reply: dict[str, Any] = {"role": "assistant", "content": step.thought}
    if step.reasoning:
        reply["reasoning_content"] = step.reasoning
    if step.calls:
        reply["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in step.calls
        ]
    return {**reply, "extra": extra}


def _action(call: ToolCall) -> dict[str, str]:
    """Return a call as a command; that of another tool than bash is its name and arguments."""
    try:
        given = json.loads(call.arguments)
    except ValueError:
        given = None
    command = given.get("command") if isinstance(given, dict) and call.name == "bash" else None
    shown = command if isinstance(command, str) else f"{call.name} {call.arguments}"
    return {"command": shown, "tool_call_id": call.id}


def _answer(seen: Observation, status: int | None) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if status is not None:
        extra["returncode"] = status
    if seen.error:
        extra["exception_type"] = "TimeoutExpired"
    if seen.seconds:
        extra["seconds"] = seen.seconds
    if seen.call_id:
        answer = {"role": "tool", "tool_call_id": seen.call_id, "content": seen.text}
    else:
        answer = {"role": "user", "content": seen.text}
    return {**answer, "extra": extra}
