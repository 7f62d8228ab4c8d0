"""Predictions of the single attempts: what each handed in, without the judge."""

from __future__ import annotations

from collections.abc import Iterable

from agent.predictions import predictions
from agent.recording import RecordedTask, read_task
from agent.store import RunFolder


def predict(run: RunFolder, task: RecordedTask, numbers: Iterable[int]) -> None:
    """Append, for each of these attempts, the first patch that it left to its own predictions file.

    The files are `predictions-<k>.jsonl`, in the keys that SWE-bench's harness reads.
    """
    assert task.result is not None
    for number in numbers:
        own = [one.patch for one in task.candidates if one.attempt == number]
        run.predict(task.id, task.result.model, own[0] if own else "", sample=number)


def complete(run: RunFolder, samples: int) -> None:
    """Predict the attempts of tasks that were finished just before an earlier start was killed."""
    finished = sorted(path.parent.name for path in run.path.glob("*/result.json"))
    predicted = {(one.instance, one.sample) for one in predictions(run.path)}
    for number in range(1, samples + 1):
        for name in finished:
            if (name, number) not in predicted:
                predict(run, read_task(run.path / name), [number])
