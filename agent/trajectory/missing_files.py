"""What a task's folder should hold and does not: files that were lost after they were written."""

from __future__ import annotations

from collections.abc import Iterator

from agent.trajectory.reader import RecordedTask, patch_name

WRITTEN_BEFORE_RESULT = ("task", "image", "matrix", "verdict")
"""The records that every finished task has."""
ONLY_IN_FORMAT_1 = ("reproduction.json", "candidates.json")
"""Of every finished task of format 1; a task that has the one should have the other."""


def missing_files(record: RecordedTask) -> Iterator[str]:
    """Yield what is missing, a line for each file, as far as what is there tells of it."""
    folder, result = record.folder, record.result
    names = [f"{name}.json" for name in WRITTEN_BEFORE_RESULT] if result is not None else []
    if result is not None and any((folder / name).exists() for name in ONLY_IN_FORMAT_1):
        names += ONLY_IN_FORMAT_1
    if record.reproduction is not None:
        names.append("shared.jsonl")
    attempts = {one.attempt for one in record.candidates}
    attempts |= set(range(1, result.attempts + 1)) if result is not None else set()
    names += [f"attempt-{number}.jsonl" for number in sorted(attempts)]
    names += [patch_name(one.id) for one in record.candidates]
    for name in names:
        if not (folder / name).exists():
            yield f"{name} is missing: it was written and is no longer there"
