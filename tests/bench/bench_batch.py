"""What a batch costs beyond its containers, and whether its memory grows with finished work.

    python -m tests.bench.bench_batch [INSTANCES]

Every instance is the sample project with a scripted model, in an image that is ready. Container
time is the time in which at least one request to the engine or one command in a sandbox is under
way; what is left of the wall time is ours.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import requests
from rich.console import Console

from agent import config
from agent.benchmark.batch import Batch, run_batch
from agent.benchmark.instances import Choice
from agent.show.batch_progress import Ended, Tally
from agent.trajectory.run_folder import RunFolder, versions
from tests.batches import RIGHT, make_batch, script
from tests.samples import CALC
from tools.sandbox.docker import DockerSandbox
from tools.sandbox.engine import Engine
from tools.sandbox.launcher import Launcher

INSTANCES, EARLY = 10, 5
SPARSE = 5
"""Beyond the first ones every fifth hands in a patch: judging one takes most of the time."""
MOST_OVERHEAD, MOST_MEGABYTES, MOST_GROWTH = 0.5, 200.0, 10.0
WAITS = (
    (requests.Session, "send"),
    (Launcher, "run"),
    (Launcher, "read"),
    (Launcher, "write"),
    (DockerSandbox, "__enter__"),
    (DockerSandbox, "__exit__"),
)


class Waited:
    """The seconds in which anything was waited for, by however many threads."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lock, self._now, self._since = threading.Lock(), 0, 0.0

    def during(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, timed."""

        @wraps(function)
        def timed(*given: Any, **named: Any) -> Any:
            with self._lock:
                self._since = self._since if self._now else time.monotonic()
                self._now += 1
            try:
                return function(*given, **named)
            finally:
                with self._lock:
                    self._now -= 1
                    if not self._now:
                        self.seconds += time.monotonic() - self._since

        return timed


class Counting(Tally):
    """A tally that notes this process's memory, in megabytes, whenever an instance ends."""

    def __init__(self) -> None:
        super().__init__(Console(file=StringIO()))
        self.megabytes: list[float] = []

    def end(self, ended: Ended) -> None:
        super().end(ended)
        self.megabytes.append(_resident())


def main() -> int:
    """Run a batch in this process and print figures with their bounds."""
    instances = int(sys.argv[1]) if len(sys.argv) > 1 else INSTANCES
    with tempfile.TemporaryDirectory() as name, _images_removed():
        folder = Path(name)
        make_batch(folder, instances)
        for number in range(1, instances + 1):
            text = RIGHT if number <= INSTANCES or number % SPARSE == 0 else CALC
            (folder / "scripts" / f"owner__tool-{number}.json").write_text(script(text))
        _batch(folder, "ready", Choice(part=":1"))
        waited, started = Waited(), time.monotonic()
        with _timed(waited):
            tally = _batch(folder, "out", Choice())
        seconds = time.monotonic() - started
    assert tally.counts["unverified"] + tally.counts["no_patch"] == instances, tally.summary()
    overhead = (seconds - waited.seconds) / instances
    most, growth = max(tally.megabytes), tally.megabytes[-1] - tally.megabytes[EARLY - 1]
    print(f"batch_instances {instances} -")
    print(f"batch_seconds_per_instance {seconds / instances:.2f} -")
    print(f"batch_overhead_s {overhead:.3f} {MOST_OVERHEAD}")
    print(f"batch_memory_mb {most:.0f} {MOST_MEGABYTES:.0f}")
    print(f"batch_memory_growth_mb {growth:.1f} {MOST_GROWTH:.0f}")
    held = (overhead, MOST_OVERHEAD), (most, MOST_MEGABYTES), (growth, MOST_GROWTH)
    return 0 if all(figure <= bound for figure, bound in held) else 1


def _batch(folder: Path, output: str, choice: Choice) -> Counting:
    flags = {
        "model": f"scripted:{folder / 'scripts'}", "mirrors": [str(folder)], "attempts": "1",
        "sandbox": "docker",
    }  # fmt: skip
    found = config.read(flags, os.environ, folder)
    wanted = Batch(str(folder / "data.jsonl"), choice, keep_images=True, min_free_gb=1.0)
    path, tally = folder / output, Counting()
    with RunFolder.open(path, versions=versions(None), config={}, dataset=wanted.dataset) as run:
        run_batch(wanted, found, run, tally)
    return tally


@contextmanager
def _timed(waited: Waited) -> Iterator[None]:
    patches = [patch.object(kind, name, waited.during(getattr(kind, name))) for kind, name in WAITS]
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in patches:
            one.stop()


@contextmanager
def _images_removed() -> Iterator[None]:
    engine = Engine(os.environ.get("DOCKER_HOST"))
    try:
        yield
    finally:
        for tag in [tag for one in engine.images() for tag in one.tags]:
            if tag.startswith("repair-agent/tool:"):
                engine.remove_image(tag)


def _resident() -> float:
    status = Path("/proc/self/status").read_text().splitlines()
    found = next(line for line in status if line.startswith("VmRSS:"))
    return int(found.split()[1]) / 1024


if __name__ == "__main__":
    sys.exit(main())
