"""Predictions of the single attempts: what each handed in, without the judge."""

from __future__ import annotations

from agent.recording import RecordedTask
from agent.store import RunFolder


def predict(run: RunFolder, task: RecordedTask, samples: int) -> None:
    """Append, for each of the attempts, the first patch that it left to its own predictions file.

    The files are `predictions-<k>.jsonl`, in the keys that SWE-bench's harness reads.
    """
    assert task.result is not None
    for number in range(1, samples + 1):
        own = [one.patch for one in task.candidates if one.attempt == number]
        run.predict(task.id, task.result.model, own[0] if own else "", sample=number)
