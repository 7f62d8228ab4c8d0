"""Logs of format 1, read as events of format 2.

Format 1 wrote a reply twice, an observation twice, and what came of an action as a sentence. This
is the only file that reads facts back out of such sentences.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from agent.trajectory.encoding import event_from
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


def upgraded(lines: Sequence[dict[str, Any]], origins: Sequence[str]) -> Iterator[Event]:
    """Yield the events of lines in which lines of format 1 may stand.

    `origins` name each line in errors. Raises UserError for a line that cannot be read.
    """
    at, known = 0, dict[str, ToolCall]()
    while at < len(lines):
        values, origin = lines[at], origins[at]
        if values.get("kind") == "call":
            replies = _replies(lines, at)
            step = _step(values, replies, origin)
            for reply in step.replies:
                known |= {call.id: call for call in reply.tool_calls}
                known |= {} if reply.tool_calls else {reply.id: ToolCall(reply.id, CHANGE, "")}
            yield step
            at += 1 + len(replies)
        elif values.get("kind") == "observation":
            following = lines[at + 1] if at + 1 < len(lines) else {}
            told = following.get("tool_call_id") == values.get("call_id", "") != ""
            yield from _observed(values, known, following["id"] if told else None)
            at += 1 + told
        else:
            yield event_from(values, origin)
            at += 1


def _replies(lines: Sequence[dict[str, Any]], at: int) -> list[dict[str, Any]]:
    """Return the messages that a call's replies became, which follow it."""
    replies = []
    for line in lines[at + 1 : at + 1 + len(lines[at].get("replies") or ())]:
        if line.get("kind") != "message" or line.get("role") != "assistant":
            break
        replies.append(line)
    return replies


def _step(values: dict[str, Any], replies: list[dict[str, Any]], origin: str) -> Step:
    known = {name: value for name, value in values.items() if name != "kind"}
    bare = list(known.get("replies") or ())[len(replies) :]
    cut = [{**reply, "id": f"{known.get('id')}.{n}"} for n, reply in enumerate(bare, 1)]
    messages = [{k: v for k, v in reply.items() if k != "kind"} for reply in replies]
    step = event_from({**known, "kind": "step", "replies": [*messages, *cut]}, origin)
    assert isinstance(step, Step)
    return step


def _observed(
    values: dict[str, Any], known: dict[str, ToolCall], message: str | None
) -> Iterator[Event]:
    """Yield the outcome that an observation tells of, or the note that it is."""
    of, text = str(values.get("call_id", "")), str(values.get("text", ""))
    call = known.get(of)
    error, seconds = bool(values.get("error")), float(values.get("seconds") or 0.0)
    if call is None and message is None:
        yield Note(of, text)
    elif call is not None and call.name == CHANGE:
        yield from _tried(of, text, seconds)
    else:
        name = "" if call is None or error else call.name
        ended = ENDED.search(text[-400:]) if name == "bash" else None
        yield Outcome(
            action=of,
            message=message,
            text=text,
            error=error,
            exit_code=int(ended[1]) if ended else None,
            timed_out=name == "bash" and bool(KILLED.search(text[-400:])),
            tests=_tests(text) if name == "run_tests" else None,
            changed=_changed(name, call),
            seconds=seconds,
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


def _tried(reply: str, text: str, seconds: float) -> Iterator[Event]:
    """Yield what a guided model's change was and what came of it."""
    sample = SAMPLE.fullmatch(text)
    if sample is None:
        yield Action(reply, CHANGE)
        yield Outcome(action=reply, text=text, trial="unusable", changed=(), seconds=seconds)
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
        seconds=seconds,
    )


def _tests(text: str) -> TestCounts:
    counts = {name: int(count) for count, name in COUNT.findall(text.partition("\n")[0])}
    names = ("pass", "fail", "error", "skip")
    return TestCounts(*(counts.get(name, 0) for name in names))


def location_number(step: Step) -> int:
    """Return which of an attempt's locations a guided model was asked about, counted from 1."""
    return int(step.conversation.rpartition(".")[2])
