"""Make, before the tests start, what they need: a base image, an environment, the embedded model.

Each is kept, by the engine or in the user's cache, so this costs minutes once and a second from
then on. Without it the tests make the same themselves, two workers at a time.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from agent.cli.model import fetch
from agent.config import read
from agent.environment import base_image
from agent.environment.environment import host_of, open_environment
from agent.intake import issue
from tests import buildx
from tests.samples import LEAN
from tools.base import Explained

PYTHONS = ("3.9", "3.11")
TASK = Path(__file__).parent / "data" / "sympy-14774.md"


def main() -> int:
    """Make everything, saying what is made; return the exit code."""
    config = read({}, os.environ, Path(__file__).parent)
    try:
        make_lean()
        made = base_image.obtain(host_of(config, print), PYTHONS)
        print(f"base image: {made.reference}")
        with open_environment(issue.read(str(TASK)), config, print) as environment:
            print(f"environment: {environment.image.reference}")
        fetch(config, Console(stderr=True), sys.stdout)
        print(f"docker-buildx: {buildx.folder()}")
    except Explained as error:
        print(f"prepare: {error.message}; {error.hint}", file=sys.stderr)
        return 6
    except RuntimeError as error:
        print(f"prepare: {error}", file=sys.stderr)
        return 6
    return 0


def make_lean() -> None:
    """Make the Python in which the projects of these tests run."""
    if (LEAN / "bin" / "pytest").exists():
        return
    uv = [sys.executable, "-m", "uv"]
    make = [*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(LEAN)]
    fill = [*uv, "pip", "install", "--quiet", "--python", str(LEAN / "bin" / "python"), "pytest"]
    for command in (make, fill):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{LEAN} cannot be made: {done.stderr.strip()}")


if __name__ == "__main__":
    sys.exit(main())
