"""The launcher itself: what it owes to its owner, and what only it can do."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tools.base import SandboxLost
from tools.sandbox import launcher
from tools.sandbox.launcher import Launcher
from tools.sandbox.local import LocalSandbox
from tools.sandbox.wire import SocketWire

NAMES = st.text(
    st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=40
).filter(lambda name: name not in (".", "..") and len(name.encode()) < 256)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSandbox]:
    with LocalSandbox(tmp_path_factory.mktemp("source")) as opened:
        yield opened


def start(tmp_path: Path) -> subprocess.Popen[bytes]:
    """Start a launcher whose wire the test holds in its own hands."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", launcher.source(), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )


def frame(payload: bytes = b"", **header: object) -> bytes:
    return json.dumps({**header, "size": len(payload)}).encode() + b"\n" + payload


def wait_for(file: Path) -> None:
    """Wait for a file that a command makes."""
    deadline = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def run_frame(number: int, command: str, timeout: float = 20) -> bytes:
    return frame(id=number, op="run", command=command, timeout=timeout, limit=1000, cwd="", env={})


class Answers:
    """Reads frames from a launcher's output."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._file = os.fdopen(os.dup(process.stdout.fileno()), "rb")

    def next(self) -> tuple[dict[str, object], bytes]:
        header = json.loads(self._file.readline())
        return header, self._file.read(header["size"])

    def close(self) -> None:
        self._file.close()


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Answers]]:
    with start(tmp_path) as process:
        answers = Answers(process)
        assert answers.next()[0]["id"] == 0
        yield process, answers
        answers.close()
        process.kill()


def tell(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(data)


# --- frames ---


def test_frames_may_arrive_byte_by_byte_and_many_at_once(
    wired: tuple[subprocess.Popen[bytes], Answers],
) -> None:
    process, answers = wired
    for byte in frame(b"two\nlines", id=1, op="write", path="f"):
        tell(process, bytes([byte]))
    tell(process, frame(id=2, op="read", path="f") * 2 + run_frame(3, "cat f"))

    assert answers.next()[0]["id"] == 1
    assert answers.next() == ({"id": 2, "size": 9}, b"two\nlines")
    assert answers.next()[1] == b"two\nlines"
    header, output = answers.next()
    assert (header["id"], header["exit_code"], output) == (3, 0, b"two\nlines")


def test_a_new_frame_ends_the_command_before_it(
    wired: tuple[subprocess.Popen[bytes], Answers], tmp_path: Path
) -> None:
    process, answers = wired
    tell(process, run_frame(1, "echo begun; setsid sleep 300 & touch begun; sleep 300"))
    wait_for(tmp_path / "begun")
    tell(process, run_frame(2, "echo second"))

    header, output = answers.next()
    assert (header["id"], header["exit_code"], output) == (1, -9, b"begun\n")
    assert answers.next()[1] == b"second\n"


def test_a_cancellation_without_a_command_is_nothing(
    wired: tuple[subprocess.Popen[bytes], Answers],
) -> None:
    process, answers = wired
    tell(process, frame(id=-1, op="cancel") + run_frame(1, "echo fine"))

    assert answers.next()[1] == b"fine\n"


def test_it_ends_with_its_owner_and_takes_everything_along(
    wired: tuple[subprocess.Popen[bytes], Answers], tmp_path: Path
) -> None:
    process, answers = wired
    tell(process, run_frame(1, "setsid sleep 300 & echo $!"))
    background = int(answers.next()[1])
    tell(process, run_frame(2, "touch begun; sleep 300"))
    wait_for(tmp_path / "begun")
    assert process.stdin is not None
    process.stdin.close()

    assert process.wait(timeout=60) == 0
    assert not Path(f"/proc/{background}").exists()


# --- ends that are hard to see ---

# Its first thread ends, so that it looks like a zombie; its second one goes on.
HEADLESS = """
import ctypes, os, platform, threading, time
threading.Thread(target=time.sleep, args=(300,)).start()
print(os.getpid(), flush=True)
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[platform.machine()], 0)
"""


def test_a_timeout_finds_a_process_whose_first_thread_has_ended(sandbox: LocalSandbox) -> None:
    sandbox.write("headless.py", HEADLESS.encode())

    done = sandbox.run(f"setsid {sys.executable} headless.py & sleep 300", timeout=6)

    assert done.timed_out
    assert not Path(f"/proc/{int(done.output)}").exists()


def test_descriptors_do_not_pile_up(sandbox: LocalSandbox) -> None:
    def count() -> int:
        return int(sandbox.run("ls /proc/$PPID/fd | wc -l").output)

    before = count()
    for _ in range(20):
        sandbox.run("true", stdin=b"x")
        sandbox.run("sleep 0.01 &")
        with pytest.raises(NotADirectoryError):
            sandbox.run("true", cwd="nowhere")
        with pytest.raises(OSError, match="null byte"):
            sandbox.run("a\0b")
        with pytest.raises(FileNotFoundError):
            sandbox.read("nowhere")
    # The launcher closes what a background child held once that has ended: on a busy machine later.
    deadline = time.monotonic() + 20
    while count() > before + 1 and time.monotonic() < deadline:
        time.sleep(0.1)

    assert count() <= before + 1


def test_commands_inherit_no_descriptors(sandbox: LocalSandbox) -> None:
    assert sandbox.run("ls /proc/self/fd").output.split() == ["0", "1", "2", "3"]  # 3 is ls's own


def test_signals_are_as_a_login_leaves_them(sandbox: LocalSandbox) -> None:
    status = sandbox.run("cat /proc/self/status").output
    found = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)

    assert int(found["SigIgn"], 16) & 0x7FFFFFFF == 0  # the C library keeps 32 and 33 to itself
    assert int(found["SigBlk"], 16) == 0
    assert sandbox.run("yes | head -n 1").output == "y\n"


def test_a_waiting_launcher_uses_no_processor(sandbox: LocalSandbox) -> None:
    sandbox.run("sleep 300 & exec >&- 2>&-")  # both kinds of end of a pipe
    fields = "cat /proc/$PPID/stat"
    before = sandbox.run(fields).output.split()[13:15]
    time.sleep(1)
    after = sandbox.run(f"exec 3>&1 >/dev/null; sleep 0.5; {fields} >&3").output.split()[13:15]

    ticks = sum(map(int, after)) - sum(map(int, before))
    assert ticks <= 0.1 * os.sysconf("SC_CLK_TCK")


# --- our end ---


def test_a_launcher_that_dies_is_noticed_at_once(tmp_path: Path) -> None:
    with LocalSandbox(tmp_path) as sandbox:
        started = time.monotonic()
        with pytest.raises(SandboxLost, match="sandbox died"):
            sandbox.run("sleep 0.2; kill -9 $PPID; sleep 60")
        with pytest.raises(SandboxLost):
            sandbox.read("anything")
        assert time.monotonic() - started < 30  # the command's own end is 60 s away


def test_a_launcher_that_says_nothing_is_given_up() -> None:
    ours, theirs = socket.socketpair()

    with theirs:
        with pytest.raises(SandboxLost, match="stopped answering"):
            Launcher(SocketWire(ours, lambda: "nobody was there"), hello_seconds=0.1)
        assert theirs.recv(1) == b"", "the wire is given back"
    assert ours.fileno() == -1


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=NAMES, data=st.binary(max_size=3000))
def test_any_name_and_content_come_back(sandbox: LocalSandbox, name: str, data: bytes) -> None:
    sandbox.write(f"any/{name}", data)

    assert sandbox.read(f"any/{name}") == data
    assert sandbox.run('cat <"any/$NAME"', env={"NAME": name}).output == data.decode(
        "utf-8", "backslashreplace"
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=200), max_size=8), st.integers(2, 300))
def test_output_is_clipped_as_on_our_side(
    sandbox: LocalSandbox, parts: list[bytes], limit: int
) -> None:
    whole = b"".join(parts)
    done = sandbox.run("cat", stdin=whole, limit=limit)

    half = limit // 2
    assert done.omitted == max(0, len(whole) - 2 * half)
    if not done.omitted:
        assert done.output == whole.decode("utf-8", "backslashreplace")
