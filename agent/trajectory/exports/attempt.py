"""An attempt of ours as a recorded run, the form that runs of other agents are read into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile

from agent.messages import Message
from agent.trajectory.attempt import Attempt, Turn, messages_of
from agent.trajectory.events import Outcome, Step
from agent.trajectory.formats import mini_swe_agent_steps
from agent.trajectory.formats.foreign import Answer, RecordedStep, Trajectory
from agent.trajectory.formats.mini_swe_agent import reasoning_of

NAME = "repair-agent"
SUBMITTED = mini_swe_agent_steps.SUBMITTED
"""Other programs look for this word."""
INTERRUPTED = "interrupted"
COULD_NOT_RUN = -1


def trajectory_of(attempt: Attempt, task_id: str, patch: str, version: str = "") -> Trajectory:
    """Return what an attempt did, with the patch that it left as its submission.

    Each reply is a step, its calls numbered anew; the time and the cost of a request with several
    replies are those of the first. What a user's message says after a reply belongs to its step,
    as does what became of a change that was tried. Replies of earlier starts are left out.
    """
    end, usage = attempt.end, attempt.end.usage if attempt.end else attempt.usage
    reason = end.reason if end else INTERRUPTED
    before = takewhile(lambda event: not isinstance(event, Step), attempt.events)
    steps = (step for turn in attempt.turns for step in _steps(turn))
    return Trajectory(
        id=task_id,
        agent=f"{NAME} {version}".strip(),
        model=attempt.header.model,
        opening=tuple(
            Message(f"m{number}", "system" if one.role == "system" else "user", one.content)
            for number, one in enumerate(messages_of(before))
        ),
        turns=tuple(_numbered(number, step).turn(number) for number, step in enumerate(steps, 1)),
        exit_status=SUBMITTED if reason == "submitted" else reason,
        submission=patch,
        usd=usage.usd,
        counted=replace(usage, usd=None),
    )


def _steps(turn: Turn) -> Iterator[RecordedStep]:
    """Yield a step for each reply of a turn."""
    outcomes = {act.action.id: act.outcome for act in turn.acts if act.outcome is not None}
    first, last = turn.step.replies[:1], turn.step.replies[-1:]
    for reply in turn.step.replies:
        answers = [_answer(outcomes[call.id]) for call in reply.tool_calls if call.id in outcomes]
        tried = outcomes.get(reply.id)
        answers += [Answer("", tried.text, seconds=tried.seconds)] if tried else []
        answers += [Answer("", said.content) for said in turn.heard] if (reply,) == last else []
        fields = reply.opaque.get("fields")
        yield RecordedStep(
            reply.content,
            reply.tool_calls,
            tuple(answers),
            reasoning_of(fields if isinstance(fields, dict) else reply.opaque),
            turn.step.usage if (reply,) == first else None,
            turn.step.seconds if (reply,) == first else None,
        )


def _answer(outcome: Outcome) -> Answer:
    """Return an outcome as an answer; a mistake in a call is one that could not run."""
    exit_code = COULD_NOT_RUN if outcome.error else outcome.exit_code
    return Answer(outcome.action, outcome.text, exit_code, outcome.timed_out, outcome.seconds)


def _numbered(number: int, step: RecordedStep) -> RecordedStep:
    """Return a step whose calls have ids that no other step has."""
    names = {call.id: f"call-{number}.{place}" for place, call in enumerate(step.calls, 1)}
    return replace(
        step,
        calls=tuple(replace(call, id=names[call.id]) for call in step.calls),
        answers=tuple(
            replace(answer, call_id=names.get(answer.call_id, "")) for answer in step.answers
        ),
    )
