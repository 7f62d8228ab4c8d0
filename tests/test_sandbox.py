"""One list of behaviours that every sandbox shows: on the host, and both ways in a container."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest

from tools.base import SandboxLost
from tools.process_owner import PREFIX
from tools.sandbox.docker import DockerSandbox
from tools.sandbox.engine import Engine
from tools.sandbox.local import LocalSandbox
from tools.sandbox.protocol import Completed, Sandbox

KINDS = ("local", "docker", "exec")
IMAGES = {"docker": "python_image", "exec": "bare_image"}
PROJECT = Path(__file__).parent.parent

Open = Callable[[], AbstractContextManager[Sandbox]]


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def image(kind: str, request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(IMAGES[kind])) if kind in IMAGES else ""


@pytest.fixture(scope="module")
def fresh(
    kind: str, image: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Open:
    """Opens a new sandbox of this kind."""
    if kind == "local":
        source = tmp_path_factory.mktemp("source")
        return lambda: LocalSandbox(source)
    engine: Engine = request.getfixturevalue("engine")
    return lambda: DockerSandbox(engine, image)


@pytest.fixture(scope="module")
def sandbox(fresh: Open) -> Iterator[Sandbox]:
    """One that tests share; each keeps to files of its own."""
    with fresh() as opened:
        yield opened


def mark() -> str:
    """Return a number of seconds that nobody else sleeps."""
    return f"10{os.urandom(4).hex()}".translate(str.maketrans("abcdef", "123456"))


def sleeping(sandbox: Sandbox, seconds: str) -> int:
    """Count the processes inside that sleep for so long."""
    script = "for file in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$file; echo; done 2>/dev/null"
    found = sandbox.run(f"{script} | grep -c '^sleep {seconds} '").output
    return int(found)


# --- ends and output ---


@pytest.mark.parametrize(
    ("command", "code"),
    [("true", 0), ("exit 3", 3), ("no-such-command", 127), ("kill -9 $$", -9), ("kill $$", -15)],
)
def test_tells_how_a_command_ended(sandbox: Sandbox, command: str, code: int) -> None:
    done = sandbox.run(command)

    assert done.exit_code == code
    assert done.ok == (code == 0)
    assert not done.timed_out
    assert not done.out_of_memory


def test_joins_output_and_errors_in_order(sandbox: Sandbox) -> None:
    done = sandbox.run("echo one; echo two >&2; echo three")

    assert done == Completed(0, "one\ntwo\nthree\n", seconds=done.seconds)
    assert 0 < done.seconds < 60


def test_shows_output_that_is_not_text(sandbox: Sandbox) -> None:
    done = sandbox.run("printf 'a\\377\\000\\303\\251z'")

    assert done.output == "a\\xff\x00éz"


def test_keeps_head_and_tail_of_long_output(sandbox: Sandbox) -> None:
    done = sandbox.run(
        "echo start; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end", limit=1000
    )

    assert done.omitted == 3_000_011 - 1000
    assert done.output.startswith("start\nxxx")
    assert done.output.endswith("xxx\nend\n")
    assert f"{done.omitted:,} bytes left out" in done.output
    assert len(done.output) < 1100


def test_output_of_exactly_the_limit_is_whole(sandbox: Sandbox) -> None:
    done = sandbox.run("head -c 1000 /dev/zero | tr '\\0' x", limit=1000)

    assert done.omitted == 0
    assert done.output == "x" * 1000


def test_gigabytes_of_output_cost_no_memory(kind: str, sandbox: Sandbox) -> None:
    size = 200_000_000 if kind == "exec" else 2_000_000_000  # the engine moves 60 MB/s
    theirs = peak_of_launcher(sandbox)
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    ours = peak("self")

    done = sandbox.run(f"yes | head -c {size}; echo end")

    assert done.exit_code == 0
    assert done.output.endswith("y\nend\n")
    assert done.omitted == size + 4 - 256 * 1024
    assert peak("self") - ours < 16_000
    assert peak_of_launcher(sandbox) - theirs < 16_000


def peak(pid: str) -> int:
    """Return the most kB of memory that a process of the host has held."""
    return _peak(Path(f"/proc/{pid}/status").read_text())


def peak_of_launcher(sandbox: Sandbox) -> int:
    status = sandbox.run("cat /proc/$PPID/status /proc/1/status").output
    return _peak(status)


def _peak(status: str) -> int:
    return int(status.partition("VmHWM:")[2].split()[0])


def test_a_command_may_close_its_output_and_go_on(sandbox: Sandbox) -> None:
    done = sandbox.run("echo said; exec >&- 2>&-; sleep 0.7; exit 7")

    assert done.exit_code == 7
    assert done.output == "said\n"
    assert done.seconds >= 0.7


# --- what a command is given ---


def test_a_command_reads_its_input(sandbox: Sandbox) -> None:
    data = os.urandom(5_000_000)

    done = sandbox.run("sha256sum", stdin=data)

    assert done.output.split()[0] == hashlib.sha256(data).hexdigest()


def test_a_command_without_input_does_not_wait_for_it(sandbox: Sandbox) -> None:
    done = sandbox.run("cat", timeout=10)

    assert (done.exit_code, done.output, done.timed_out) == (0, "", False)


def test_input_that_nobody_reads_is_no_trouble(sandbox: Sandbox) -> None:
    assert sandbox.run("echo done", stdin=b"x" * 5_000_000).output == "done\n"


def test_a_command_has_the_variables_it_is_given(sandbox: Sandbox) -> None:
    value = "two words, 'quotes\", ünïcode\nand a line"

    assert sandbox.run('printf %s "$VALUE"', env={"VALUE": value}).output == value
    assert sandbox.run("echo ${VALUE-unset}").output == "unset\n"


def test_commands_start_in_the_repository(sandbox: Sandbox) -> None:
    assert sandbox.run("pwd").output == f"{sandbox.root}\n"


def test_commands_start_where_they_are_told(sandbox: Sandbox) -> None:
    sandbox.run("mkdir -p 'sub dir/é'")

    assert sandbox.run("pwd", cwd="sub dir/é").output == f"{sandbox.root}/sub dir/é\n"
    assert sandbox.run("pwd", cwd="/tmp").output == "/tmp\n"


@pytest.mark.parametrize("cwd", ["nowhere", "/nowhere", "a-file"])
def test_a_wrong_folder_is_an_error(sandbox: Sandbox, cwd: str) -> None:
    sandbox.write("a-file", b"")

    with pytest.raises(NotADirectoryError):
        sandbox.run("pwd", cwd=cwd)
    assert sandbox.run("echo fine").output == "fine\n"


@pytest.mark.parametrize("command", ["echo " + "x" * 200_000, "echo a\0b"])
def test_a_command_that_no_shell_takes_is_an_error(sandbox: Sandbox, command: str) -> None:
    with pytest.raises(OSError, match=r"rgument|null byte"):
        sandbox.run(command)
    assert sandbox.run("echo fine").output == "fine\n"


# --- time and background ---


def test_timeout_keeps_the_output_and_kills_all_that_was_started(sandbox: Sandbox) -> None:
    seconds = mark()
    command = f"""
        echo begun
        sleep {seconds} &
        setsid sleep {seconds} &
        nohup sleep {seconds} >/dev/null 2>&1 &
        ( ( setsid sleep {seconds} >/dev/null 2>&1 & ) & )
        setsid sh -c 'trap "" TERM HUP INT; sleep {seconds}; sleep {seconds}' &
        sh -c 'kill -STOP $$' &
        sleep 0.3; echo more; sleep {seconds}
    """
    done = sandbox.run(command, timeout=4)

    assert done.timed_out
    assert done.exit_code == -9
    assert not done.ok
    assert done.output == "begun\nmore\n"
    assert 4 <= done.seconds < 60
    assert sleeping(sandbox, seconds) == 0


def test_background_children_live_on(sandbox: Sandbox) -> None:
    seconds = mark()
    started = time.monotonic()
    done = sandbox.run(f"sleep {seconds} & echo started")
    assert done.output == "started\n"
    assert time.monotonic() - started < 60

    sandbox.run("true")

    assert sleeping(sandbox, seconds) == 1


def test_output_of_background_children_goes_nowhere_and_never_blocks(sandbox: Sandbox) -> None:
    sandbox.run("(sleep 0.3; head -c 5000000 /dev/zero; echo over >flag) & echo started")
    deadline = time.monotonic() + 20

    outputs = [sandbox.run("echo quiet").output]
    while sandbox.run("cat flag").output != "over\n":
        assert time.monotonic() < deadline
        outputs.append(sandbox.run("echo quiet").output)

    assert set(outputs) == {"quiet\n"}


def test_a_background_flood_does_not_hold_the_command(sandbox: Sandbox) -> None:
    seconds = mark()
    started = time.monotonic()
    done = sandbox.run(f"(sleep {seconds} & yes) & sleep 0.5; echo done")

    assert done.exit_code == 0
    assert not done.timed_out
    assert time.monotonic() - started < 60
    assert sandbox.run("echo next").output == "next\n"
    assert sandbox.run("sleep 5", timeout=0.5).timed_out


def test_a_timeout_spares_children_of_earlier_commands(kind: str, sandbox: Sandbox) -> None:
    seconds = mark()
    sandbox.run(f"sleep {seconds} >/dev/null 2>&1 &")

    assert sandbox.run("sleep 9", timeout=0.5).timed_out

    assert sleeping(sandbox, seconds) == (0 if kind == "exec" else 1)


# --- files ---


@pytest.mark.parametrize(
    "name",
    [
        "plain.txt",
        "with space",
        "new\nline",
        "quo'te\"s",
        "-dash",
        "ünï ☃",
        "$(touch x) `y` *?[a]",
        "back\\slash",
        "deep/er/than/that",
        "../beside",
        "a" * 255,
    ],
)
def test_files_of_any_name_go_both_ways(sandbox: Sandbox, name: str) -> None:
    data = f"content of {name}\n".encode()

    sandbox.write(name, data)

    assert sandbox.read(name) == data
    assert sandbox.read(f"{sandbox.root}/{name}") == data
    assert sandbox.run('cat -- "$NAME"', env={"NAME": name}).output == data.decode()


def test_names_that_are_no_utf_8(kind: str, sandbox: Sandbox) -> None:
    name = b"\xff\xfe-odd".decode("utf-8", "surrogateescape")
    sandbox.run("mkdir odd; printf inside > odd/$(printf '\\377\\376-odd')")

    if kind == "exec":  # the engine takes nothing but Unicode, and says so
        with pytest.raises(OSError) as caught:  # noqa: PT011
            sandbox.read(f"odd/{name}")
        assert caught.value.errno == errno.EILSEQ
    else:
        assert sandbox.read(f"odd/{name}") == b"inside"
        sandbox.write(f"odd/{name}", b"changed")
        assert sandbox.run(f"cat odd/{name}").output == "changed"


def test_large_files_go_both_ways(sandbox: Sandbox) -> None:
    data = os.urandom(1 << 20) * 64
    started = time.monotonic()

    sandbox.write("large", data)
    assert sandbox.run("sha256sum large").output.split()[0] == hashlib.sha256(data).hexdigest()
    assert sandbox.read("large") == data

    assert time.monotonic() - started < 100


def test_writing_keeps_the_mode_and_shortens(sandbox: Sandbox) -> None:
    sandbox.run("echo much longer than before > tool; chmod 751 tool; ln -s tool link")

    sandbox.write("tool", b"short")
    sandbox.write("link", b"new")

    assert sandbox.run("stat -c '%a %s' tool; readlink link").output == "751 3\ntool\n"
    assert sandbox.read("tool") == b"new"


def test_a_new_file_is_readable_and_not_executable(sandbox: Sandbox) -> None:
    sandbox.write("brand/new", b"")

    assert sandbox.run("stat -c %a brand/new").output == "644\n"


def test_links_are_followed(sandbox: Sandbox) -> None:
    sandbox.write("target", b"there")
    sandbox.run(f"ln -s target relative; ln -s {sandbox.root}/target absolute; ln -s loop loop")

    assert sandbox.read("relative") == sandbox.read("absolute") == b"there"
    with pytest.raises(OSError):  # noqa: PT011
        sandbox.read("loop")


def test_reading_says_what_is_wrong_and_never_waits(sandbox: Sandbox) -> None:
    sandbox.run("mkdir folder; mkfifo pipe; echo x > file; truncate -s 300M sparse")
    started = time.monotonic()

    for name, kind in [("nope", FileNotFoundError), ("folder", IsADirectoryError)]:
        with pytest.raises(kind, match=name):
            sandbox.read(name)
    for name in ("pipe", "/dev/zero", "file/below", "sparse", "a\0b", ""):
        with pytest.raises(OSError):  # noqa: PT011
            sandbox.read(name)

    assert time.monotonic() - started < 60
    assert sandbox.run("echo fine").output == "fine\n"


def test_writing_says_what_is_wrong_and_never_waits(sandbox: Sandbox) -> None:
    sandbox.run("mkdir folder2; mkfifo pipe2; echo x > file2")
    started = time.monotonic()

    with pytest.raises(IsADirectoryError):
        sandbox.write("folder2", b"x")
    for name in ("pipe2", "/dev/tty", "file2/below", "file2/much/below", "/proc/version", ""):
        with pytest.raises(OSError):  # noqa: PT011
            sandbox.write(name, b"x")

    assert time.monotonic() - started < 60
    assert sandbox.read("file2") == b"x\n"


# --- interruptions and ends ---


class Interrupted(BaseException):
    """What a signal handler raises."""


@contextmanager
def interruption(after: float) -> Iterator[None]:
    """Raise Interrupted in this thread after some seconds."""

    def raise_it(number: int, frame: object) -> None:
        raise Interrupted

    main = threading.get_ident()
    before = signal.signal(signal.SIGUSR1, raise_it)
    timer = threading.Timer(after, signal.pthread_kill, (main, signal.SIGUSR1))
    timer.start()
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        timer.join()
        signal.signal(signal.SIGUSR1, before)


def test_an_interrupted_command_is_ended_and_the_next_one_is_answered(sandbox: Sandbox) -> None:
    seconds = mark()
    started = time.monotonic()

    with interruption(0.7), pytest.raises(Interrupted):
        sandbox.run(f"echo wrong; setsid sleep {seconds} & sleep {seconds}")

    assert sandbox.run("echo right").output == "right\n"
    assert time.monotonic() - started < 60
    assert sleeping(sandbox, seconds) == 0


def test_interruptions_at_any_moment_confuse_nothing(kind: str, sandbox: Sandbox) -> None:
    data = os.urandom(300_000)
    sandbox.write("big", data)
    interrupted = 0
    for number in range(20 if kind == "exec" else 60):
        try:
            with interruption(number / 10_000 if kind != "exec" else number / 200):
                sandbox.run(f"echo wrong; sleep 0.0{number % 7}; echo {number}")
                assert sandbox.read("big") == data
        except Interrupted:
            interrupted += 1
        assert sandbox.run(f"echo {number}").output == f"{number}\n"
        assert sandbox.read("big") == data

    assert interrupted > 5


def test_nothing_stays_after_an_exception(fresh: Open, kind: str) -> None:
    seconds = mark()
    with suppress(ZeroDivisionError), fresh() as sandbox:
        sandbox.run(f"sleep {seconds} & setsid sleep {seconds} &")
        raise ZeroDivisionError

    if isinstance(sandbox, DockerSandbox):
        assert sandbox.name not in names(sandbox._engine)
    else:
        assert not Path(sandbox.root).parent.exists()
        assert not sleeping_on_host(seconds)


def names(engine: Engine) -> set[str]:
    return {item.name for item in engine.containers()}


def test_a_sandbox_that_ended_says_so(fresh: Open) -> None:
    with fresh() as sandbox:
        pass

    with pytest.raises((SandboxLost, RuntimeError)):
        sandbox.run("true")


CHILD = """
import pathlib, signal, sys
from tools.sandbox.engine import Engine
from tools.sandbox.docker import DockerSandbox
from tools.sandbox.local import LocalSandbox

def stop(number, frame):
    raise SystemExit(128 + number)

signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, stop)
kind, place, seconds = sys.argv[1:]
opened = LocalSandbox(pathlib.Path(place)) if kind == "local" else DockerSandbox(Engine(), place)
with opened as sandbox:
    sandbox.run(f"sleep {seconds} & setsid sleep {seconds} &")
    print(getattr(sandbox, "name", sandbox.root), flush=True)
    sandbox.run(f"setsid sleep {seconds} & sleep {seconds}")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_of_a_process_that_a_signal_ends(
    kind: str, image: str, number: signal.Signals, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    seconds = mark()
    place = image or str(tmp_path)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, kind, place, seconds],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )
    assert child.stdout is not None
    with child.stdout:
        opened = child.stdout.readline().strip()
        time.sleep(0.3)
        child.send_signal(number)
        assert child.wait(timeout=60) == (-9 if number == signal.SIGKILL else 128 + number)

    if kind == "local":
        until(lambda: not sleeping_on_host(seconds))
        if number != signal.SIGKILL:
            assert not Path(opened).parent.exists()
        assert Path(opened).parent.name.startswith(PREFIX)
        shutil.rmtree(Path(opened).parent, ignore_errors=True)  # what a kill leaves is for `clean`
    else:
        engine: Engine = request.getfixturevalue("engine")
        until(lambda: opened not in names(engine))


def sleeping_on_host(seconds: str) -> list[str]:
    wanted = f"sleep\0{seconds}\0"
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = file.read_text(errors="replace")
        except OSError:
            continue  # it ended while we looked
        found += [text] if text == wanted else []
    return found


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that happens by itself; fail when it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
