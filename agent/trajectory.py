"""A run that another agent recorded, as plain records: what it thought, ran and saw."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agent.mini_swe_agent import SUFFIXES, Environment, Extra, Recorded, Said, read, text_of
from agent.records import Message
from tools.base import Observation, ToolCall

MARKS = ("COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT", "MINI_SWE_AGENT_FINAL_OUTPUT")
"""What a command prints first to hand in."""
SUBMITTED = "Submitted"


@dataclass(frozen=True)
class Step:
    """One reply of the agent: what it thought, the commands that it ran, what came back.

    `calls` are empty when nothing ran: the reply had not exactly one command, or a person rejected
    it. An observation without `call_id` is what the agent's program said by itself; `error` marks
    that of a command which was killed at its time limit.
    """

    thought: str
    calls: tuple[ToolCall, ...] = ()
    observations: tuple[Observation, ...] = ()


@dataclass(frozen=True)
class Trajectory:
    """A recorded run.

    `opening` is what the agent was told before its first reply; `exit_status` is in its own words,
    and `submission` what it handed in, for a SWE-bench task a patch.
    """

    id: str
    agent: str
    model: str
    opening: tuple[Message, ...]
    steps: tuple[Step, ...]
    exit_status: str
    submission: str
    environment: Environment = Environment()
    usd: float | None = None

    @property
    def submitted(self) -> bool:
        """Tell whether the agent handed in."""
        return self.exit_status == SUBMITTED


def is_trajectory(path: Path) -> bool:
    """Tell by its name whether a file is a trajectory."""
    return path.name.endswith(SUFFIXES)


def load(path: Path) -> Trajectory:
    """Read a mini-swe-agent trajectory, gzipped or not; raises UserError."""
    recorded = read(path)
    info = recorded.info
    opening, turns = _turns(recorded.messages)
    steps = [_step(number, turn, recorded) for number, turn in enumerate(turns, 1)]
    if steps and info.exit_status == SUBMITTED:
        steps[-1] = _until_submission(steps[-1])
    return Trajectory(
        id=recorded.instance_id or path.name.partition(SUFFIXES[0])[0],
        agent=f"mini-swe-agent {info.mini_version}".strip(),
        model=info.config.model.model_name,
        opening=tuple(
            Message(f"m{number}", "system" if said.role == "system" else "user", said.text)
            for number, said in enumerate(opening)
        ),
        steps=tuple(steps),
        exit_status=info.exit_status or "",
        submission=info.submission or "",
        environment=info.config.environment,
        usd=info.model_stats.instance_cost,
    )


Turn = tuple[Said, list[Said]]
"""A reply and what was said until the next one."""


def _turns(messages: Sequence[Said]) -> tuple[list[Said], list[Turn]]:
    opening: list[Said] = []
    turns: list[Turn] = []
    for said in messages:
        if said.is_reply:
            turns.append((said, []))
        elif said.extra.interrupt_type == "FormatError" and not (turns and not turns[-1][1]):
            # Format 1.1 keeps a reply that was refused nowhere but in its refusal.
            turns.append((Said("assistant", content=_refused(said.extra)), [said]))
        elif turns:
            turns[-1][1].append(said)
        else:
            opening.append(said)
    return opening, turns


def _refused(extra: Extra) -> str:
    match extra.response:
        case {"choices": [{"message": {"content": content}}, *_]} | {"output": content}:
            return extra.model_response or text_of(content)
    return extra.model_response


def _step(number: int, turn: Turn, recorded: Recorded) -> Step:
    reply, answers = turn
    thought, commands = _parsed(reply, recorded.action)
    if any(map(_is_refusal, answers)):
        thought, commands = reply.text, []
    calls = tuple(
        ToolCall(f"call-{number}.{place}", "bash", json.dumps({"command": command}))
        for place, command in enumerate(commands, 1)
    )
    killed = recorded.info.config.agent.timeout_template.partition("{")[0]
    answered = [call.id for call in calls] + [""] * len(answers)
    observations = tuple(
        Observation(identity, said.text, _was_killed(said, killed))
        for identity, said in zip(answered, answers, strict=False)
    )
    return Step(thought, calls, observations)


def _parsed(reply: Said, action: re.Pattern[str]) -> tuple[str, list[str]]:
    """Return what a reply says beside its commands, and these."""
    found = list(action.finditer(reply.text))
    rest = action.sub("", reply.text).strip() if len(found) == 1 else reply.text
    if reply.extra.actions is not None:
        return rest, [given.command for given in reply.extra.actions]
    if len(found) != 1:
        return rest, []
    return rest, [found[0][1 if action.groups else 0].strip()]


def _is_refusal(answer: Said) -> bool:
    refused = answer.extra.interrupt_type in ("FormatError", "UserRejection")
    return refused or answer.text.startswith("Command not executed")


def _was_killed(answer: Said, beginning: str) -> bool:
    told = answer.text.startswith(beginning) if beginning.strip() else False
    return told or answer.extra.exception_type == "TimeoutExpired"


def _until_submission(step: Step) -> Step:
    """Leave out what followed the command that handed in: it did not run."""
    marked = [any(mark in call.arguments for mark in MARKS) for call in step.calls]
    if not any(marked):
        return step
    calls = step.calls[: marked.index(True) + 1]
    # There are no answers to commands that ran before it in the same reply.
    seen = tuple(replace(one, call_id=calls[-1].id) for one in step.observations[-1:])
    return replace(step, calls=calls, observations=seen)
