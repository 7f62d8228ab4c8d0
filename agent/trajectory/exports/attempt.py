"""An attempt of ours as a recorded run, the form that runs of other agents are read into."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

from agent.records import Call, Message
from agent.trajectory.events import Event
from agent.trajectory.formats import mini_swe_agent_steps
from agent.trajectory.formats.foreign import Step, Trajectory
from agent.trajectory.formats.mini_swe_agent import reasoning_of
from agent.trajectory.reader import Log, rebuilt
from tools.base import Observation

NAME = "repair-agent"
SUBMITTED = mini_swe_agent_steps.SUBMITTED
"""Other programs look for this word."""
INTERRUPTED = "interrupted"
ENDED = re.compile(r"\[exit code (-?\d{1,9})[^\n]*\]\s*\Z")
KILLED = re.compile(r"\[killed after [^\n]*\]\s*\Z")
"""The last line of what the bash tool says of a command."""
COULD_NOT_RUN = -1


def trajectory_of(log: Log, task_id: str, patch: str, version: str = "") -> Trajectory:
    """Return what an attempt did, with the patch that it left as its submission.

    Each reply is a step, its calls numbered anew; the time and the cost of a request with several
    replies are those of the first. What a user's message says after a reply belongs to its step,
    as does what became of a change that was tried. Replies of earlier starts are left out.
    """
    attempt = rebuilt(log)
    usage = attempt.usage
    opening = takewhile(lambda message: message.role != "assistant", attempt.messages)
    return Trajectory(
        id=task_id,
        agent=f"{NAME} {version}".strip(),
        model=attempt.model,
        opening=tuple(
            Message(f"m{number}", "system" if one.role == "system" else "user", one.content)
            for number, one in enumerate(opening)
        ),
        steps=_steps(log.events),
        exit_status=SUBMITTED if attempt.end == "submitted" else attempt.end or INTERRUPTED,
        submission=patch,
        usd=usage.usd,
        counted=replace(usage, usd=None),
    )


@dataclass
class _Reply:
    """A reply while its log is read: the call that brought it, the first of several only."""

    message: Message
    call: Call | None
    answers: list[Observation] = field(default_factory=list)


def _steps(events: Sequence[Event]) -> tuple[Step, ...]:
    replies: list[_Reply] = []
    waiting: Call | None = None
    tried: dict[str, Observation] = {}
    for event in events:
        match event:
            case Call():
                waiting = event if event.replies else None
            case Message(role="assistant"):
                replies.append(_Reply(event, waiting))
                waiting = None
            case Observation():
                tried[event.call_id] = event
                for one in (one for one in replies if one.message.id == event.call_id):
                    one.answers.append(replace(event, call_id=""))
            case Message(role="tool") if replies:
                known = tried.get(event.tool_call_id or "") or Observation("", "")
                answer = replace(known, call_id=event.tool_call_id or "", text=event.content)
                replies[-1].answers.append(answer)
            case Message() if replies:
                replies[-1].answers.append(Observation("", event.content))
    return tuple(_step(number, one) for number, one in enumerate(replies, 1))


def _step(number: int, reply: _Reply) -> Step:
    said, call = reply.message, reply.call
    names = {one.id: f"call-{number}.{place}" for place, one in enumerate(said.tool_calls, 1)}
    opaque = said.opaque.get("fields")
    fields = opaque if isinstance(opaque, dict) else said.opaque
    return Step(
        thought=said.content,
        calls=tuple(replace(one, id=names[one.id]) for one in said.tool_calls),
        observations=tuple(
            replace(
                one,
                call_id=names.get(one.call_id, ""),
                error=one.call_id in names and KILLED.search(one.text) is not None,
            )
            for one in reply.answers
        ),
        statuses=tuple(_status(one) for one in reply.answers),
        reasoning=reasoning_of(fields),
        usage=call.usage if call else None,
        seconds=call.seconds if call else None,
    )


def _status(seen: Observation) -> int | None:
    """Return the exit status of a command; a mistake in a call is one that could not run."""
    if seen.error:
        return COULD_NOT_RUN
    ended = ENDED.search(seen.text) if seen.call_id else None
    return int(ended[1]) if ended else None
