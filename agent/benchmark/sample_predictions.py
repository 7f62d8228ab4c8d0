"""Predictions of single attempts: the patch that each handed in, before patch selection."""

from __future__ import annotations

from collections.abc import Container

from agent.trajectory.predictions import predictions
from agent.trajectory.reader import RecordedTask, attempt_number, read_task
from agent.trajectory.run_folder import RunFolder


def predict(run: RunFolder, task: RecordedTask, but: Container[int] = ()) -> None:
    """Append the first patch of each attempt to the predictions file of its number.

    The files are `predictions-<k>.jsonl`, in the keys that SWE-bench's harness reads. An attempt
    for which nothing was left predicts nothing: that is no wrong answer.
    """
    assert task.result is not None
    for number in (one.number for one in task.attempts if one.number not in but):
        own = [one.patch for one in task.candidates if one.attempt == number]
        run.predict(task.id, task.result.model, own[0] if own else "", sample=number)


def complete(run: RunFolder) -> None:
    """Add the predictions of tasks that finished just before an earlier start was killed."""
    predicted: dict[str, set[int]] = {}
    for one in predictions(run.path):
        if one.sample is not None:
            predicted.setdefault(one.instance, set()).add(one.sample)
    for folder in sorted(path.parent for path in run.path.glob("*/result.json")):
        known = predicted.get(folder.name, set())
        if {attempt_number(log) for log in folder.glob("attempt-*.jsonl")} - known:
            predict(run, read_task(folder), known)
