"""Logs: whole lines, whoever kills, interrupts or fills the disk."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import UserError
from agent.messages import Message, Sampling, Usage
from agent.records import Candidate, Dropped, Location, Reproduction
from agent.trajectory.encoding import KINDS, as_json, event_of, line_of
from agent.trajectory.events import (
    Action,
    End,
    Event,
    Header,
    Locations,
    Note,
    Outcome,
    Step,
)
from agent.trajectory.reader import read_events
from agent.trajectory.task_log import LogFile, TaskLog
from tests.recorded import EVENTS, HEADER
from tools.base import TestCounts, ToolCall

whole_text = st.text(st.characters()).filter(
    lambda text: text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass") == text
)
floats = st.floats(0, 1e6)
texts = st.lists(whole_text, max_size=3).map(tuple)
mapping = st.dictionaries(whole_text, whole_text, max_size=3)
messages = st.builds(
    Message,
    id=whole_text,
    content=whole_text,
    tool_calls=st.lists(
        st.builds(ToolCall, id=whole_text, name=whole_text, arguments=whole_text), max_size=2
    ).map(tuple),
    tool_call_id=st.none() | whole_text,
    opaque=st.dictionaries(st.text(), st.recursive(st.none() | st.text(), st.lists), max_size=3),
    finish=st.sampled_from([None, "length", "refusal"]),
)
usages = st.builds(Usage, usd=st.none() | floats)
locations = st.builds(Location, path=whole_text, name=whole_text, signature=whole_text)
EVERY_KIND: dict[type[Event], st.SearchStrategy[Event]] = {
    Header: st.builds(
        Header,
        planner=whole_text,
        model=whole_text,
        temperature=st.floats(0, 2),
        image=whole_text,
        tools=st.lists(st.dictionaries(st.text(), st.text()), max_size=2),
    ),
    Message: messages,
    Step: st.builds(
        Step,
        id=whole_text,
        conversation=whole_text,
        sent=texts,
        elided=mapping,
        digest=whole_text,
        usage=usages,
        sampling=st.builds(
            Sampling,
            temperature=st.floats(0, 2),
            seed=st.none() | st.integers(0, 9),
            grammar=st.none() | whole_text,
        ),
        replies=st.lists(messages, max_size=2).map(tuple),
        seconds=floats,
        max_tokens=st.none() | st.integers(1, 9),
        served=st.booleans(),
    ),
    Action: st.builds(
        Action,
        id=whole_text,
        name=whole_text,
        arguments=whole_text,
        sample=st.none() | st.integers(1, 9),
        root=st.none() | st.integers(1, 9),
        location=st.none() | locations,
    ),
    Outcome: st.builds(
        Outcome,
        action=whole_text,
        message=st.none() | whole_text,
        text=whole_text,
        error=st.booleans(),
        exit_code=st.none() | st.integers(-1, 255),
        timed_out=st.booleans(),
        tests=st.none() | st.builds(TestCounts, passed=st.integers(0, 9), failed=st.integers(0, 9)),
        changed=st.none() | texts,
        seconds=floats,
        trial=st.sampled_from([None, "holds", "fails", "unusable"]),
    ),
    Note: st.builds(Note, conversation=whole_text, text=whole_text),
    Locations: st.builds(Locations, locations=st.lists(locations, max_size=3).map(tuple)),
    Reproduction: st.builds(Reproduction, tests=mapping, remark=whole_text, probes=mapping),
    Candidate: st.builds(
        Candidate,
        id=whole_text,
        root=whole_text,
        patch=st.just(""),  # it has a file of its own
        files=texts,
        dropped=st.lists(st.builds(Dropped, whole_text, whole_text), max_size=2).map(tuple),
        key=whole_text,
        tests=mapping,
        merged=texts,
    ),
    End: st.builds(End, detail=whole_text, usage=usages, seconds=floats),
}
events = st.sampled_from(sorted(KINDS.items())).flatmap(lambda kind: EVERY_KIND[kind[1]])


@contextmanager
def open_log(path: Path) -> Iterator[LogFile]:
    with TaskLog(path.parent).open(path.stem) as log:
        yield log


def outcome(action: str, text: str) -> Outcome:
    return Outcome(action=action, text=text)


@given(events)
def test_any_event_is_one_line_and_reads_back_equal(event: Event) -> None:
    line = as_json(line_of(event))
    assert line.count(b"\n") == 1
    line.decode("utf-8")
    assert event_of(line, "line") == event


def test_a_line_leaves_out_what_says_nothing_and_a_patch() -> None:
    reply = Message("m1", "assistant", "")
    step = Step("s1", "attempt-1", (), {}, Sampling(), "d", (reply,), Usage(9), 0.5)
    line = line_of(step)
    assert "served" not in line
    assert "max_tokens" not in line
    assert (line["usage"], line["sampling"]) == ({"prompt": 9}, {})
    assert line["replies"] == [{"id": "m1", "role": "assistant", "content": ""}]
    assert line_of(outcome("t1", "seen")) == {"kind": "outcome", "action": "t1", "text": "seen"}
    known = replace(outcome("t1", ""), exit_code=0, changed=(), tests=TestCounts())
    assert line_of(known) == {
        "kind": "outcome", "action": "t1", "text": "", "exit_code": 0, "changed": [], "tests": {},
    }  # fmt: skip
    assert "patch" not in line_of(Candidate("1.1", 1, "1.1", "diff", ("a.py",)))


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
    with open_log(path) as log:
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
from agent.trajectory.events import Note
from agent.trajectory.task_log import TaskLog
with TaskLog(Path(sys.argv[1])).open("attempt-1") as log:
    for number in range(10**9):
        log.append(Note(str(number), f"{number}{'x' * 300_000}"))
"""


def test_a_killed_process_loses_at_most_the_line_it_was_writing(tmp_path: Path) -> None:
    path = tmp_path / "attempt-1.jsonl"
    for _ in range(3):
        path.unlink(missing_ok=True)
        process = subprocess.Popen([sys.executable, "-c", APPENDING, str(tmp_path)])
        deadline = time.monotonic() + 30
        while (
            not path.exists() or path.stat().st_size < 3_000_000
        ) and time.monotonic() < deadline:
            time.sleep(0.001)
        process.kill()
        process.wait()
        read = read_events(path)
        assert len(read) * 300_000 > 2_700_000
        assert [event.conversation for event in read if isinstance(event, Note)] == [
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
        with open_log(path) as log:
            for delay in range(1, 40):
                try:
                    armed = True
                    signal.setitimer(signal.ITIMER_REAL, delay / 10_000)
                    for _ in range(50):
                        log.append(outcome("call", f"{delay} {appended} {'x' * 100_000}"))
                        appended += 1
                    armed = False
                except KeyboardInterrupt:
                    armed = False
                signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    # A line that was whole when the signal came may stay, though `append` did not return.
    assert appended <= len(read_events(path)) <= appended + 40


def test_threads_may_share_a_log(tmp_path: Path) -> None:
    path = tmp_path / "shared.jsonl"
    with open_log(path) as log:

        def work(name: str) -> None:
            for number in range(100):
                log.append(outcome(f"{name}{number}", "x" * 5000))

        threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    ids = [event.action for event in read_events(path) if isinstance(event, Outcome)]
    assert len(ids) == len(set(ids)) == 400


FULL = """
import resource, sys
from pathlib import Path
from agent.messages import Message
from agent.trajectory.run_folder import RunFolder
from agent.trajectory.task_log import TaskLog
from agent.trajectory.events import Note
from tools.base import WorldError
run = RunFolder.open(Path(sys.argv[1]), versions={}, config={})
task = run.task("t-1")
task.write("task", Message("small", "user", ""))
opened = TaskLog(task.path).open("attempt-1")
log = opened.__enter__()
log.append(Note("first", "x"))
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
for fill in (
    lambda: task.write("task", Message("big", "user", "x" * 20_000)),
    lambda: log.append(Note("second", "x" * 20_000)),
    lambda: task.write_text("candidate-1.1.patch", "x" * 20_000),
):
    try:
        fill()
    except WorldError as error:
        print(error.message)
log.append(Note("third", "x"))
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
    assert [one.conversation for one in read if isinstance(one, Note)] == ["first", "third"]
