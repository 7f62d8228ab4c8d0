"""The only module that runs SWE-bench's harness: one patch, graded in one image."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from agent.environment import host_program
from agent.errors import UserError, WorldError
from tools.sandbox.engine import Engine

SECONDS = 1800
"""How long the harness lets one instance's tests run, unless told otherwise."""
STARTING = 300.0
"""Additional seconds for loading, copying and reading."""
KEPT = ("report.json", "test_output.txt", "run_instance.log", "patch.diff")
NOT_APPLIED, TOO_LONG = ">>>>> Patch Apply Failed", "Test timed out after"
"""What the harness logs when the patch is at fault; it is not at any other missing report."""
INSTALL = "install it with: pip install 'repair-agent[bench]'"


@dataclass(frozen=True)
class Job:
    """A dataset's `row` and the patch to grade on it.

    `image` takes the place of the row's own; the row is else as it was. `id` is the harness's for
    this run. What the harness writes is kept in `folder`, in place of what it wrote there before.
    """

    row: dict[str, Any]
    patch: str
    image: str | None
    id: str
    folder: Path


@dataclass(frozen=True)
class Outcome:
    """What came of one patch; `resolved` is None where the harness could not tell."""

    resolved: bool | None
    failed: tuple[str, ...] = ()
    problem: str = ""


def version() -> str:
    """Return the harness's name and version; raises UserError where it is not installed."""
    if find_spec("swebench") is None:
        raise UserError("grading takes SWE-bench's harness", INSTALL)
    return f"swebench {metadata.version('swebench')}"


def grade(
    job: Job,
    *,
    docker_host: str | None = None,
    seconds: int = SECONDS,
    check_halt: Callable[[], None] = lambda: None,
) -> Outcome:
    """Have the harness test a patch, and return what it reports; it ends when `check_halt` raises.

    Raises UserError, WorldError when it cannot run at all.
    """
    version()
    instance, folder = str(job.row["instance_id"]), job.folder
    work = folder / "work"
    shutil.rmtree(folder, ignore_errors=True)
    work.mkdir(parents=True)
    derived = {**job.row, "image": job.image} if job.image else job.row
    prediction = {"instance_id": instance, "model_name_or_path": "run", "model_patch": job.patch}
    for name, value in (("dataset", derived), ("predictions", prediction)):
        text = json.dumps(value, default=str) + "\n"
        (work / f"{name}.jsonl").write_text(text, encoding="utf-8", errors="surrogateescape")
    command = [sys.executable, "-m", "swebench.harness.run_evaluation", "-d", "dataset.jsonl"]
    command += ["-p", "predictions.jsonl", "-id", job.id, "-t", str(seconds), "--max_workers", "1"]
    variables = {"HF_HUB_OFFLINE": "1"} | ({"DOCKER_HOST": docker_host} if docker_host else {})
    try:
        code, last = host_program.run(
            command, variables, folder=work, seconds=seconds + STARTING, check_halt=check_halt
        )
    finally:  # a harness that was killed leaves its container running
        Engine(docker_host).remove(f"sweb.eval.{instance.lower()}.{job.id}")
    logs = work / "logs" / "run_evaluation" / job.id / "run" / instance
    for name in KEPT:
        if (logs / name).is_file():
            (logs / name).replace(folder / name)
    shutil.rmtree(work)
    if code and not (folder / "run_instance.log").is_file():
        raise WorldError(f"SWE-bench's harness failed: {' | '.join(last[-3:])}", "see --debug")
    return _outcome(folder, instance)


def _outcome(folder: Path, instance: str) -> Outcome:
    report = folder / "report.json"
    if report.is_file():
        graded = json.loads(report.read_text(encoding="utf-8"))[instance]
        status = graded.get("tests_status") or {}
        wanted = [status.get(kind) or {} for kind in ("FAIL_TO_PASS", "PASS_TO_PASS")]
        failed = tuple(test for kind in wanted for test in kind.get("failure") or ())
        return Outcome(bool(graded["resolved"]), failed)
    log = folder / "run_instance.log"
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    if NOT_APPLIED in text:
        return Outcome(False, problem="the patch does not apply")
    if TOO_LONG in text:
        return Outcome(False, problem="the tests ran out of time")
    wrong = [line for line in text.splitlines() if "Error" in line] or ["no report was written"]
    return Outcome(None, problem=wrong[0].strip()[:300])
