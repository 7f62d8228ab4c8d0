"""What a run predicts: a patch for each instance, the voted one and those of single attempts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.trajectory.durable_files import write_whole
from agent.trajectory.encoding import complete_lines, decode
from agent.trajectory.reader import attempt_number
from agent.trajectory.run_info import read_bytes


@dataclass(frozen=True)
class Prediction:
    """One patch to grade: `sample` is None for the one that was voted for."""

    instance: str
    sample: int | None
    patch: str

    @property
    def digest(self) -> str:
        """SHA-256 of the patch, "" where there is none."""
        data = self.patch.encode("utf-8", "surrogateescape")
        return hashlib.sha256(data).hexdigest() if self.patch.strip() else ""


def predictions(run: Path, instance: str | None = None) -> Iterator[Prediction]:
    """Yield the predictions of a run, of all its instances or of one: voted, then samples."""
    wanted = instance.encode() if instance and instance.isascii() else b""
    files = [
        run / "predictions.jsonl",
        *sorted(run.glob("predictions-*.jsonl"), key=attempt_number),
    ]
    for path in files:
        latest: dict[str, Prediction] = {}
        for line in complete_lines(read_bytes(path) or b"").splitlines():
            if wanted not in line:  # a patch need not be parsed to see that it is of another
                continue
            row = json.loads(line)
            found = Prediction(
                row["instance_id"], attempt_number(path) or None, row["model_patch"] or ""
            )
            latest[found.instance] = found
        yield from (one for one in latest.values() if instance in (None, one.instance))


def keep_predictions_of_finished(path: Path) -> None:
    """Drop predictions whose task was killed before its result: it runs, and predicts, again."""
    before = read_bytes(path) or b""
    latest: dict[str, bytes] = {}
    for number, line in enumerate(complete_lines(before).splitlines(keepends=True), 1):
        task_id = str(decode(dict[str, Any], line, f"{path} line {number}").get("instance_id"))
        if (path.parent / task_id / "result.json").is_file():
            latest[task_id] = line
    after = b"".join(latest.values())
    if after != before:
        write_whole(path, after)
