"""Builds environments of SWE-bench instances and has the official harness grade the gold patches.

    python -m tests.bench.environments DATASET.parquet --mirror DIR --out results.jsonl

Images are built from repository, commit and date alone; what a row says besides is read for
grading only. Instances that `--out` holds already are not built again. Takes hours.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from pyarrow import Table, parquet

REPOSITORIES = (
    "sympy", "django", "pytest", "requests", "flask", "pylint", "sphinx", "seaborn", "xarray",
)  # fmt: skip
SEED, SIZE = 2026, 40
GRADE_SECONDS = 1800


def drawn(ids: list[str], size: int) -> list[str]:
    """Return the sample: fixed by the seed, over the repositories above."""
    fitting = sorted(one for one in ids if _repository(one) in REPOSITORIES)
    return random.Random(SEED).sample(fitting, size)


def _repository(instance: str) -> str:
    return instance.partition("__")[2].rpartition("-")[0]


def measured(instance: str, row: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Build and grade one instance; return what came of it."""
    started = time.monotonic()
    command = [
        "repair-agent",
        "image",
        "build",
        instance,
        "--dataset",
        options.dataset,
        "--mirror",
        options.mirror,
        "--try-seconds",
        "0",
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    found = {"id": instance, "build_seconds": round(time.monotonic() - started)}
    if built.returncode:
        last = built.stderr.strip().splitlines()[-1:] or ["no output"]
        return {**found, "resolved": False, "cause": f"build: {last[0]}"}
    tag = built.stdout.strip()
    started = time.monotonic()
    graded = grade(instance, {**row, "image": tag}, Path(options.logs))
    return {**found, "tag": tag, "grade_seconds": round(time.monotonic() - started), **graded}


def grade(instance: str, row: dict[str, Any], logs: Path) -> dict[str, Any]:
    """Let the official harness grade the gold patch in our image."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        derived = folder / "derived.parquet"
        parquet.write_table(Table.from_pylist([row]), derived)
        command = ["swebench", "eval", str(derived), "--gold", "-i", instance, "-j", "1"]
        command += ["--run-id", "gold", "-t", str(GRADE_SECONDS)]
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        kept = logs / instance
        kept.mkdir(parents=True, exist_ok=True)
        (kept / "harness.txt").write_text(ran.stdout + ran.stderr)
        for path in folder.rglob("*"):
            if path.name in ("report.json", "test_output.txt", "run_instance.log"):
                (kept / path.name).write_bytes(path.read_bytes())
    report = kept / "report.json"
    if not report.is_file():
        return {"resolved": False, "cause": "the harness wrote no report"}
    told = json.loads(report.read_text())[instance]
    status = told.get("tests_status", {})
    failed = [test for kind in status.values() for test in kind.get("failure", [])]
    return {"resolved": told["resolved"], "failed": failed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("--mirror", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--logs", default="environment-logs")
    parser.add_argument("--size", type=int, default=SIZE)
    parser.add_argument("--only", nargs="*", help="these ids, in place of the sample")
    options = parser.parse_args()
    rows = {row["instance_id"]: row for row in parquet.read_table(options.dataset).to_pylist()}
    out = Path(options.out)
    known = [json.loads(line) for line in out.read_text().splitlines()] if out.is_file() else []
    results = {one["id"]: one for one in known}
    wanted = options.only or drawn(list(rows), options.size)
    for instance in wanted:
        if instance not in results:
            results[instance] = measured(instance, rows[instance], options)
            with out.open("a") as file:
                file.write(json.dumps(results[instance]) + "\n")
            print(
                instance, {k: v for k, v in results[instance].items() if k != "failed"}, flush=True
            )
    by_repository: dict[str, list[bool]] = defaultdict(list)
    for instance in wanted:
        by_repository[_repository(instance)].append(results[instance]["resolved"])
    for name, ends in sorted(by_repository.items()):
        print(f"{name}: {sum(ends)} of {len(ends)}")
    everything = [end for ends in by_repository.values() for end in ends]
    macro = sum(sum(ends) / len(ends) for ends in by_repository.values()) / len(by_repository)
    print(f"{sum(everything)} of {len(everything)}, macro average {macro:.0%}")


if __name__ == "__main__":
    main()
