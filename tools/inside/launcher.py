"""The process that starts every command of a sandbox and stays connected to its owner.

Frames go both ways over standard input and output: a line of JSON, then `size` bytes of payload.
In a container it is PID 1; on the host it is a child subreaper. Either way every process that a
command starts has it as an ancestor, so nothing can escape a timeout by leaving its session.
"""
import ctypes
import errno
import fcntl
import json
import os
import select
import signal
import stat
import sys
import time

CHUNK = 1 << 20
PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, F_SETPIPE_SZ = 4, 36, 1031
OOM_FILES = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")


def processes():
    """Return {pid: (parent, start time)} of everything that is alive, zombies left out."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % name, "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue  # it ended while we looked
        if fields[0] not in (b"Z", b"X"):
            found[int(name)] = (int(fields[1]), fields[19])
    return found


def descendants(alive, spared):
    """Return the living descendants of this process that do not hang below a spared one."""
    below = set()
    for pid in alive:
        chain, at = [], pid
        while at in alive and at != os.getpid() and (at, alive[at][1]) not in spared:
            chain.append(at)
            at = alive[at][0]
        if at == os.getpid():
            below.update(chain)
    below.discard(os.getpid())
    return below


def oom_kills():
    """Return how often the kernel has killed in this control group, or 0 where it is not told."""
    for path in OOM_FILES:
        try:
            with open(path) as file:
                for line in file:
                    if line.startswith("oom_kill "):
                        return int(line.split()[1])
        except (OSError, ValueError):
            continue
    return 0


def spawn(shell, arguments, environment, source, output):
    """Start a shell in a session of its own, its signals as a login would leave them."""
    default = (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
    streams = ((source, 0), (output, 1), (output, 2))
    if hasattr(os, "posix_spawn"):
        try:
            actions = [(os.POSIX_SPAWN_DUP2, old, new) for old, new in streams]
            return os.posix_spawn(  # twice as fast as a fork of this interpreter
                shell, arguments, environment, file_actions=actions, setsid=True, setsigdef=default
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
        for number in default:
            signal.signal(number, signal.SIG_DFL)
        os.execve(shell, arguments, environment)
    finally:
        os._exit(127)


class Command:
    """One running command and what is kept of its output."""

    def __init__(self, header, payload, spared):
        self.id = header["id"]
        self.spared = spared
        self.head, self.tail, self.total = bytearray(), bytearray(), 0
        self.limit = max(2, header["limit"]) // 2
        self.timed_out = False
        self.status = None
        self.oom_before = oom_kills()
        self.started = time.monotonic()
        self.deadline = self.started + header["timeout"]
        self.output, write_end = os.pipe()
        try:
            fcntl.fcntl(self.output, F_SETPIPE_SZ, CHUNK)
        except OSError:
            pass  # the default size is only slower
        os.set_blocking(self.output, False)
        self.pid = self.start(header, payload, write_end)
        os.close(write_end)

    def start(self, header, payload, write_end):
        source = os.open(os.devnull, os.O_RDONLY)
        if payload:
            import tempfile  # few commands have input, and the import costs a start-up 20 ms

            with tempfile.TemporaryFile() as file:
                file.write(payload)
                file.flush()
                os.lseek(file.fileno(), 0, os.SEEK_SET)
                os.dup2(file.fileno(), source)
        shell = "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"
        environment = dict(os.environ)
        environment.update(header["env"])
        arguments = [shell, "-c", header["command"]]
        os.chdir(header["cwd"])
        try:
            pid = spawn(shell, arguments, environment, source, write_end)
        finally:
            os.close(source)
            os.chdir("/")
        try:
            with open("/proc/%d/oom_score_adj" % pid, "w") as file:
                file.write("1000")
        except OSError:
            pass  # it has ended already, or may not be offered here
        return pid

    def keep(self, data):
        self.total += len(data)
        room = self.limit - len(self.head)
        if room > 0:
            self.head += data[:room]
            data = data[room:]
        if len(data) >= self.limit:
            self.tail = bytearray(data[-self.limit :])
        else:
            self.tail += data
            if len(self.tail) > 2 * self.limit + CHUNK:
                del self.tail[: len(self.tail) - self.limit]

    def drain(self):
        """Take what stands in the pipe at this moment, and no more: a child may write for ever."""
        left = CHUNK
        while left > 0:
            try:
                data = os.read(self.output, left)
            except OSError:
                return
            if not data:
                return
            left -= len(data)
            self.keep(data)

    def kill(self):
        """Kill whatever this command started until nothing of it is left."""
        for _ in range(200):
            reap()
            targets = descendants(processes(), self.spared)
            if not targets:
                return
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for pid in targets:
                    try:
                        os.kill(pid, number)
                    except OSError as error:
                        if error.errno != errno.ESRCH:
                            raise
            time.sleep(0.002)


ENDED = {}


def reap():
    """Collect every ended child, orphans included; return False when no child is left at all."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True
        ENDED[pid] = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


class Launcher:
    def __init__(self, root):
        self.root = root
        self.command = None
        self.discarded = set()
        self.waiting = bytearray()
        self.wake, wake_write = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def send(self, header, payload=b""):
        header["size"] = len(payload)
        data = memoryview(json.dumps(header).encode() + b"\n" + bytes(payload))
        while data:
            data = data[os.write(1, data[:CHUNK]) :]

    def serve(self):
        self.send({"id": 0, "pid": os.getpid(), "python": sys.version.split()[0]})
        poll = select.poll()
        for descriptor in (0, self.wake):
            poll.register(descriptor, select.POLLIN)
        while True:
            wait = None
            if self.command:
                wait = max(0, self.command.deadline - time.monotonic()) * 1000 + 1
            for descriptor, _ in poll.poll(wait):
                if descriptor == 0:
                    data = os.read(0, CHUNK)
                    if not data:
                        return  # the owner is gone
                    self.waiting += data
                    for header, payload in self.frames():
                        self.answer(header, payload, poll)
                elif descriptor == self.wake:
                    os.read(self.wake, 4096)
                else:
                    self.read_output(descriptor, poll)
            if self.command:
                self.step(poll)
            else:
                reap()
                ENDED.clear()

    def frames(self):
        while True:
            line, found, _ = self.waiting.partition(b"\n")
            if not found:
                return
            header = json.loads(line.decode())
            end = len(line) + 1 + header["size"]
            if len(self.waiting) < end:
                return
            payload = bytes(self.waiting[len(line) + 1 : end])
            del self.waiting[:end]
            yield header, payload

    def read_output(self, descriptor, poll):
        try:
            data = os.read(descriptor, CHUNK)
        except BlockingIOError:
            return
        if self.command and descriptor == self.command.output:
            self.command.keep(data)
        if not data:
            poll.unregister(descriptor)
            if descriptor in self.discarded:
                self.discarded.discard(descriptor)
                os.close(descriptor)

    def step(self, poll):
        """End the running command when its main process has ended or its time is over."""
        command = self.command
        reap()
        if command.pid not in ENDED and time.monotonic() >= command.deadline:
            command.timed_out = True
            command.drain()
            command.kill()
            ENDED.setdefault(command.pid, -signal.SIGKILL)
        if command.pid in ENDED:
            self.finish(command, poll)

    def finish(self, command, poll):
        command.drain()
        self.command = None
        self.discarded.add(command.output)
        poll.register(command.output, select.POLLIN)
        tail = command.tail[max(0, len(command.tail) - command.limit) :]
        self.send(
            {
                "id": command.id,
                "exit_code": ENDED.pop(command.pid),
                "head": len(command.head),
                "omitted": command.total - len(command.head) - len(tail),
                "timed_out": command.timed_out,
                "out_of_memory": oom_kills() > command.oom_before,
                "seconds": time.monotonic() - command.started,
            },
            command.head + tail,
        )

    def answer(self, header, payload, poll):
        if self.command:
            # A new frame during a command means that its caller has given it up.
            self.command.kill()
            reap()
            ENDED.setdefault(self.command.pid, -signal.SIGKILL)
            self.finish(self.command, poll)
        try:
            if header["op"] == "run":
                header["cwd"] = os.path.join(self.root, header["cwd"])
                if not os.path.isdir(header["cwd"]):
                    raise NotADirectoryError(header["cwd"])
                spared = set()
                if reap():
                    alive = processes()
                    spared = {(pid, alive[pid][1]) for pid in descendants(alive, spared)}
                self.command = Command(header, payload, spared)
                poll.register(self.command.output, select.POLLIN)
            elif header["op"] == "read":
                with open(os.path.join(self.root, header["path"]), "rb") as file:
                    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                        raise PermissionError("not a regular file")
                    content = file.read()
                self.send({"id": header["id"]}, content)
            elif header["op"] == "write":
                path = os.path.join(self.root, header["path"])
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as file:
                    file.write(payload)
                self.send({"id": header["id"]})
        except (OSError, ValueError) as error:
            name = type(error).__name__ if isinstance(error, OSError) else "OSError"
            reason = getattr(error, "strerror", None) or str(error)
            self.send({"id": header["id"], "error": name, "message": reason})


def main():
    # Code under test runs as the same user: without this it could open our pipes under /proc.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    if os.getpid() != 1:
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    launcher = Launcher(sys.argv[1])
    try:
        launcher.serve()
    finally:
        command = launcher.command
        if command is not None:
            command.spared = set()
            command.kill()
        else:
            for pid in descendants(processes(), set()):
                os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
