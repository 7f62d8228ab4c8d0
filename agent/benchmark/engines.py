"""Where a batch's tasks run: a protocol, and its implementation with threads."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Protocol, TypeVar

from agent.errors import Interrupted

Job = TypeVar("Job")
Done = TypeVar("Done")


class Engine(Protocol):
    """Runs jobs side by side; what a job returns comes back to the driver, as it ends.

    Only the driver writes what belongs to the whole run. An engine takes a job from the iterable
    when it has a place for it, and holds no more of them than it runs.
    """

    def run(self, jobs: Iterable[Job], work: Callable[[Job], Done]) -> Generator[Done, None, None]:
        """Yield what `work` returns for each job; what it raises is raised here."""


class Threads:
    """Runs jobs in threads of this process, as the work mostly waits for models and containers."""

    def __init__(self, workers: int, on_stop: Callable[[Interrupted], None]) -> None:
        """Run `workers` jobs at once; `on_stop` tells running jobs that a signal arrived."""
        self.workers, self._on_stop = workers, on_stop

    def run(self, jobs: Iterable[Job], work: Callable[[Job], Done]) -> Generator[Done, None, None]:
        """Yield what `work` returns for each job; after an error no further job begins."""
        waiting = iter(jobs)
        running: set[Future[Done]] = set()
        # The end of the block waits for what the threads do, who are told of a signal first.
        with ThreadPoolExecutor(self.workers, thread_name_prefix="task") as pool:
            try:
                while True:
                    running |= {
                        pool.submit(work, job)
                        for job in islice(waiting, self.workers - len(running))
                    }
                    if not running:
                        return
                    ended, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in ended:
                        yield future.result()
            except Interrupted as stop:
                self._on_stop(stop)
                raise
            except Exception:  # nobody would see what the other threads go on to do
                self._on_stop(Interrupted(signal.SIGTERM))
                raise
