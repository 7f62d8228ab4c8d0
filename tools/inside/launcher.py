"""The process that starts every command of a sandbox and stays connected to its owner.

Frames go both ways over standard input and output: a line of JSON, then `size` bytes of payload.
Nothing is imported once commands run: they may have rewritten the standard library.
"""

import errno
import fcntl
import json
import os
import select
import signal
import sys
import time

from tools.inside.files import input_of, raw, read_file, write_file
from tools.inside.output import CHUNK, Clipped
from tools.inside.processes import (
    ENDED,
    descendants,
    kill_all,
    oom_kills,
    reap,
    refused_forks,
    settle,
    spawn,
)

TYPE_CHECKING = False  # the module `typing` costs a start 5 ms
if TYPE_CHECKING:
    from collections.abc import Container
    from typing import Any

    Header = dict[str, Any]
    Identity = tuple[int, bytes]

LONGEST_WAIT = 1000000
F_SETPIPE_SZ = 1031
# One buffer for all reading: a new megabyte for each read costs more than the read.
BUFFER = memoryview(bytearray(CHUNK))


def start(header: "Header", payload: bytes, output: int) -> int:
    """Start a command and return its pid."""
    shell = "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"
    environment = dict(os.environb)
    environment.update((raw(name), raw(value)) for name, value in header["env"].items())
    source = input_of(payload)
    try:
        os.chdir(header["cwd"])
        return spawn(shell, [shell, "-c", raw(header["command"])], environment, source, output)
    finally:
        os.close(source)
        os.chdir("/")


class Command:
    """One running command and what is kept of its output."""

    def __init__(self, header: "Header", payload: bytes, spared: "Container[Identity]") -> None:
        self.id = header["id"]
        self.spared = spared
        self.clipped = Clipped(header["limit"])
        self.timed_out = False
        self.oom_before = oom_kills()
        self.started = time.monotonic()
        self.deadline = self.started + header["timeout"]
        self.output, write_end = os.pipe()
        try:
            try:
                fcntl.fcntl(self.output, F_SETPIPE_SZ, CHUNK)
            except OSError:
                pass  # the default size is only slower
            os.set_blocking(self.output, False)
            ENDED.clear()
            self.pid = start(header, payload, write_end)
        except BaseException:
            os.close(self.output)
            raise
        finally:
            os.close(write_end)

    def read(self) -> "int | None":
        """Take what stands in the pipe, at most a chunk; return its size, None when empty."""
        try:
            count = os.readv(self.output, [BUFFER])
        except BlockingIOError:
            return None
        self.clipped.keep(BUFFER[:count])
        return count

    def drain(self) -> None:
        """Take what stood in the pipe at this moment, and no more: a child may write for ever."""
        left = CHUNK
        while left > 0:
            count = self.read()
            if not count:
                return
            left -= count


class Launcher:
    """Answers frames until its owner hangs up; one command runs at a time."""

    def __init__(self, root: str) -> None:
        self.root = raw(root)
        self.command: "Command | None" = None
        self.discarded: "set[int]" = set()
        self.refused_forks = refused_forks()
        self.waiting = bytearray()
        self.header: "Header | None" = None
        self.poll = select.poll()
        self.wake, wake_write = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def send(self, header: "Header", *payloads: "bytes | bytearray") -> None:
        header["size"] = sum(len(payload) for payload in payloads)
        for part in (json.dumps(header).encode() + b"\n",) + payloads:
            left = memoryview(part)
            while left:
                left = left[os.write(1, left[:CHUNK]) :]

    def serve(self) -> None:
        self.send({"id": 0, "pid": os.getpid(), "python": sys.version.split()[0]})
        for descriptor in (0, self.wake):
            self.poll.register(descriptor, select.POLLIN)
        while True:
            wait = None
            if self.command:
                wait = max(0, self.command.deadline - time.monotonic()) * 1000 + 1
                wait = min(wait, LONGEST_WAIT)
            # A descriptor is read whatever the event: the end of a pipe comes without POLLIN.
            for descriptor, _ in self.poll.poll(wait):
                if descriptor == self.wake:
                    os.read(self.wake, 4096)
                elif descriptor != 0:
                    self.read_output(descriptor)
                elif not self.read_frames():
                    return  # the owner is gone
            if self.command:
                self.step(self.command)
            else:
                reap()
                ENDED.clear()

    def read_frames(self) -> int:
        """Answer the frames that are complete; return 0 when the owner has hung up."""
        count = os.readv(0, [BUFFER])
        self.waiting += BUFFER[:count]
        while True:
            if self.header is None:
                line, found, _ = self.waiting.partition(b"\n")
                if not found:
                    return count
                self.header = json.loads(line.decode())
                del self.waiting[: len(line) + 1]
            size = self.header["size"]
            if len(self.waiting) < size:
                return count
            header, self.header = self.header, None
            payload = bytes(self.waiting[:size])
            del self.waiting[:size]
            self.answer(header, payload)

    def read_output(self, descriptor: int) -> None:
        if self.command and descriptor == self.command.output:
            count = self.command.read()
        elif descriptor in self.discarded:
            try:
                count = os.readv(descriptor, [BUFFER])
            except BlockingIOError:
                return
        else:
            return  # closed since the poll
        if count == 0:
            self.poll.unregister(descriptor)
            if descriptor in self.discarded:
                self.discarded.discard(descriptor)
                os.close(descriptor)

    def step(self, command: Command) -> None:
        """End a command when its main process has ended or its time is over."""
        reap()
        if command.pid not in ENDED and time.monotonic() >= command.deadline:
            command.timed_out = True
            self.end(command)
        elif command.pid in ENDED:
            self.end_fork_bomb()
            self.finish(command)

    def end(self, command: Command) -> None:
        """Kill a command and everything that it has started."""
        command.drain()
        kill_all(command.spared)
        ENDED.setdefault(command.pid, -signal.SIGKILL)
        self.finish(command)

    def end_fork_bomb(self) -> None:
        """Kill everything when forks were refused: what is left over would fail what comes next."""
        if refused_forks() > self.refused_forks:
            kill_all(())
            self.refused_forks = refused_forks()

    def finish(self, command: Command) -> None:
        self.command = None
        command.drain()
        self.discarded.add(command.output)
        self.poll.register(command.output, select.POLLIN)
        clipped = command.clipped
        header = {
            "id": command.id,
            "exit_code": ENDED[command.pid],
            "head": len(clipped.head),
            "omitted": clipped.omitted,
            "timed_out": command.timed_out,
            "out_of_memory": oom_kills() > command.oom_before,
            "seconds": time.monotonic() - command.started,
        }
        self.send(header, clipped.head, clipped.tail)

    def answer(self, header: "Header", payload: bytes) -> None:
        if self.command:
            # A new frame during a command means that its caller has given it up.
            self.end(self.command)
        identity: "Header" = {"id": header["id"]}
        try:
            if header["op"] == "run":
                self.run(header, payload)
            elif header["op"] == "read":
                self.send(identity, read_file(os.path.join(self.root, raw(header["path"]))))
            elif header["op"] == "write":
                write_file(os.path.join(self.root, raw(header["path"])), payload)
                self.send(identity)
        except (OSError, ValueError) as error:
            identity["error"] = type(error).__name__
            identity["message"] = getattr(error, "strerror", None) or str(error)
            self.send(identity)

    def run(self, header: "Header", payload: bytes) -> None:
        header["cwd"] = os.path.join(self.root, raw(header["cwd"]))
        if not os.path.isdir(header["cwd"]):
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory")
        self.end_fork_bomb()  # one that a command before has left in the background
        spared = descendants(()) if reap() else set()
        try:
            self.command = Command(header, payload, spared)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ENOMEM, errno.EPERM):
                raise
            kill_all(())  # what runs in the background has taken all places for processes
            self.command = Command(header, payload, set())
        self.poll.register(self.command.output, select.POLLIN)


def main() -> None:
    settle()
    try:
        Launcher(sys.argv[1]).serve()
    finally:
        kill_all(())


if __name__ == "__main__":
    main()
