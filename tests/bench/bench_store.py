"""How long one event takes from `append` until it is with the operating system."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from agent.messages import Message, Sampling, Usage
from agent.trajectory.events import Event, Outcome, Step
from agent.trajectory.reader import read_events
from agent.trajectory.run_folder import RunFolder
from agent.trajectory.task_log import TaskLog, attempt_name
from tools.base import ToolCall

BOUND_MS = 1.0
EVENTS = 3000


def main() -> int:
    """Append as an attempt of 250 steps does: long outcomes, requests with long id lists."""
    sent = tuple(f"m{number}" for number in range(500))
    call = ToolCall("t1", "bash", '{"command": "python -m pytest -q"}')
    reply = Message("m8", "assistant", "I run the tests. " * 20, (call,))
    events: list[Event] = [
        Step("s1", "attempt-1", sent, {}, Sampling(), "d" * 64, (reply,), Usage(9000, 200), 2.5),
        Outcome(action="t1", message="m9", text="a line of output\n" * 600, seconds=3.5),
    ]
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        with (
            RunFolder.open(Path(folder) / "run", versions={}, config={}) as run,
            TaskLog(run.task("t-1").path).open(attempt_name(1)) as log,
        ):
            for number in range(EVENTS):
                event = events[number % len(events)]
                started = time.perf_counter()
                log.append(event)
                seconds.append(time.perf_counter() - started)
        assert len(read_events(Path(folder) / "run" / "t-1" / "attempt-1.jsonl")) == EVENTS
    value = median(seconds) * 1000
    print(f"store_event_ms {value:.3f} {BOUND_MS}")
    return 0 if value <= BOUND_MS else 1


if __name__ == "__main__":
    sys.exit(main())
