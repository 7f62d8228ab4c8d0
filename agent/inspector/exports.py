"""An attempt in the forms of other programs: mini-swe-agent's file, OpenAI's messages."""

from __future__ import annotations

import sys
from pathlib import Path

from agent.errors import UserError
from agent.inspector.opened_run import OpenedTask
from agent.inspector.opening import no_attempt, open_path
from agent.inspector.plain_text import named_task
from agent.inspector.task_pages import patch_of
from agent.trajectory.attempt import Attempt
from agent.trajectory.exports.attempt import trajectory_of
from agent.trajectory.exports.mini_swe_agent import mini_swe_agent_json
from agent.trajectory.exports.openai_messages import openai_lines
from agent.trajectory.formats.loader import is_trajectory, load
from agent.trajectory.reader import RecordedTask, read_task


def trajectory(path: Path) -> str:
    """Return `RUN/TASK/attempt-1`, or another agent's file, in mini-swe-agent's form."""
    if path.is_file() and is_trajectory(path):
        return mini_swe_agent_json(load(path))
    task, attempt = _attempt(path)
    patch = patch_of(task, attempt.number)
    return mini_swe_agent_json(trajectory_of(attempt, task.id, patch.patch if patch else ""))


def messages(path: Path) -> str:
    """Return the conversations of `RUN/TASK/attempt-1`, one JSON object a line."""
    if path.is_file() and is_trajectory(path):
        raise UserError(
            f"{path} is another agent's: its requests are not on record as they were sent",
            "write it with --traj, or name RUN/TASK/attempt-1",
        )
    return "".join(f"{line}\n" for line in openai_lines(_attempt(path)[1].events))


def _attempt(path: Path) -> tuple[RecordedTask, Attempt]:
    named = path.with_suffix("") if path.suffix == ".jsonl" else path
    digits = named.name.removeprefix("attempt-")
    by_name = digits.isdecimal() and digits != named.name
    folder = named.parent if by_name else path
    opened: OpenedTask = named_task(folder, open_path(folder))
    record = read_task(opened.record.folder, [])
    found = [attempt for attempt in record.attempts if not by_name or attempt.number == int(digits)]
    if not found:
        raise no_attempt(path)
    chosen = record.verdict.chosen if record.verdict else None
    best = [
        attempt for attempt in found if chosen and attempt.number == int(chosen.partition(".")[0])
    ]
    taken = (best or found)[0]
    if len(found) > 1:
        why = "whose patch was chosen" if best else "the first"
        sys.stderr.write(
            f"attempt {taken.number} of {len(found)} is written, {why}; "
            f"for another name {opened.record.folder / 'attempt-N'}\n"
        )
    return record, taken
