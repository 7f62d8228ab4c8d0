"""What a command in a container costs over the command itself, and how soon a container is ready.

The base image is built when it is absent. `docker exec` by command line is the measure: it is what
an agent without a connected launcher pays for every command.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median

from agent import config
from agent.environment import base_image
from agent.environment.build_network import BuildNetwork, Host
from tools.sandbox.docker import DockerSandbox
from tools.sandbox.engine import Engine

COMMANDS, OPENINGS = 150, 9
LEAST_RATIO, MOST_SECONDS = 10.0, 1.0
say = partial(print, file=sys.stderr)


def main() -> int:
    """Measure both in one run, alternating, so that a busy machine slows both."""
    engine = Engine(os.environ.get("DOCKER_HOST"))
    image = _image(engine)
    ours, theirs = [], []
    with DockerSandbox(engine, image, root="/") as sandbox:
        for _ in range(COMMANDS):
            started = time.perf_counter()
            assert sandbox.run("true").ok
            ours.append(time.perf_counter() - started)
            started = time.perf_counter()
            subprocess.run(["docker", "exec", sandbox.name, "bash", "-c", "true"], check=True)
            theirs.append(time.perf_counter() - started)
    ready = [_opening(engine, image) for _ in range(OPENINGS)]
    ratio = median(theirs) / median(ours)
    print(f"sandbox_command_ms {median(ours) * 1000:.2f} -")
    print(f"docker_exec_ms {median(theirs) * 1000:.2f} -")
    print(f"sandbox_ratio {ratio:.1f} {LEAST_RATIO}")
    print(f"sandbox_ready_s {median(ready):.3f} {MOST_SECONDS}")
    return 0 if ratio >= LEAST_RATIO and median(ready) <= MOST_SECONDS else 1


def _opening(engine: Engine, image: str) -> float:
    started = time.perf_counter()
    with DockerSandbox(engine, image, root="/") as sandbox:
        assert sandbox.run("true").ok
        return time.perf_counter() - started


def _image(engine: Engine) -> str:
    with tempfile.TemporaryDirectory() as folder:
        found = config.read({}, os.environ, Path(folder))
    bundle = Path(found.ca_bundle) if found.ca_bundle else None
    network = BuildNetwork(found.proxies, bundle, found.index_url)
    return base_image.obtain(Host(engine, network, say), ("3.9", "3.11")).reference


if __name__ == "__main__":
    sys.exit(main())
