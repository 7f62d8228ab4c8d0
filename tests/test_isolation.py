"""What a container keeps from the code in it: the network, the host, and our end of the wire."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.samples import engine_api
from tools.base import EngineError, SandboxLost
from tools.sandbox.container import Limits
from tools.sandbox.docker import DockerSandbox
from tools.sandbox.engine import Engine

SMALL = Limits(memory=256 << 20, processes=128)


@pytest.fixture(scope="module", params=["python_image", "bare_image"])
def image(request: pytest.FixtureRequest) -> str:
    """Images for both ways of starting commands: the launcher, and the engine's exec."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture(scope="module")
def sandbox(engine: Engine, image: str) -> Iterator[DockerSandbox]:
    with DockerSandbox(engine, image, limits=SMALL) as opened:
        yield opened


@pytest.fixture
def guarded(engine: Engine, python_image: str) -> Iterator[DockerSandbox]:
    """A sandbox with a launcher, for one test that attacks it."""
    with DockerSandbox(engine, python_image, limits=SMALL) as opened:
        yield opened


# --- the outside ---


def test_there_is_no_network(sandbox: DockerSandbox) -> None:
    assert sandbox.run("ls /sys/class/net").output == "lo\n"
    assert len(sandbox.run("cat /proc/net/route").output.splitlines()) == 1  # the heading
    assert sandbox.run("timeout 5 getent hosts python.org debian.org").exit_code == 2


def test_no_address_is_reached_but_loopback_is(guarded: DockerSandbox) -> None:
    script = """
import socket
for address in ("1.1.1.1", "192.0.2.1", "172.17.0.1", "169.254.169.254"):
    try:
        socket.create_connection((address, 80), timeout=2)
        print("reached", address)
    except OSError as error:
        print(error.errno)
server = socket.create_server(("127.0.0.1", 0))
print(socket.create_connection(server.getsockname(), timeout=2).getpeername()[0])
"""
    done = guarded.run("python3 -", stdin=script.encode())

    assert done.output.split() == ["101"] * 4 + ["127.0.0.1"]  # 101: no route


def test_nothing_of_the_host_is_inside(
    engine: Engine, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "s3cr3t-of-the-host")
    with DockerSandbox(engine, image) as sandbox:
        inside = sandbox.run("env; cat /proc/1/environ; cat /proc/1/cmdline | tr '\\0' ' '").output
        mounts = sandbox.run("cat /proc/mounts").output

    assert "HOME=/root" in inside
    assert "s3cr3t" not in inside
    assert os.environ["PATH"] not in inside
    points = [line.split()[1] for line in mounts.splitlines() if line.startswith("/dev/")]
    assert set(points) <= {"/etc/resolv.conf", "/etc/hostname", "/etc/hosts"}
    assert "docker.sock" not in mounts


def test_the_engine_is_out_of_reach_and_logs_nothing(
    sandbox: DockerSandbox,
) -> None:
    assert sandbox.run("ls /var/run/docker.sock /run/docker.sock").exit_code == 2
    settings = engine_api().inspect_container(sandbox.name)["HostConfig"]
    assert settings["LogConfig"]["Type"] == "none"
    assert not settings["Privileged"]
    assert not settings["Binds"]


def test_commands_have_no_capabilities(sandbox: DockerSandbox) -> None:
    status = sandbox.run("cat /proc/self/status").output
    found = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)

    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(found[name], 16) == 0
    assert found["NoNewPrivs"] == "1"
    assert found["Seccomp"] == "2"
    for forbidden in ("mount -t tmpfs none /mnt", "chown 1:1 /testbed", "mknod /tmp/d b 8 0"):
        assert not sandbox.run(forbidden).ok


# --- limits ---


def test_running_out_of_memory_ends_the_command_alone(sandbox: DockerSandbox) -> None:
    before = sandbox.run("true")
    done = sandbox.run("tail /dev/zero", timeout=60)
    after = sandbox.run("echo alive")

    assert done.exit_code == -9
    assert done.out_of_memory
    assert not done.timed_out
    assert after.output == "alive\n"
    assert (before.out_of_memory, after.out_of_memory) == (False, False)


def test_memory_that_a_child_wants_is_told_too(sandbox: DockerSandbox) -> None:
    done = sandbox.run("tail /dev/zero; echo went on; exit 4")

    assert done.out_of_memory
    assert done.exit_code == 4
    assert "went on" in done.output


BOMB = "bomb() { bomb | bomb & }; bomb; "
REFUSED = """
for file in /sys/fs/cgroup/pids.events /sys/fs/cgroup/pids/pids.events; do
  [ ! -r "$file" ] || while read -r name count; do refused=$count; done <"$file"
done
"""


def is_usable(sandbox: DockerSandbox) -> bool:
    """Tell whether commands can start others, and little else runs."""
    sorts = sandbox.run("seq 3 | sort -r | head -n 1").output == "3\n"
    return sorts and int(sandbox.run("ls -d /proc/[0-9]* | wc -l").output) < 10


def test_a_fork_bomb_is_contained_and_ended(sandbox: DockerSandbox) -> None:
    done = sandbox.run(f"{BOMB} while :; do :; done", timeout=3)

    # The shell goes on until its time is over, or fails because the bomb takes its places.
    assert done.timed_out or done.exit_code
    assert is_usable(sandbox)


def test_a_fork_bomb_is_ended_with_the_command_that_started_it(sandbox: DockerSandbox) -> None:
    # Once a fork was refused the command ends by itself, in which nothing but the shell takes part.
    done = sandbox.run(
        f"{REFUSED} before=$refused; {BOMB} while [ $refused = $before ]; do {REFUSED} done",
        timeout=100,
    )

    assert not done.timed_out
    assert is_usable(sandbox)


def test_a_fork_bomb_in_the_background_leaves_the_sandbox_usable(
    engine: Engine, image: str
) -> None:
    with DockerSandbox(engine, image, limits=SMALL) as sandbox:
        sandbox.run(BOMB)
        assert "alive" in sandbox.run("echo alive").output

        deadline = time.monotonic() + 60
        while not is_usable(sandbox):  # until the bomb is noticed by what it keeps from starting
            assert time.monotonic() < deadline


def test_orphans_that_end_give_their_place_back(sandbox: DockerSandbox) -> None:
    for _ in range(4):
        sandbox.run("for i in $(seq 40); do (sleep 0.01 &); done >/dev/null 2>&1; sleep 0.5")

    deadline = time.monotonic() + 60
    while sandbox.run("cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z '").output != "0\n":
        assert time.monotonic() < deadline


# --- death ---


def test_a_killed_container_is_noticed_at_once(engine: Engine, image: str) -> None:
    with DockerSandbox(engine, image) as sandbox:
        killed: list[float] = []

        def kill() -> None:
            killed.append(time.monotonic())
            engine.remove(sandbox.name)

        timer = threading.Timer(0.7, kill)
        timer.start()
        with pytest.raises(SandboxLost, match="sandbox died"):
            sandbox.run("echo waiting; sleep 60")
        assert time.monotonic() - killed[0] < 30  # the command's own end is 60 s away
        timer.join()

        actions: list[Callable[[], object]] = [
            lambda: sandbox.run("true"),
            lambda: sandbox.read("/etc/passwd"),
            lambda: sandbox.write("file", b"x"),
        ]
        for act in actions:
            started = time.monotonic()
            with pytest.raises(SandboxLost):
                act()
            assert time.monotonic() - started < 30  # unnoticed, an answer is awaited for minutes


def test_an_image_that_is_not_there_is_said(engine: Engine) -> None:
    with (
        pytest.raises(EngineError, match="no image repair-agent/nowhere:none") as caught,
        DockerSandbox(engine, "repair-agent/nowhere:none"),
    ):
        pass
    assert "pull" in caught.value.hint


# --- the launcher under attack ---

ATTACK = r"""
import ctypes, os, signal

FRAME = b'{"id": 3, "exit_code": 0, "head": 6, "omitted": 0, "timed_out": false, ' \
        b'"out_of_memory": false, "seconds": 0.1, "size": 6}\nforged'
DOCKER = b"\1\0\0\0" + len(FRAME).to_bytes(4, "big") + FRAME
libc = ctypes.CDLL(None, use_errno=True)
holes = []

def attempt(name, act):
    try:
        result = act()
    except OSError:
        return
    if result is not None:
        holes.append((name, result))

def write(path):
    def act():
        with open(path, "wb", buffering=0) as file:
            return [file.write(data) for data in (FRAME, DOCKER)]
    return act

def call(*arguments):
    def act():
        result = libc.syscall(*arguments)
        return None if result == -1 else result
    return act

for number in range(32):
    attempt("fd %d" % number, write("/proc/1/fd/%d" % number))
    attempt("link %d" % number, lambda: os.readlink("/proc/1/fd/%d" % number))
    attempt("task fd %d" % number, write("/proc/1/task/1/fd/%d" % number))
for name in ("mem", "maps", "environ", "auxv", "stack", "syscall"):
    attempt(name, lambda: open("/proc/1/" + name, "rb").read(1))
attempt("mem write", lambda: open("/proc/1/mem", "r+b"))
attempt("root", lambda: os.listdir("/proc/1/root"))
attempt("cwd", lambda: os.readlink("/proc/1/cwd"))
attempt("ptrace attach", call(101, 16, 1, 0, 0))
attempt("ptrace seize", call(101, 0x4206, 1, 0, 0))
buffer = ctypes.create_string_buffer(8)
vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
attempt("process_vm_readv", call(310, 1, vector, 1, vector, 1, 0))
pidfd = libc.syscall(434, 1, 0)
if pidfd >= 0:
    for number in range(8):
        attempt("pidfd_getfd", call(438, pidfd, number, 0))
for number in set(signal.Signals) - {signal.SIGCHLD}:
    os.kill(1, number)
print("holes:", holes)
"""


def test_code_under_test_cannot_reach_the_launcher(guarded: DockerSandbox) -> None:
    done = guarded.run("python3 -", stdin=ATTACK.encode())

    assert done.output == "holes: []\n"
    assert done.exit_code == 0
    assert guarded.run("echo honest; exit 3").exit_code == 3


def test_signals_from_inside_do_not_end_it(sandbox: DockerSandbox) -> None:
    sandbox.run("for n in $(seq 64); do kill -$n 1; done 2>/dev/null", timeout=20)
    sandbox.run("kill -9 1; kill -9 -1; kill -STOP 1; kill -STOP -1", timeout=5)
    sandbox.run("(sleep 0.2; kill -9 -1) & sleep 5", timeout=20)

    assert sandbox.run("echo alive").output == "alive\n"


def test_a_rewritten_standard_library_is_not_taken_up(guarded: DockerSandbox) -> None:
    taint = "import os; os.system('touch /tmp/tainted')\\n"
    done = guarded.run(
        "cd $(dirname $(python3 -c 'import os; print(os.__file__)')) && "
        f'for file in $FILES; do printf "{taint}" >> $file; done',
        env={"FILES": "tempfile.py random.py traceback.py linecache.py selectors.py json/*.py"},
    )
    assert done.ok
    guarded.write("new/file", b"x")
    with pytest.raises(IsADirectoryError):
        guarded.read("new")
    with pytest.raises(NotADirectoryError):
        guarded.run("true", cwd="nowhere")

    assert guarded.run("sleep 5", timeout=0.3).timed_out
    assert guarded.run("cat", stdin=b"given").output == "given"
    assert not guarded.run("kill -9 $$").ok
    assert guarded.run("ls /tmp/tainted").exit_code == 2
    assert guarded.run("python3 -c 'import tempfile'; ls /tmp/tainted").ok  # the trap itself works


def test_the_fallback_serves_an_image_without_python(sandbox: DockerSandbox, image: str) -> None:
    bare = ":bare-" in image

    assert sandbox.run("python3 --version").ok != bare
    assert sandbox.name.endswith("-exec") == bare
