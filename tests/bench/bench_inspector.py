"""The inspector on a run of 5,000 steps and on a folder of 1,000 runs, in a real terminal.

Seconds are from the start of the program to the first screen with its content. The first start
after an installation compiles modules and takes a second more: it is not counted. A run of three
steps shows how much is Python's modules; a machine under load needs two or three times as much.
"""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import statistics
import struct
import sys
import tempfile
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from time import monotonic

from agent.messages import Message, Sampling, Usage
from agent.trajectory.attempt import messages_of
from agent.trajectory.encoding import as_json, line_of
from agent.trajectory.events import End, Event, Header, Outcome, Step
from tools.base import ToolCall

PROJECT = Path(__file__).parent.parent.parent
PROGRAM = str(Path(sys.executable).parent / "repair-agent")
STEPS, RUNS = 5000, 1000
OPENS, STEPPING, MEGABYTES = 1.0, 0.05, 300.0
SLOW, ADDS = 2.5, 0.5
"""Seconds within which three steps open on any machine, and what size may add to that there."""


def make_long(folder: Path) -> None:
    """Write a run with one attempt of so many steps, each sent all that was said before."""
    task = folder / "long"
    task.mkdir(parents=True)
    shutil.copy(PROJECT / "tests/data/format-1/example/run.json", folder / "run.json")
    sent = [Message("m0", "system", "You repair."), Message("m1", "user", "An issue. " * 300)]
    with (task / "attempt-1.jsonl").open("wb") as log:
        header = Header(1, "free", "some-model", 0, 0.0, "image", [])
        first: list[Event] = [header, *sent]
        for event in first:
            log.write(as_json(line_of(event)))
        for number in range(1, STEPS + 1):
            call = ToolCall(
                f"t{number}", "bash", json.dumps({"command": f"grep -n word{number} *"})
            )
            reply = Message(f"r{number}", "assistant", f"I look for word{number}. " * 8, (call,))
            text = "\n".join(f"src/file{n}.py:{n}: word{number}" for n in range(40))
            code = int(number % 7 == 0)
            seen = Outcome(
                action=call.id, message=f"o{number}", text=f"{text}\n[exit code {code}, 0.1 s]",
                exit_code=code, seconds=0.1,
            )  # fmt: skip
            asked = Step(
                f"s{number}", "attempt-1", tuple(one.id for one in sent), {}, Sampling(), "0" * 64,
                (reply,), Usage(9000, 90, 8000, 0.01), 1.5,
            )  # fmt: skip
            happened: list[Event] = [asked, seen]
            log.writelines(as_json(line_of(event)) for event in happened)
            sent += messages_of(happened)
        log.write(as_json(line_of(End("steps", "", Usage(1, 1), 9.0))))


def make_many(folder: Path) -> None:
    """Write so many runs of one task."""
    run = json.loads((PROJECT / "tests/data/format-1/example/run.json").read_text())
    result = (PROJECT / "tests/data/format-1/example/sympy-14774-c10de226/result.json").read_bytes()
    for number in range(RUNS):
        place = folder / f"run-{number:04}"
        (place / "task").mkdir(parents=True)
        (place / "run.json").write_text(json.dumps(run | {"id": place.name}))
        (place / "task" / "result.json").write_bytes(result)


class Terminal:
    """The program in a terminal of 120 x 40."""

    def __init__(self, *words: str) -> None:
        self.started = monotonic()
        self.process, self.master = pty.fork()
        if not self.process:
            os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
            os.execv(PROGRAM, [PROGRAM, "inspect", *words])
        ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

    def until(self, words: str, seconds: float = 60.0) -> float:
        """Return the seconds until the words were written."""
        started, seen = monotonic(), b""
        while words.encode() not in seen:
            if monotonic() - started > seconds:
                raise TimeoutError(f"{words!r} never came: {seen[-2000:]!r}")
            if select.select([self.master], [], [], 0.01)[0]:
                seen += os.read(self.master, 65536)
        return monotonic() - started

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    @property
    def megabytes(self) -> float:
        """The most memory that it has held."""
        status = Path(f"/proc/{self.process}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


@contextmanager
def terminal(*words: str) -> Iterator[Terminal]:
    """Run the program until the block ends."""
    found = Terminal(*words)
    try:
        yield found
    finally:
        os.kill(found.process, signal.SIGKILL)
        os.waitpid(found.process, 0)
        os.close(found.master)


def long_run(folder: Path) -> tuple[float, float, float]:
    """Return the seconds to open, the median ones from step to step, and megabytes."""
    make_long(folder)
    with terminal(str(folder)) as shown:
        opened = shown.until("5,000")
        shown.press("2")
        shown.until("word1.")
        steps = []
        for number in range(2, 52):
            shown.press("j")
            steps.append(shown.until(f"word{number}."))
        shown.press("G")
        shown.until(f"word{STEPS}.")
        shown.press("m")
        shown.until("10,000 messages")
        return opened, statistics.median(steps), shown.megabytes


def main() -> int:
    """Measure, print, and fail beyond the bounds."""
    with terminal(str(PROJECT / "tests/data/format-1/example")) as shown:
        shown.until("verified patch")  # files that are read for the first time
    with terminal(str(PROJECT / "tests/data/format-1/example")) as shown:
        start = shown.until("verified patch")
    with tempfile.TemporaryDirectory() as place:
        opened, stepping, megabytes = long_run(Path(place) / "run")
        make_many(Path(place) / "runs")
        with terminal(str(Path(place) / "runs")) as shown:
            listed = shown.until("run-0999")
    most = OPENS if start + ADDS <= OPENS else start + ADDS
    print(f"the example opens in {start:.2f} s (at most {SLOW})")
    print(f"a run of {STEPS:,} steps opens in {opened:.2f} s (at most {most:.2f})")
    print(f"a list of {RUNS:,} runs opens in {listed:.2f} s (at most {most:.2f})")
    print(f"from step to step {stepping * 1000:.0f} ms (at most {STEPPING * 1000:.0f})")
    print(f"memory with the last request shown {megabytes:.0f} MB (at most {MEGABYTES:.0f})")
    held = start <= SLOW and stepping <= STEPPING and megabytes <= MEGABYTES
    return 0 if held and max(opened, listed) <= most else 1


if __name__ == "__main__":
    sys.exit(main())
