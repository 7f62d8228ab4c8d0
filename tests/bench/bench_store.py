"""How long one event takes from `append` until it is with the operating system."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from agent.records import Call, Message, Sampling, Usage
from agent.trajectory.events import Event
from agent.trajectory.reader import read_events
from agent.trajectory.run_folder import RunFolder
from tools.base import Observation, ToolCall

BOUND_MS = 1.0
EVENTS = 3000


def main() -> int:
    """Append as an attempt of 250 steps does: long observations, requests with long id lists."""
    sent = tuple(f"m{number}" for number in range(500))
    call = ToolCall("t1", "bash", '{"command": "python -m pytest -q"}')
    reply = Message("", "assistant", "I run the tests. " * 20, (call,))
    events: list[Event] = [
        Call("c1", "attempt-1", sent, {}, Sampling(), "d" * 64, (reply,), Usage(9000, 200), 2.5),
        reply,
        Observation("t1", "a line of output\n" * 600, seconds=3.5),
        Message("m9", "tool", "a line of output\n" * 600, tool_call_id="t1"),
    ]
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        with (
            RunFolder.open(Path(folder) / "run", versions={}, config={}) as run,
            run.task("t-1").attempt_log(1) as log,
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
