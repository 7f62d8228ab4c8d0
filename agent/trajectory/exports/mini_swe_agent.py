"""A recorded run as a file of mini-swe-agent, format 1.1, which its own programs open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from agent.messages import Usage
from agent.trajectory.encoding import as_json
from agent.trajectory.events import Outcome, Step
from agent.trajectory.formats.foreign import Trajectory, reasoning_in
from agent.trajectory.formats.mini_swe_agent import FORMAT, IGNORED
from agent.trajectory.formats.mini_swe_agent_steps import NAME
from tools.base import ToolCall


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
            "api_calls": sum(turn.step.usage != Usage() for turn in recorded.turns)
            or len(recorded.turns),
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
    for turn in recorded.turns:
        yield _reply(turn.step)
        yield from (_answer(act.outcome) for act in turn.acts if act.outcome is not None)
        yield from ({"role": "user", "content": one.content, "extra": {}} for one in turn.heard)


def _reply(step: Step) -> dict[str, Any]:
    (message,) = step.replies
    extra: dict[str, Any] = {"actions": [_action(call) for call in message.tool_calls]}
    if step.usage != Usage():
        usage = {
            "prompt_tokens": step.usage.prompt,
            "completion_tokens": step.usage.completion,
            "prompt_tokens_details": {"cached_tokens": step.usage.cached},
        }
        extra["response"] = {"usage": usage}
        if step.usage.usd is not None:
            extra["cost"] = step.usage.usd
    if step.seconds:
        extra["seconds"] = step.seconds
    reply: dict[str, Any] = {"role": "assistant", "content": message.content}
    if reasoning_in(message):
        reply["reasoning_content"] = reasoning_in(message)
    if message.tool_calls:
        reply["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
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


def _answer(outcome: Outcome) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if outcome.exit_code is not None:
        extra["returncode"] = outcome.exit_code
    if outcome.timed_out:
        extra["exception_type"] = "TimeoutExpired"
    if outcome.seconds:
        extra["seconds"] = outcome.seconds
    return {
        "role": "tool",
        "tool_call_id": outcome.action,
        "content": outcome.text,
        "extra": extra,
    }
