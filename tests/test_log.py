"""Logs: whole lines, whoever kills, interrupts or fills the disk."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import UserError
from agent.records import Call, Message, Sampling, Usage
from agent.trajectory.durable_files import EventLog
from agent.trajectory.encoding import as_json, event_of, line_of
from agent.trajectory.events import Event
from agent.trajectory.reader import read_events
from tests.recorded import EVENTS, HEADER
from tools.base import Observation

whole_text = st.text(st.characters()).filter(
    lambda text: text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass") == text
)
events = st.one_of(
    st.builds(
        Message,
        id=whole_text,
        content=whole_text,
        opaque=st.dictionaries(st.text(), st.recursive(st.none() | st.text(), st.lists)),
    ),
    st.builds(Observation, call_id=whole_text, text=whole_text, seconds=st.floats(0, 1e6)),
    st.builds(
        Call,
        elided=st.dictionaries(whole_text, whole_text),
        usage=st.builds(Usage, usd=st.none() | st.floats(0, 1e6)),
        sampling=st.builds(Sampling, temperature=st.floats(0, 2)),
        replies=st.tuples(st.builds(Message, content=whole_text, opaque=st.just({}))),
        seconds=st.floats(0, 1e6),
    ),
)


@given(events)
def test_any_event_is_one_line_and_reads_back_equal(event: Event) -> None:
    line = as_json(line_of(event))
    assert line.count(b"\n") == 1
    line.decode("utf-8")
    assert event_of(line, "line") == event


@given(st.data())
def test_a_log_that_was_cut_anywhere_reads_and_goes_on(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("log") / "attempt-1.jsonl"
    lines = [as_json(line_of(event)) for event in EVENTS]
    cut = data.draw(st.integers(0, len(b"".join(lines))))
    path.write_bytes(b"".join(lines)[:cut])
    ends = [sum(map(len, lines[: count + 1])) for count in range(len(lines))]
    before = EVENTS[: sum(end <= cut for end in ends)]
    assert read_events(path) == before
    with EventLog(path) as log:
        log.append(EVENTS[-1])
    assert read_events(path) == (*before, EVENTS[-1])


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "attempt-1.jsonl"
    path.write_bytes(as_json(line_of(HEADER)) + b'{"kind": "message"}\n')
    with pytest.raises(UserError, match=r"attempt-1\.jsonl line 2"):
        read_events(path)
    path.write_bytes(b'{"kind": "novelty"}\n')
    with pytest.raises(UserError, match="line 1"):
        read_events(path)


APPENDING = """
import sys
from pathlib import Path
from agent.trajectory.durable_files import EventLog
from tools.base import Observation
with EventLog(Path(sys.argv[1])) as log:
    for number in range(10**9):
        log.append(Observation(str(number), "x" * 300_000))
"""


def test_a_killed_process_loses_at_most_the_line_it_was_writing(tmp_path: Path) -> None:
    path = tmp_path / "attempt-1.jsonl"
    for _ in range(3):
        path.unlink(missing_ok=True)
        process = subprocess.Popen([sys.executable, "-c", APPENDING, str(path)])
        deadline = time.monotonic() + 30
        while (
            not path.exists() or path.stat().st_size < 3_000_000
        ) and time.monotonic() < deadline:
            time.sleep(0.001)
        process.kill()
        process.wait()
        read = read_events(path)
        assert len(read) * 300_000 > 2_700_000
        assert [event.call_id for event in read if isinstance(event, Observation)] == [
            str(number) for number in range(len(read))
        ]


def test_a_signal_never_leaves_half_a_line(tmp_path: Path) -> None:
    path = tmp_path / "attempt-1.jsonl"

    armed = False

    def interrupt(number: int, frame: object) -> None:
        if armed:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    appended = 0
    try:
        with EventLog(path) as log:
            for delay in range(1, 40):
                try:
                    armed = True
                    signal.setitimer(signal.ITIMER_REAL, delay / 10_000)
                    for _ in range(50):
                        log.append(Observation("call", "x" * 100_000))
                        appended += 1
                    armed = False
                except KeyboardInterrupt:
                    continue
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    # A line that was whole when the signal came may stay, though `append` did not return.
    assert appended <= len(read_events(path)) <= appended + 40


def test_threads_may_share_a_log(tmp_path: Path) -> None:
    path = tmp_path / "shared.jsonl"
    with EventLog(path) as log:

        def work(name: str) -> None:
            for number in range(100):
                log.append(Observation(f"{name}{number}", "x" * 5000))

        threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    ids = [event.call_id for event in read_events(path) if isinstance(event, Observation)]
    assert len(ids) == len(set(ids)) == 400


FULL = """
import resource, sys
from pathlib import Path
from agent.records import Message
from agent.trajectory.run_folder import RunFolder
from tools.base import Observation, WorldError
run = RunFolder.open(Path(sys.argv[1]), versions={}, config={})
task = run.task("t-1")
task.write("task", Message("small", "user", ""))
log = task.attempt_log(1)
log.append(Observation("first", "x"))
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
for fill in (
    lambda: task.write("task", Message("big", "user", "x" * 20_000)),
    lambda: log.append(Observation("second", "x" * 20_000)),
    lambda: task.write_text("candidate-1.1.patch", "x" * 20_000),
):
    try:
        fill()
    except WorldError as error:
        print(error.message)
log.append(Observation("third", "x"))
"""


def test_no_room_leaves_nothing_half_written(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("File too large") == 3
    folder = tmp_path / "run" / "t-1"
    assert sorted(path.name for path in folder.iterdir()) == ["attempt-1.jsonl", "task.json"]
    assert json.loads((folder / "task.json").read_text())["id"] == "small"
    read = read_events(folder / "attempt-1.jsonl")
    assert [one.call_id for one in read if isinstance(one, Observation)] == ["first", "third"]
