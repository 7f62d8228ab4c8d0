"""A small real project with a real bug, and records as short as tests need them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker

from agent.records import Candidate, Check, CheckResult, Matrix, TestResult
from tools.sandbox.engine import Engine
from tools.sandbox.local import LocalSandbox
from tools.sandbox.protocol import Sandbox

CALC = '''"""Sums."""


def mean(values):
    """Return the mean."""
    return sum(values) / len(values)
'''
TEST_CALC = """from calc import mean


def test_mean():
    assert mean([1, 3]) == 2


def test_known_to_fail():
    assert mean([1]) == 7
"""
ISSUE = """# mean of nothing
`mean([])` raises ZeroDivisionError, it should return 0.0.
"""
REPRODUCTION = """from calc import mean


def test_mean_of_nothing():
    assert mean([]) == 0.0
"""
PYTEST = "python3 -m pytest"
LEAN = Path(sys.prefix) / "lean"
"""A Python with pytest and none of our own plugins, each of which would cost every start."""
PYTHON_PATH = f"{LEAN / 'bin'}:/usr/bin:/bin"


def make_project(folder: Path) -> Path:
    """Write the project and commit it; return its folder."""
    folder.mkdir(parents=True)
    (folder / "calc.py").write_text(CALC)
    (folder / "setup.py").write_text("from setuptools import setup\nsetup(name='calc')\n")
    (folder / ".gitignore").write_text("__pycache__/\n*.pyc\n")
    (folder / "tests").mkdir()
    (folder / "tests" / "test_calc.py").write_text(TEST_CALC)
    (folder / "conftest.py").write_text("")
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "first")
    return folder


def git(folder: Path, *words: str) -> str:
    """Run git in a folder and return what it prints."""
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    when = {"GIT_AUTHOR_DATE": "2024-05-01T12:00:00Z", "GIT_COMMITTER_DATE": "2024-05-01T12:00:00Z"}
    done = subprocess.run(
        ["git", *who, *words],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        env=dict(os.environ) | when,  # the same project has the same SHA, and so one image
    )
    return done.stdout.strip()


def commit(folder: Path, message: str) -> str:
    """Commit everything and return the SHA."""
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def own_name(folder: Path) -> str:
    """Return a repository's name that no other test has, so that its images are told apart."""
    return f"tool-{hashlib.sha256(bytes(folder)).hexdigest()[:8]}"


def remove_images(engine: Engine, name: str) -> None:
    """Remove the images of a repository, those under our tag only."""
    for tag in [tag for one in engine.images() for tag in one.tags]:
        if tag.startswith(f"repair-agent/{name}:"):
            engine.remove_image(tag)


@contextmanager
def sandbox_of(folder: Path) -> Iterator[Sandbox]:
    """Open a local sandbox of a folder."""
    with LocalSandbox(folder, path=PYTHON_PATH) as sandbox:
        yield sandbox


def engine_api() -> Any:
    """Return the engine's own interface, for what only tests ask of it."""
    return docker.APIClient(base_url=os.environ.get("DOCKER_HOST"), version="auto")


def candidate(
    identity: str, patch: str = "diff", *, merged: tuple[str, ...] = (), root: str = ""
) -> Candidate:
    """Return a candidate of the attempt that its id names."""
    attempt = int(identity.partition(".")[0])
    return Candidate(identity, attempt, root or identity, patch, ("a.py",), merged=merged)


def matrix(checks: list[Check], results: dict[str, list[TestResult]]) -> Matrix:
    """Return a matrix whose rows are given as results in the order of the checks."""
    outcomes = [
        CheckResult(name, check.id, result, digest=result)
        for name, row in results.items()
        for check, result in zip(checks, row, strict=True)
    ]
    return Matrix(tuple(checks), tuple(outcomes))
