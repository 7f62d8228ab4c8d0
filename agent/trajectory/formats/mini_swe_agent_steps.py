"""What mini-swe-agent recorded, as steps: its messages, told apart into replies and answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agent.messages import Message
from agent.trajectory.formats.foreign import Answer, RecordedStep, Trajectory
from agent.trajectory.formats.mini_swe_agent import (
    IGNORED,
    SUFFIXES,
    Extra,
    Recorded,
    Said,
    message_in,
    read,
    text_of,
)
from tools.base import ToolCall

NAME = "mini-swe-agent"
MARKS = ("COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT", "MINI_SWE_AGENT_FINAL_OUTPUT")
"""What a command prints first to hand in."""
SUBMITTED = "Submitted"


@dataclass(frozen=True)
class Exchange:
    """A reply, the message `before` it, and what was said until the next one."""

    reply: Said
    before: Said | None
    answers: list[Said] = field(default_factory=list)


def trajectory(path: Path, plain: Any) -> Trajectory:
    """Return the run that a file's values tell of; raises UserError."""
    recorded = read(path, plain)
    info = recorded.info
    opening, exchanges = _exchanges(recorded.messages)
    told = _exactly if info.agent else _step
    steps = [told(number, exchange, recorded) for number, exchange in enumerate(exchanges, 1)]
    if steps and info.exit_status == SUBMITTED and not info.agent:
        steps[-1] = _until_submission(steps[-1])
    usd, tracking = info.model_stats.instance_cost, info.config.model.cost_tracking
    return Trajectory(
        id=recorded.instance_id or path.name.partition(SUFFIXES[0])[0],
        agent=info.agent or f"{NAME} {info.mini_version}".strip(),
        model=info.config.model.model_name,
        opening=tuple(
            Message(f"m{number}", "system" if said.role == "system" else "user", said.text)
            for number, said in enumerate(opening)
        ),
        turns=tuple(step.turn(number) for number, step in enumerate(steps, 1)),
        exit_status=info.exit_status or "",
        submission=info.submission or "",
        environment=info.config.environment,
        usd=None if tracking == IGNORED and not usd else usd,
        resolved=info.resolved,
        counted=info.model_stats.tokens,
        path=path,
    )


def _exchanges(messages: Sequence[Said]) -> tuple[list[Said], list[Exchange]]:
    opening: list[Said] = []
    exchanges: list[Exchange] = []
    before = None
    for said in messages:
        if said.is_reply:
            exchanges.append(Exchange(said, before))
        elif said.extra.interrupt_type == "FormatError" and not (
            exchanges and not exchanges[-1].answers
        ):
            # Format 1.1 keeps a reply that was refused nowhere but in its refusal.
            known = Extra(response=said.extra.response, cost=said.extra.cost)
            refused = Said("assistant", content=_refused(said.extra), extra=known)
            exchanges.append(Exchange(refused, None, [said]))
        elif exchanges:
            exchanges[-1].answers.append(said)
        else:
            opening.append(said)
        before = said
    return opening, exchanges


def _refused(extra: Extra) -> str:
    said = message_in(extra.response)
    return extra.model_response or text_of(said.get("content")) or text_of(said.get("output"))


def _step(number: int, exchange: Exchange, recorded: Recorded) -> RecordedStep:
    reply, said = exchange.reply, exchange.answers
    thought, commands = _parsed(reply, recorded.action)
    if any(map(_is_refusal, said)):
        thought, commands = reply.text, []
    calls = tuple(
        ToolCall(f"call-{number}.{place}", "bash", json.dumps({"command": command}))
        for place, command in enumerate(commands, 1)
    )
    killed = recorded.info.config.agent.timeout_template.partition("{")[0]
    answers = tuple(
        Answer(
            identity,
            one.text,
            one.status,
            _was_killed(one, killed),
            # Answers to several commands are all made after the last of these.
            (len(calls) == 1 and identity and _between(reply, one)) or 0.0,
        )
        for identity, one in zip(_answered(calls, exchange), said, strict=True)
    )
    return _measured(RecordedStep(thought, calls, answers), exchange, recorded)


def _measured(step: RecordedStep, exchange: Exchange, recorded: Recorded) -> RecordedStep:
    """Add what is known of a step beside its words."""
    seconds = exchange.reply.extra.seconds
    if seconds is None and exchange.before is not None:
        seconds = _between(exchange.before, exchange.reply)
    tracking = None if recorded.info.agent else recorded.info.config.model.cost_tracking
    return replace(
        step,
        reasoning=exchange.reply.thoughts,
        usage=exchange.reply.bill(tracking),
        seconds=seconds,
    )


def _between(earlier: Said, later: Said) -> float | None:
    """Return the seconds from one message to another; None where a clock was set back."""
    if earlier.moment is None or later.moment is None or later.moment < earlier.moment:
        return None
    return round(later.moment - earlier.moment, 3)


def _answered(calls: Sequence[ToolCall], exchange: Exchange) -> Iterator[str]:
    """Yield for each answer the call that it answers: the one it names, else the next."""
    left = [call.id for call in calls]
    named = [str(action.tool_call_id) for action in exchange.reply.extra.actions or ()]
    places = dict(zip(named, left, strict=False))
    for said in exchange.answers:
        own = places.get(said.answers) if isinstance(said.answers, str) else None
        found = own if own in left else next(iter(left), "")
        if found:
            left.remove(found)
        yield found


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


def _until_submission(step: RecordedStep) -> RecordedStep:
    """Leave out what followed the command that handed in: it did not run."""
    marked = [any(mark in call.arguments for mark in MARKS) for call in step.calls]
    if not any(marked):
        return step
    calls = step.calls[: marked.index(True) + 1]
    # There are no answers to commands that ran before it in the same reply.
    answers = tuple(replace(one, call_id=calls[-1].id) for one in step.answers[-1:])
    return replace(step, calls=calls, answers=answers)


def _exactly(number: int, exchange: Exchange, recorded: Recorded) -> RecordedStep:
    """Return a step of a file that tells of another agent: nothing in it is to be interpreted."""
    calls = tuple(ToolCall(*function) for function in exchange.reply.functions())
    answers = tuple(
        Answer(
            said.answers if isinstance(said.answers, str) else "",
            said.text,
            said.extra.returncode,
            said.extra.exception_type == "TimeoutExpired",
            said.extra.seconds or 0.0,
        )
        for said in exchange.answers
    )
    return _measured(RecordedStep(exchange.reply.text, calls, answers), exchange, recorded)
