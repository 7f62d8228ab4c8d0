"""What two runs of the same leave, but for what differs between any two: times and ids."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from agent.trajectory.encoding import as_json, line_of
from agent.trajectory.reader import read_task
from tools.nondeterminism import normalized

VARYING = ("seconds", "digest", "served", "time")
"""Keys whose values no two runs share."""
CALL = re.compile(r"call_\d+_\d+|[\d.]+ s\b")


def plain(value: Any) -> Any:
    """Return JSON without times and ids."""
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if key not in VARYING}
        return {CALL.sub("", key): plain(each) for key, each in kept.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return CALL.sub("", normalized(value)) if isinstance(value, str) else value


def task_content(folder: Path) -> dict[str, Any]:
    """Return what a task's folder holds, but for times and ids, and the last start of each log.

    `log.txt` is left out: it tells of every start.
    """
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.suffix == ".json":
            found[name] = json.loads(path.read_text())
        elif path.is_file() and path.suffix != ".jsonl" and path.name != "log.txt":
            found[name] = path.read_text()
    task = read_task(folder)
    found["shared"] = [line_of(event) for event in task.shared]
    found |= {f"attempt {one.number}": list(map(line_of, one.events)) for one in task.attempts}
    return {name: plain(json.loads(as_json(each))) for name, each in found.items()}


def run_content(output: Path) -> dict[str, Any]:
    """Return what a whole run left; predictions by instance, `run.json` without its starts."""
    found: dict[str, Any] = {}
    for path in sorted(output.iterdir()):
        if path.is_dir():
            found |= {f"{path.name}/{name}": each for name, each in task_content(path).items()}
        elif path.suffix == ".jsonl":
            found[path.name] = sorted(path.read_text().splitlines())
        elif path.name == "run.json":
            fields = json.loads(path.read_text())
            found[path.name] = {
                key: each for key, each in fields.items() if key not in ("id", "started", "resumed")
            }
    return found
