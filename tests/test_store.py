"""The run folder: what is written is whole, and what was written reads back."""

from __future__ import annotations

import json
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.disk import EventLog
from agent.encoding import Line, decode, encode
from agent.errors import NetworkError, UserError, WorldError
from agent.recording import RecordedTask, load_run, load_task, read_events, read_info
from agent.records import (
    Call,
    Candidate,
    Check,
    Comment,
    Counts,
    Dropped,
    End,
    Event,
    Header,
    Image,
    Matrix,
    Message,
    Outcome,
    Reproduction,
    Result,
    Sampling,
    Task,
    Usage,
    Verdict,
)
from agent.redaction import redacted
from agent.store import RunFolder, new_run_id, versions
from tools.base import Observation, ToolCall

PATCH = "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a = 1\n+a = 2\n"
TASK = Task(
    "sympy__sympy-14774",
    "issue.md",
    "pypi:sympy==1.1.1",
    "a" * 40,
    "Latex of acsc",
    "does not follow\r\n`inv_trig_style`",
    (Comment("ada", datetime(2018, 6, 5, 11, 0, tzinfo=UTC), "me too"), Comment("bob", None, "+1")),
    datetime(2018, 6, 5, 10, 54, tzinfo=UTC),
)
HEADER = Header(1, "free", "scripted:fix", 0, 0.0, "repair-agent/sympy:1", [{"name": "bash"}])
CALL = ToolCall("t1", "bash", '{"command": "ls"}')
EVENTS: tuple[Event, ...] = (
    HEADER,
    Message("m0", "user", "repair this"),
    Call(
        "c1",
        "attempt-1",
        ("m0",),
        {"m0": "[elided]"},
        Sampling(1, 0.2, 3),
        "d" * 64,
        (Message("", "assistant", "I look", (CALL,), opaque={"reasoning": [{"id": 1}]}),),
        Usage(100, 20, 5, 0.25),
        1.5,
    ),
    Message("m1", "assistant", "I look", (CALL,)),
    Observation("t1", "setup.py\nsympy\n", seconds=0.5),
    Message("m2", "tool", "setup.py\nsympy\n", tool_call_id="t1"),
    End("submitted", "", Usage(100, 20, 5, 0.25), 2.0),
)


def result(task_id: str = TASK.id, patch: str | None = None) -> Result:
    return Result(
        task_id,
        "verified",
        patch,
        0.5,
        0.0,
        1,
        1,
        1,
        Counts(100, 20, 5),
        0.25,
        2.0,
        "scripted",
        "i",
    )


def opened(path: Path, **config: Any) -> RunFolder:
    return RunFolder.open(path, versions=versions("20.10"), config=config)


def everything_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_run_id_is_utc_time_and_four_hex_digits() -> None:
    in_delhi = datetime(2026, 11, 23, 7, 4, 55, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert re.fullmatch(r"20261123T013455-[0-9a-f]{4}", new_run_id(in_delhi))


def test_all_that_is_written_reads_back_equal(tmp_path: Path) -> None:
    image = Image("repair-agent/sympy:1", "sha256:1", "built", "Python 3.9.2", "python -m pytest")
    candidate = Candidate(
        "1.1", 1, "1.1", PATCH, ("x.py",), (Dropped("t.py", "a test"),), "k", {"test_t.py": "x"}
    )
    matrix = Matrix(
        (Check("t::a", "existing"), Check("t::b", "reproduction", None, "fail", True, "assert")),
        (Outcome("base", "t::b", "fail", "d", "assert 1 == 2", 0.5),),
        ("t::c",),
        ("a note",),
    )
    verdict = Verdict("verified", "1.1", (), 0.5, 0.0, (), ("It passes.",))
    written = Reproduction({"test_r.py": "def test_r(): ..."}, "")
    with opened(tmp_path / "run") as run:
        folder = run.task(TASK.id)
        for name, record in (("task", TASK), ("image", image), ("reproduction", written)):
            folder.write(name, record)
        with folder.shared_log() as shared:
            shared.append(EVENTS[2])
        with folder.attempt_log(1) as log:
            for event in EVENTS:
                log.append(event)
        folder.write_candidates([candidate])
        folder.write("matrix", matrix)
        folder.write("verdict", verdict)
        folder.finish(result(patch="candidate-1.1.patch"))

    read = load_task(tmp_path / "run")
    assert (read.id, read.task, read.image, read.reproduction) == (TASK.id, TASK, image, written)
    assert (read.candidates, read.matrix, read.verdict) == ((candidate,), matrix, verdict)
    assert read.result == result(patch="candidate-1.1.patch")
    assert read.failure is None
    assert read.shared == (EVENTS[2],)
    assert read.logs[0].events == EVENTS
    assert read.logs[0].observations == (EVENTS[4],)
    attempt = read.attempts[0]
    assert (attempt.number, attempt.planner, attempt.end) == (1, "free", "submitted")
    assert attempt.messages == (EVENTS[1], EVENTS[3], EVENTS[5])
    assert attempt.calls == (EVENTS[2],)
    assert (attempt.usage, attempt.seconds) == (Usage(100, 20, 5, 0.25), 2.0)
    assert (read.folder / "candidate-1.1.patch").read_text() == PATCH


def test_an_unfinished_task_reads_with_what_it_has(tmp_path: Path) -> None:
    with opened(tmp_path / "run") as run, run.task("t-1").attempt_log(1) as log:
        for event in EVENTS[:5]:
            log.append(event)
        read = load_task(tmp_path / "run" / "t-1")
    assert (read.task, read.image, read.matrix, read.verdict, read.result) == (None,) * 5
    assert read.candidates == ()
    attempt = read.attempts[0]
    assert attempt.end is None
    assert (attempt.usage, attempt.seconds) == (Usage(100, 20, 5, 0.25), 2.0)


def test_an_attempt_that_was_started_again_reads_as_its_last_start(tmp_path: Path) -> None:
    with opened(tmp_path / "run") as run:
        for events in (EVENTS[:3], EVENTS):
            with run.task("t-1").attempt_log(1) as log:
                for event in events:
                    log.append(event)
        read = load_task(tmp_path / "run")
    assert read.logs[0].events == EVENTS
    assert read.logs[0].restarts == 1


def test_attempts_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    with opened(tmp_path / "run") as run:
        for number in (10, 9, 1):
            with run.task("t-1").attempt_log(number) as log:
                log.append(Header(number, "free", "m", 0, 0.0, "i", []))
    assert [one.number for one in load_task(tmp_path / "run").attempts] == [1, 9, 10]


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
    line = encode(Line, event)
    assert line.count(b"\n") == 1
    line.decode("utf-8")
    assert decode(Line, line, "line") == event


@given(st.data())
def test_a_log_that_was_cut_anywhere_reads_and_goes_on(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("log") / "attempt-1.jsonl"
    lines = [encode(Line, event) for event in EVENTS]
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
    path.write_bytes(encode(Line, HEADER) + b'{"kind": "message"}\n')
    with pytest.raises(UserError, match=r"attempt-1\.jsonl line 2"):
        read_events(path)
    path.write_bytes(b'{"kind": "novelty"}\n')
    with pytest.raises(UserError, match="line 1"):
        read_events(path)


APPENDING = """
import sys
from pathlib import Path
from agent.disk import EventLog
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

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    appended = 0
    try:
        with EventLog(path) as log:
            for delay in range(1, 40):
                signal.setitimer(signal.ITIMER_REAL, delay / 10_000)
                try:
                    for _ in range(50):
                        log.append(Observation("call", "x" * 100_000))
                        appended += 1
                    signal.setitimer(signal.ITIMER_REAL, 0)
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
from agent.store import RunFolder
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


def test_a_run_is_made_with_its_parents_and_taken_up_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "runs" / "one"
    with opened(path, seed=1) as first:
        started = first.info.started
    with opened(path, seed=2):
        info = read_info(path)
    assert info is not None
    assert (info.format, info.id, info.started) == (1, "one", started)
    assert info.versions["docker"] == "20.10"
    assert info.versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert info.config == {"seed": 1}
    assert [session.config for session in info.resumed] == [{"seed": 2}]


def test_a_made_but_empty_folder_is_taken(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        assert run.path == tmp_path


def foreign() -> Iterator[Any]:
    newer = json.dumps({"format": 2, "novelty": []}).encode()
    yield pytest.param({"run": b"x"}, "run", "is a file, not a run folder", id="a file")
    yield pytest.param({"f": b"x"}, "f/run", "f is a file, so", id="below a file")
    yield pytest.param({"run/notes.txt": b"x"}, "run", "not empty", id="a folder of others")
    yield pytest.param({"run/run.json": newer}, "run", "newer repair-agent", id="a newer format")
    yield pytest.param({"run/run.json": b"{"}, "run", "cannot read", id="a damaged run.json")
    yield pytest.param({"run/run.json": b"[]"}, "run", "cannot read", id="another run.json")
    yield pytest.param({"run/run.json": b"{}"}, "run", "cannot read", id="an empty run.json")


@pytest.mark.parametrize(("files", "out", "message"), list(foreign()))
def test_what_is_not_ours_is_refused_and_left_alone(
    tmp_path: Path, files: dict[str, bytes], out: str, message: str
) -> None:
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=message) as caught:
        opened(tmp_path / out)
    assert caught.value.hint
    assert everything_in(tmp_path) == files


HOLDING = """
import sys, time
from pathlib import Path
from agent.store import RunFolder
run = RunFolder.open(Path(sys.argv[1]), versions={}, config={})
print("held", flush=True)
time.sleep(600)
"""


def test_two_processes_cannot_work_in_one_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDING, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=rf"in use by another process \(pid {holder.pid}\)"):
            opened(tmp_path)
        holder.kill()
        holder.wait()
    with opened(tmp_path) as run:
        assert len(run.info.resumed) == 1


def test_a_finished_task_has_a_prediction_and_no_failure(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        folder = run.task("o__r-1")
        assert folder.finished is None
        folder.fail(NetworkError("the registry is away", "try later"))
        failure = load_task(tmp_path).failure
        assert failure is not None
        assert (failure.error, failure.message) == ("NetworkError", "the registry is away")
        assert (failure.hint, failure.trace) == ("try later", "")
        folder.write_candidates([Candidate("1.1", 1, "1.1", PATCH, ("x.py",))])
        folder.finish(result("o__r-1", str(folder.path / "candidate-1.1.patch")))
        run.task("o__r-2").finish(result("o__r-2"))
        assert run.task("o__r-1").finished == result(
            "o__r-1", str(folder.path / "candidate-1.1.patch")
        )
    assert not (folder.path / "failure.json").exists()
    lines = (tmp_path / "predictions.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"instance_id": "o__r-1", "model_name_or_path": "scripted", "model_patch": PATCH},
        {"instance_id": "o__r-2", "model_name_or_path": "scripted", "model_patch": ""},
    ]


def test_a_bug_is_recorded_with_its_trace(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        try:
            raise KeyError("lost")
        except KeyError as error:
            run.task("t-1").fail(error)
    failure = load_task(tmp_path).failure
    assert failure is not None
    assert failure.error == "KeyError"
    assert "test_a_bug_is_recorded_with_its_trace" in failure.trace
    assert str(Path.home() / "x")[:-1] not in failure.trace


def test_a_prediction_whose_task_was_killed_is_made_again(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        run.task("o__r-1").finish(result("o__r-1"))
        run.task("o__r-2")
        run.predict("o__r-2", "scripted", "killed before the result was written")
        with (tmp_path / "predictions.jsonl").open("ab") as file:
            file.write(b'{"instance_id":"o__')
    with opened(tmp_path) as run:
        run.task("o__r-2").finish(result("o__r-2"))
    text = (tmp_path / "predictions.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["instance_id"], line["model_patch"]) for line in lines] == [
        ("o__r-1", ""),
        ("o__r-2", ""),
    ]


def test_what_a_killed_writer_left_is_swept_and_no_reason_to_refuse(tmp_path: Path) -> None:
    (tmp_path / ".run.json.1a2b3c4d.tmp").write_text("{")
    (tmp_path / ".lock").touch()
    with opened(tmp_path) as run:
        (run.task("t-1").path / ".task.json.1a2b3c4d.tmp").write_text("{")
        run.task("t-1")
    assert set(everything_in(tmp_path)) == {".lock", "run.json"}


@pytest.mark.parametrize(
    "task_id",
    ["", ".", "..", "../x", "a/b", "/etc", ".hidden", "-x", "a\nb", "a\0b", "x" * 201, "run.json",
     "predictions.jsonl", "predictions-1.jsonl", "grades.json", "\x1b[31m"],
)  # fmt: skip
def test_a_task_id_that_is_no_folder_name_is_refused(tmp_path: Path, task_id: str) -> None:
    with opened(tmp_path) as run, pytest.raises(UserError, match="cannot be a task id"):
        run.task(task_id)
    assert set(everything_in(tmp_path)) == {".lock", "run.json"}


@pytest.mark.parametrize("task_id", ["sympy__sympy-14774", "Fehler in ü-1a2b3c4d", "x" * 200])
def test_odd_but_good_task_ids_are_kept(tmp_path: Path, task_id: str) -> None:
    with opened(tmp_path) as run:
        run.task(task_id).finish(result(task_id))
    assert load_task(tmp_path).id == task_id


def test_bytes_of_a_patch_come_back(tmp_path: Path) -> None:
    patch = b"+caf\xe9 \xff\n".decode("utf-8", "surrogateescape")
    with opened(tmp_path) as run:
        folder = run.task("t-1")
        folder.write_candidates([Candidate("1.1", 1, "1.1", patch, ("x",))])
        assert (folder.path / "candidate-1.1.patch").read_bytes() == b"+caf\xe9 \xff\n"
        folder.write_text("checks/test_a.py", "s = '\ud800'")
        folder.finish(result("t-1"))
    assert load_task(tmp_path).candidates[0].patch == patch


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/../../x", ""])
def test_a_text_stays_in_its_task(tmp_path: Path, name: str) -> None:
    with (
        opened(tmp_path / "run") as run,
        pytest.raises(UserError, match="inside the task's folder"),
    ):
        run.task("t-1").write_text(name, "x")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def ids(tasks: Iterator[RecordedTask]) -> list[str]:
    return [task.id for task in tasks]


def test_a_run_a_task_or_a_folder_of_runs_can_be_named(tmp_path: Path) -> None:
    for name in ("zebra", "aardvark"):  # the later one sorts first by name
        with opened(tmp_path / name) as run:
            for task_id in (f"{name}-1", f"{name}-2"):
                run.task(task_id).finish(result(task_id))
    assert ids(load_run(tmp_path).tasks()) == ["aardvark-1", "aardvark-2"]
    assert ids(load_run(tmp_path / "zebra").tasks()) == ["zebra-1", "zebra-2"]
    one = load_run(tmp_path / "zebra" / "zebra-2")
    assert ids(one.tasks()) == ["zebra-2"]
    assert one.info is not None
    assert one.info.id == "zebra"
    assert load_task(tmp_path / "zebra" / "zebra-1").result == result("zebra-1")


def test_what_cannot_be_loaded_is_said(tmp_path: Path) -> None:
    with opened(tmp_path / "runs" / "several") as run:
        with pytest.raises(UserError, match="has no task yet"):
            load_task(run.path)
        for task_id in ("t-1", "t-2"):
            run.task(task_id).finish(result(task_id))
        with pytest.raises(UserError, match="has several tasks: t-1, t-2"):
            load_task(run.path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no run"):
        load_run(tmp_path / "empty")
    with pytest.raises(UserError, match="there is no folder"):
        load_run(tmp_path / "absent")
    (tmp_path / "runs" / "several" / "run.json").write_text('{"format": 99}')
    for path in ("runs/several", "runs", "runs/several/t-1"):
        with pytest.raises(UserError, match="newer repair-agent"):
            load_run(tmp_path / path)


def test_the_record_of_the_configuration_keeps_secrets_and_places_to_itself() -> None:
    home, folder = Path("/home/ada"), Path("/home/ada/work")
    config = {
        "api_key": "sk-verysecretindeed",
        "keys": {"GITHUB_TOKEN": "ghp_verysecretindeed"},
        "proxies": {"https": "http://ada:pw@proxy.corp.example:3128", "no": "corp.example"},
        "index_url": "https://mirror.corp.example/simple",
        "base_url": "https://ada:pw@models.example/v1",
        "note": "uses sk-verysecretindeed1",
        "max_tokens": 1000,
        "unset_key": None,
        "out": folder / "runs",
        "model": "local:/home/ada/models/a.gguf",
        "log": "/home/ada/work/log and /home/adam",
        "data": Path("/home/eve/data"),
        "home": home,
        "flags": ["-o", "/home/ada/work"],
    }
    shown = redacted(config, home=home, folder=folder)
    assert shown == {
        "api_key": "[redacted]",
        "keys": {"GITHUB_TOKEN": "[redacted]"},
        "proxies": {"https": "http://[redacted]", "no": "[redacted]"},
        "index_url": "https://[redacted]/simple",
        "base_url": "https://[redacted]@models.example/v1",
        "note": "uses [redacted]",
        "max_tokens": 1000,
        "unset_key": None,
        "out": "runs",
        "model": "local:~/models/a.gguf",
        "log": "./log and /home/adam",
        "data": "../../eve/data",
        "home": "~",
        "flags": ["-o", "."],
    }


def test_a_folder_that_may_not_be_written_is_one_line() -> None:
    # Nobody, not even root, makes folders in /proc.
    with pytest.raises(WorldError, match="/proc/repair-agent"):
        opened(Path("/proc/repair-agent/run"))
