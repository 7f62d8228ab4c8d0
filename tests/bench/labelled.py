"""Runs a batch whose scripted model makes the edits of labelled patches, and compares the grades.

    python -m tests.bench.labelled DATASET.parquet PATCHES.jsonl.gz --mirror DIR -o RUN --only ID..

Each instance gets one of its labelled patches, drawn by the seed; the grade that `batch --evaluate`
gives is set against the one that the harness gives the patch directly, in the same image.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from agent.benchmark import harness
from agent.intake import dataset

SEED = 2026


def script(patch: str) -> dict[str, Any]:
    """Return what a model says that applies a patch and hands it in."""
    text = patch if patch.endswith("\n") else f"{patch}\n"
    command = f"git apply --verbose - <<'END_OF_PATCH'\n{text}END_OF_PATCH"
    edit = {"tool_calls": [{"name": "bash", "arguments": {"command": command}}]}
    done = {"tool_calls": [{"name": "submit", "arguments": {"summary": "as recorded"}}]}
    return {"attempt-1": [edit, done]}


def drawn(path: Path, wanted: list[str]) -> dict[str, dict[str, Any]]:
    """Return one labelled patch for each wanted instance."""
    with gzip.open(path, "rt") as file:
        rows = {row["instance_id"]: row for row in map(json.loads, file)}
    chance = random.Random(SEED)
    return {one: chance.choice(rows[one]["candidates"]) for one in wanted}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("patches", type=Path)
    parser.add_argument("--mirror", required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--only", nargs="+", required=True)
    options = parser.parse_args()
    chosen = drawn(options.patches, options.only)
    with tempfile.TemporaryDirectory() as name:
        for instance, candidate in chosen.items():
            path = Path(name) / f"{instance}.json"
            path.write_text(json.dumps(script(candidate["model_patch"])))
        words = [str(Path(sys.executable).parent / "repair-agent"), "batch", options.dataset]
        words += [
            "--evaluate",
            "-m",
            f"scripted:{name}",
            "--attempts",
            "1",
            "--mirror",
            options.mirror,
        ]
        words += ["--keep-images", "-o", str(options.output)]
        words += [word for instance in chosen for word in ("--instance", instance)]
        print(subprocess.run(words, check=False).returncode)
    grades = json.loads((options.output / "grades.json").read_text())["grades"]
    given = {one["instance"]: one["resolved"] for one in grades}
    rows = {str(row["instance_id"]): row for row in dataset.read(options.dataset, None)}
    alike = 0
    for instance, candidate in chosen.items():
        image = json.loads((options.output / instance / "image.json").read_text())["reference"]
        folder = options.output / instance / "grading" / "direct"
        job = harness.Job(rows[instance], candidate["model_patch"], image, "direct", folder)
        direct = harness.grade(job)
        alike += given.get(instance) == direct.resolved
        print(
            f"{instance}: batch {given.get(instance)}, direct {direct.resolved}, "
            f"label {candidate['resolved']} ({candidate['agent']}) {direct.problem}"
        )
    print(f"{alike} of {len(chosen)} alike")


if __name__ == "__main__":
    main()
