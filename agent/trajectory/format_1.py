"""Logs of format 1, read as events of format 2.

Format 1 wrote a reply twice, an observation twice, and what came of an action as a sentence. This
is the only file that reads facts back out of such sentences.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from agent.errors import UserError
from agent.messages import Message
from agent.records import Task
from agent.trajectory.encoding import event_from, record_from
from agent.trajectory.events import CHANGE, Action, Event, Note, Outcome, Step, TrialResult
from tools.base import TestCounts, ToolCall

ENDED = re.compile(r"^\[exit code (-?\d+)[:,\]]", re.MULTILINE)
KILLED = re.compile(r"^\[killed after ", re.MULTILINE)
COUNT = re.compile(r"\b(\d+) (pass|fail|error|skip)\b")
SAMPLE = re.compile(r"sample (\d+): (.*)", re.DOTALL)
TRIALS: tuple[tuple[str, TrialResult], ...] = (
    ("holds", "holds"),
    ("nothing tests it", "untested"),
    ("The change would add problems", "problems"),
    ("The change changes nothing", "unchanged"),
)
KINDS = ("call", "observation")
"""What only format 1 has in its logs."""


@dataclass(frozen=True)
class Observation:
    """What came of an action: `call_id` is the tool call's, or that of the reply with a change.

    In a remark of the program's it is the name of the conversation.
    """

    call_id: str
    text: str
    error: bool = False
    seconds: float = 0.0


def upgraded(
    lines: Sequence[dict[str, Any]], origins: Sequence[str], refuse: Callable[[UserError], None]
) -> Iterator[Event]:
    """Yield the events of lines in which lines of format 1 may stand.

    `origins` name each line in errors; `refuse` hears of a line that cannot be read.
    """
    at, known = 0, dict[str, ToolCall]()
    while at < len(lines):
        kind, read = lines[at].get("kind"), 1
        try:
            if kind == "call":
                step, replies = _step(lines, at, origins)
                known |= _actions(step)
                read += replies
                yield step
            elif kind == "observation":
                seen: Observation = record_from(Observation, lines[at], origins[at])
                message = _message(lines, at + 1, seen)
                yield from _observed(seen, known, message)
                read += message is not None
            else:
                yield event_from(lines[at], origins[at])
        except UserError as error:
            refuse(error)
        at += read


def _step(lines: Sequence[dict[str, Any]], at: int, origins: Sequence[str]) -> tuple[Step, int]:
    """Return the step of a call, and how many of its replies became messages, which follow it.

    The other replies have the step's id and a number: a kill came before their messages.
    """
    step = event_from({**lines[at], "kind": "step"}, origins[at])
    assert isinstance(step, Step)
    replies = list[Message]()
    with suppress(UserError):  # told where the message's own turn comes
        for place in range(at + 1, min(len(lines), at + 1 + len(step.replies))):
            message = event_from(lines[place], origins[place])
            if not isinstance(message, Message) or message.role != "assistant":
                break
            replies.append(message)
    cut = list(enumerate(step.replies, 1))[len(replies) :]
    unnamed = [replace(reply, id=f"{step.id}.{number}") for number, reply in cut]
    return replace(step, replies=(*replies, *unnamed)), len(replies)


def _actions(step: Step) -> dict[str, ToolCall]:
    """Return what a step's replies call, by id; a reply without a call may hold a change."""
    found = dict[str, ToolCall]()
    for reply in step.replies:
        found |= {call.id: call for call in reply.tool_calls}
        found |= {} if reply.tool_calls else {reply.id: ToolCall(reply.id, CHANGE, "")}
    return found


def _message(lines: Sequence[dict[str, Any]], at: int, seen: Observation) -> str | None:
    """Return the id of the message that told the model what was observed, if it comes next."""
    line = lines[at] if at < len(lines) else {}
    told = seen.call_id and line.get("tool_call_id") == seen.call_id
    identity = line.get("id")
    return identity if told and isinstance(identity, str) else None


def _observed(
    seen: Observation, known: dict[str, ToolCall], message: str | None
) -> Iterator[Event]:
    """Yield the outcome that an observation tells of, or the note that it is."""
    call, text = known.get(seen.call_id), seen.text
    if call is None and message is None:
        yield Note(seen.call_id, text)
    elif call is not None and call.name == CHANGE:
        yield from _tried(seen)
    else:
        name = "" if call is None or seen.error else call.name
        ended = ENDED.search(text[-400:]) if name == "bash" else None
        yield Outcome(
            action=seen.call_id,
            message=message,
            text=text,
            error=seen.error,
            exit_code=int(ended[1]) if ended else None,
            timed_out=name == "bash" and bool(KILLED.search(text[-400:])),
            tests=_tests(text) if name == "run_tests" else None,
            changed=_changed(name, call),
            seconds=seen.seconds,
        )


def _changed(name: str, call: ToolCall | None) -> tuple[str, ...] | None:
    """Return the files that a call changed, None where the record does not say."""
    if name in ("bash", "run_tests"):
        return None
    try:
        path = json.loads(call.arguments).get("path") if call and name == "edit" else None
    except (ValueError, AttributeError):
        return None
    return (path,) if isinstance(path, str) else ()


def _tried(seen: Observation) -> Iterator[Event]:
    """Yield what a guided model's change was and what came of it."""
    reply, sample = seen.call_id, SAMPLE.fullmatch(seen.text)
    if sample is None:
        yield Action(reply, CHANGE)
        yield Outcome(
            action=reply, text=seen.text, trial="unusable", changed=(), seconds=seen.seconds
        )
        return
    number, said = int(sample[1]), sample[2]
    trial: TrialResult = next(
        (trial for begins, trial in TRIALS if said.startswith(begins)), "fails"
    )
    yield Action(reply, CHANGE, sample=number)
    yield Outcome(
        action=reply,
        text=said,
        trial=trial,
        changed=() if trial in ("problems", "unchanged") else None,
        seconds=seen.seconds,
    )


def _tests(text: str) -> TestCounts:
    counts = {name: int(count) for count, name in COUNT.findall(text.partition("\n")[0])}
    names = ("pass", "fail", "error", "skip")
    return TestCounts(*(counts.get(name, 0) for name in names))


def dataset_of(task: Task) -> str | None:
    """Return the dataset of which a task is a row, as its source told, None where it is none."""
    dataset, mark, name = task.source.rpartition(": ")
    return dataset if mark and name == task.id else None


def location_number(step: Step) -> int:
    """Return which of an attempt's locations a guided model was asked about, counted from 1."""
    return int(step.conversation.rpartition(".")[2])
