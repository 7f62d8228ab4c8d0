"""A dataset of a few instances of the sample project, scripts for them, and batches over it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.samples import CALC, ISSUE, commit, make_project, own_name
from tests.stub_server import USD
from tests.test_cli import run

RIGHT = CALC.replace("return sum", "if not values:\n        return 0.0\n    return sum")
WRONG = CALC.replace("return sum", "if not values:\n        return 7.0\n    return sum")
TEST = """from calc import mean


def test_mean_of_nothing():
    assert mean([]) == 0.0
"""
EVAL = """#!/bin/bash
set -uxo pipefail
source /opt/miniconda3/bin/activate
conda activate testbed
cd /testbed
cat > tests/test_new.py <<'END'
{test}END
: '>>>>> Start Test Output'
python -m pytest -rA tests/test_new.py tests/test_calc.py
: '>>>>> End Test Output'
rm tests/test_new.py
"""
LOCAL = {"REPAIR_AGENT_SANDBOX": "local", "REPAIR_AGENT_ATTEMPTS": "1"}


def script(text: str, *before: str) -> str:
    """Return what a model says that runs commands, writes calc.py and hands it in."""
    write = f"cat > calc.py <<'END'\n{text}END"
    calls = [{"name": "bash", "arguments": {"command": one}} for one in (*before, write)]
    calls.append({"name": "submit", "arguments": {"summary": "done"}})
    return json.dumps({"attempt-1": [{"tool_calls": [call]} for call in calls]})


def make_batch(folder: Path, instances: int = 4) -> Path:
    """Write a dataset of instances of one repository, and scripts for the first three."""
    project = make_project(folder / own_name(folder))
    wanted = "from setuptools import setup\nsetup(name='calc', python_requires='==3.9.*')\n"
    (project / "setup.py").write_text(wanted)
    sha = commit(project, "for Python 3.9 alone")
    rows = [
        {
            "instance_id": f"owner__tool-{number}",
            "repo": f"owner/{own_name(folder)}",
            "base_commit": sha,
            "problem_statement": ISSUE,
            "created_at": "2021-05-01T00:00:00Z",
            "version": "1",
            "FAIL_TO_PASS": json.dumps(["tests/test_new.py::test_mean_of_nothing"]),
            "PASS_TO_PASS": json.dumps(["tests/test_calc.py::test_mean"]),
            "log_parser": "parse_log_pytest",
            "eval_type": "pass_and_fail",
            "eval_script": EVAL.format(test=TEST),
        }
        for number in range(1, instances + 1)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "data.jsonl").write_text(lines)
    (folder / "scripts").mkdir()
    for number, text in ((1, RIGHT), (2, WRONG), (3, CALC)):
        (folder / "scripts" / f"owner__tool-{number}.json").write_text(script(text))
    return folder


def make_priced(home: Path) -> None:
    """Write settings that know what the model server of these tests takes."""
    folder = home / ".config" / "repair-agent"
    folder.mkdir(parents=True)
    prices = "\n".join(f"{name} = {usd}" for name, usd in USD.items())
    (folder / "config.toml").write_text(f"[prices.stub]\n{prices}\n")


def batch(here: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    given = ("batch", "data.jsonl", "-m", "scripted:scripts", "--mirror", ".", "-o", "out")
    return run(here, *given, *words, **LOCAL, **environ)
