"""Make, before the tests start, what they need: a base image, an environment, the embedded model.

Each is kept, by the engine or in the user's cache, so this costs minutes once and a second from
then on. Without it the tests make the same themselves, two workers at a time.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rich.console import Console

from agent.config import read
from agent.embedded import fetch
from agent.intake import base_image, issue
from agent.intake.workplace import build_network, open_workplace
from tests import buildx
from tools.base import Explained
from tools.engine import Engine

PYTHONS = ("3.9", "3.11")
TASK = Path(__file__).parent / "data" / "sympy-14774.md"


def main() -> int:
    """Make everything, saying what is made; return the exit code."""
    config = read({}, os.environ, Path(__file__).parent)
    try:
        engine = Engine(config.docker_host)
        made = base_image.obtain(engine, PYTHONS, build_network(config), print)
        print(f"base image: {made.reference}")
        with open_workplace(issue.read(str(TASK)), config, print) as place:
            print(f"environment: {place.image.reference}")
        fetch(config, Console(stderr=True), sys.stdout)
        print(f"docker-buildx: {buildx.folder()}")
    except Explained as error:
        print(f"prepare: {error.message}; {error.hint}", file=sys.stderr)
        return 6
    except RuntimeError as error:
        print(f"prepare: {error}", file=sys.stderr)
        return 6
    return 0


if __name__ == "__main__":
    sys.exit(main())
