"""What a run predicts: a patch for each instance, the voted one and those of single attempts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.trajectory.encoding import complete_lines
from agent.trajectory.reader import attempt_number, read_bytes


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
