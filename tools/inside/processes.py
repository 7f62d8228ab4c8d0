"""Starting, watching and killing processes below this one, with builtins only.

This process is PID 1 of a container or a child subreaper on the host: whatever a command starts
has it as an ancestor, so nothing escapes by leaving its session or losing its parent.
"""

import ctypes
import errno
import os
import signal
import time

TYPE_CHECKING = False  # the module `typing` costs a start 5 ms
if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    Identity = tuple[int, bytes]

OOM_FILES = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
FORK_FILES = ("/sys/fs/cgroup/pids.events", "/sys/fs/cgroup/pids/pids.events")
VALID = signal.valid_signals() if hasattr(signal, "valid_signals") else range(1, signal.NSIG)
DEFAULT_SIGNALS = tuple(
    number for number in VALID if number not in (signal.SIGKILL, signal.SIGSTOP, 32, 33)
)
"""Whoever started us may ignore any of them; 32 and 33 belong to the C library."""
KILL_SECONDS = 10.0
PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36

ENDED: "dict[int, int]" = {}
"""Exit codes of children that were collected, by pid; emptied before a command is started."""

OOM_SCORE: "dict[int, bytes]" = {}
"""The descriptor of this process's own badness when memory runs out, and its usual value."""


def settle() -> None:
    """Take the place above all commands; to be called before the first."""
    path = "/proc/self/oom_score_adj"
    with open(path, "rb") as file:
        usual = file.read()
    OOM_SCORE[os.open(path, os.O_WRONLY)] = usual
    # Code under test runs as the same user: without this it could open our pipes under /proc.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    if os.getpid() != 1:
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def living() -> "dict[int, tuple[int, bytes]]":
    """Return {pid: (parent, start time)} of everything that is alive."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % name, "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue  # it ended while we looked
        # A process whose first thread has ended looks like a zombie while its others run on.
        if fields[0] not in (b"Z", b"X") or int(fields[17]) > 1:
            found[int(name)] = (int(fields[1]), fields[19])
    return found


def descendants(spared: "Container[Identity]") -> "set[Identity]":
    """Return {(pid, start time)} of all that lives below this process, but not below a spared."""
    alive = living()
    below: "set[Identity]" = set()
    for pid in alive:
        chain: "list[Identity]" = []
        at = pid
        while at in alive and at != os.getpid() and (at, alive[at][1]) not in spared:
            chain.append((at, alive[at][1]))
            at = alive[at][0]
        if at == os.getpid():
            below.update(chain)
    return below


def kill_all(spared: "Container[Identity]") -> None:
    """Kill everything below this process but the spared, and what they start meanwhile."""
    deadline = time.monotonic() + KILL_SECONDS
    stopped: "set[Identity]" = set()
    while time.monotonic() < deadline:
        reap()
        targets = descendants(spared)
        if not targets:
            reap()  # those that died since: nobody may be there to collect them after us
            return
        # Stop them first: a process that stands still keeps its place and starts no other.
        running = targets - stopped
        for pid, _ in running or targets:
            send_signal(pid, signal.SIGSTOP if running else signal.SIGKILL)
        stopped |= running
        if not running:
            time.sleep(0.001)
    # Out of time for order, or some hang in the kernel: the signal reaches those when they wake.
    for pid, _ in descendants(spared):
        send_signal(pid, signal.SIGKILL)


def send_signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError as error:
        # Gone already, or (on the host only) changed to a user whom we may not signal.
        if error.errno not in (errno.ESRCH, errno.EPERM):
            raise


def reap() -> bool:
    """Collect every ended child, orphans included; return False when no child is left at all."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True
        ENDED[pid] = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def oom_kills() -> int:
    """Return how often the kernel has killed for want of memory in this control group."""
    return counted(OOM_FILES, "oom_kill ")


def refused_forks() -> int:
    """Return how often a process of this control group could not start another: too many run."""
    return counted(FORK_FILES, "max ")


def counted(files: "tuple[str, ...]", name: str) -> int:
    """Return the count that has this name in the first readable file, 0 where there is none."""
    for path in files:
        try:
            with open(path) as file:
                for line in file:
                    if line.startswith(name):
                        return int(line.split()[1])
        except (OSError, ValueError):
            continue
    return 0


def spawn(
    shell: str,
    arguments: "list[bytes | str]",
    environment: "Mapping[bytes, bytes]",
    source: int,
    output: int,
) -> int:
    """Start a shell that the kernel kills first when memory runs out.

    It has a session of its own, its signals are as a login would leave them.
    """
    # Inherited, because a shell may have children before anyone could mark it from outside.
    for descriptor in OOM_SCORE:
        os.pwrite(descriptor, b"1000", 0)
    try:
        return start_shell(shell, arguments, environment, ((source, 0), (output, 1), (output, 2)))
    finally:
        for descriptor, usual in OOM_SCORE.items():
            os.pwrite(descriptor, usual, 0)


def start_shell(
    shell: str,
    arguments: "list[bytes | str]",
    environment: "Mapping[bytes, bytes]",
    streams: "tuple[tuple[int, int], ...]",
) -> int:
    if hasattr(os, "posix_spawn"):
        try:
            actions = [(os.POSIX_SPAWN_DUP2, old, new) for old, new in streams]
            return os.posix_spawn(  # twice as fast as a fork of this interpreter
                shell,
                arguments,
                environment,
                file_actions=actions,
                setsid=True,
                setsigdef=DEFAULT_SIGNALS,
            )
        except NotImplementedError:
            pass  # a C library from before 2018
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        for old, new in streams:
            os.dup2(old, new)
        signal.set_wakeup_fd(-1)
        for number in DEFAULT_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        os.execve(shell, arguments, environment)
    finally:
        os._exit(127)
