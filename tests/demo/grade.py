"""Grades the demo: the chosen patch in a fresh sandbox, with the hidden test.

python -m tests.demo.grade RUN
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from agent.config import read
from agent.selection.matrix import apply
from agent.trajectory.reader import RecordedTask, load_task
from tools.base import Explained
from tools.run_tests import describe, run_tests
from tools.sandbox.container import Limits
from tools.sandbox.engine import Engine
from tools.sandbox.factory import docker_sandboxes

HIDDEN = Path(__file__).with_name("test_hidden.py")


def graded(recorded: RecordedTask) -> tuple[bool, str]:
    """Return whether every hidden test passes with the chosen patch, and what they said."""
    result, image = recorded.result, recorded.image
    if result is None or image is None:
        return False, "the run is not finished"
    if result.patch is None or image.test_command is None:
        return False, "there is no patch to grade"
    patch = (recorded.folder / Path(result.patch).name).read_text(encoding="utf-8")
    config = read({}, os.environ, recorded.folder)
    sandboxes = docker_sandboxes(Engine(config.docker_host), image.reference, Limits())
    with sandboxes.open() as sandbox:
        refusal = apply(sandbox, patch)
        if refusal:
            return False, refusal
        sandbox.write(HIDDEN.name, HIDDEN.read_bytes())
        run = run_tests(sandbox, image.test_command, [HIDDEN.name])
    wanted = HIDDEN.read_text(encoding="utf-8").count("\ndef test_")
    passed = sum(report.result == "pass" for report in run.reports)
    return passed == wanted == len(run.reports), run.broken or describe(run.reports)


def main() -> int:
    """Print the grade and return 0 when the hidden test passes."""
    try:
        passes, said = graded(load_task(Path(sys.argv[1])))
    except Explained as error:
        print(f"grade: {error.message}; {error.hint}", file=sys.stderr)
        return 6
    print(f"Hidden test: {'passed' if passes else 'FAILED'} ({said})")
    return 0 if passes else 1


if __name__ == "__main__":
    sys.exit(main())
