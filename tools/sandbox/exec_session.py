"""The three verbs through the engine's exec, for images in which no launcher can run."""

from __future__ import annotations

import errno
import os
import posixpath
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Literal, TypeVar, Unpack

from tools.base import EngineError, SandboxLost
from tools.inside.output import Clipped, join
from tools.sandbox.container_files import archive_of, read_file
from tools.sandbox.engine import Engine
from tools.sandbox.protocol import Command, Completed, Options
from tools.sandbox.wire import Attached, Execution

# PID 1, which signals from inside cannot end, and which ends with our connection. It obeys one
# order a line and answers with the numbers of processes killed for memory and of forks refused so
# far. It uses nothing but what a shell has built in, because a fork may be refused when the order
# is to end a fork bomb; `jobs` makes it collect the orphans that have ended.
MAIN = """
trap '' HUP INT QUIT TERM
while read -r order nonce; do
  [ "$order" != kill ] || while kill -9 -1; do jobs; done
  jobs; kills=0 refused=0
  for file in memory.events memory/memory.oom_control pids.events pids/pids.events; do
    file=/sys/fs/cgroup/$file
    [ ! -r "$file" ] || while read -r name count; do
      case "${file##*/} $name" in
        *" oom_kill") kills=$count ;;
        "pids.events max") refused=$count ;;
      esac
    done <"$file"
  done
  echo "$nonce $kills $refused"
done 2>/dev/null
"""
COMMAND = """
cd -- "$2" 2>/dev/null || { echo "$3"; exit 97; }
echo 1000 2>/dev/null >/proc/self/oom_score_adj
exec <"$4"; [ "$4" = /dev/null ] || rm -f "$4"
if [ -x /bin/bash ]; then shell=/bin/bash; else shell=/bin/sh; fi
exec "$shell" -c "$1" 2>&1
"""
WRITE = """
mkdir -p -- "$1" || { rm -f "$3"; exit 20; }
if [ -d "$2" ]; then rm -f "$3"; exit 21; fi
if [ -e "$2" ] && [ ! -f "$2" ]; then rm -f "$3"; exit 22; fi
cat <"$3" >"$2"; code=$?; rm -f "$3"; exit $code
"""
WRITE_ERRORS = {20: NotADirectoryError, 21: IsADirectoryError, 22: PermissionError}
NO_PLACE = "OCI runtime exec failed"
"""What the engine says, in the place of a command's output, when it could not start one."""
POLL_SECONDS = 0.05
ORDER_SECONDS = 30.0
LONGEST_ARGUMENT = 128 * 1024
LATE_SECONDS = 2.0
"""How long output may be under way after its process; only a child that holds it takes so long."""
IN_FLIGHT = 4 << 20
"""More bytes than pipes and engine hold between a process that has ended and us."""

Answer = TypeVar("Answer")


class ExecSession:
    """A container whose commands are started by the engine: any image with /bin/sh and cat.

    On timeout every process in the container but the main one is killed, background children of
    earlier commands included. An exit code over 128 is taken for a signal, as shells do. All talk
    is in a thread of its own, so that an interrupted caller cannot cut an answer in two.
    """

    def __init__(
        self, engine: Engine, name: str, root: str, wire: Attached, environment: Mapping[str, str]
    ) -> None:
        self._engine, self._name, self._root, self._wire = engine, name, root, wire
        self._environment = environment
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="exec")
        self._given_up = Event()
        self._refused_forks = 0

    def run(self, command: str, **options: Unpack[Options]) -> Completed:
        """Run a shell command; see Verbs.run."""
        given = Command(command, **options)
        for text in (given.text, given.cwd, *given.env, *given.env.values()):
            _passable(text)
        if len(given.text.encode()) >= LONGEST_ARGUMENT:
            raise OSError(errno.E2BIG, os.strerror(errno.E2BIG))

        def act(given_up: Event) -> Completed:
            done = self._run(given, given_up)
            if done.exit_code == 126 and done.output.startswith(NO_PLACE):
                self._order("kill")  # what runs in the background has taken all places
                done = self._run(given, given_up)
            return done

        return self._talk(act)

    def read(self, path: str) -> bytes:
        """Return the content of a file; see Verbs.read."""
        return self._talk(lambda _: self._read(_passable(path)))

    def write(self, path: str, data: bytes) -> None:
        """Write a file; see Verbs.write."""
        self._talk(lambda _: self._write(_passable(path), data))

    def close(self) -> None:
        """Close the connection; the container ends with it."""
        self._given_up.set()
        self._wire.hang_up()
        self._thread.shutdown(cancel_futures=True)
        self._wire.close()

    def _talk(self, act: Callable[[Event], Answer]) -> Answer:
        self._given_up.set()  # what an interrupted caller may have left running
        given_up = self._given_up = Event()
        try:
            return self._thread.submit(act, given_up).result()
        except BaseException:
            given_up.set()
            raise

    def _run(self, given: Command, given_up: Event) -> Completed:
        started = time.monotonic()
        kills_before = self._order("look")
        folder = posixpath.join(self._root, given.cwd)
        source = self._put(given.stdin) if given.stdin else "/dev/null"
        token = os.urandom(8).hex()
        arguments = ["/bin/sh", "-c", COMMAND, "sh", given.text, folder, token, source]
        execution = self._execute(arguments, given.env)
        clipped = Clipped(given.limit)
        try:
            code = self._follow(execution, clipped, started + given.timeout, given_up)
            kills = self._order("look" if code is not None else "kill")
            self._rest(execution, clipped)
        finally:
            execution.output.close()
        output = join(clipped.head, clipped.omitted, clipped.tail)
        if code == 97 and output.strip() == token:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder)
        timed_out = code is None
        code = 137 if code is None else code
        return Completed(
            exit_code=128 - code if code > 128 else code,
            output=output,
            omitted=clipped.omitted,
            timed_out=timed_out,
            out_of_memory=kills > kills_before,
            seconds=time.monotonic() - started,
        )

    def _follow(
        self, execution: Execution, clipped: Clipped, deadline: float, given_up: Event
    ) -> int | None:
        """Read until the main process has ended; None at the deadline, or when nobody waits."""
        looked = 0.0
        while True:
            data = _next(execution)
            clipped.keep(data or b"")
            if data and time.monotonic() - looked < POLL_SECONDS:
                continue
            looked = time.monotonic()
            try:
                code = execution.exit_code()
            except EngineError as error:
                raise self._lost() from error
            if code is not None:
                return code
            if looked >= deadline or given_up.is_set():
                return None
            if data == b"":  # its streams are closed, but it goes on
                time.sleep(POLL_SECONDS / 10)

    def _rest(self, execution: Execution, clipped: Clipped) -> None:
        """Take what was on its way when the process ended: a child may write for ever."""
        left, deadline = IN_FLIGHT, time.monotonic() + LATE_SECONDS
        while left > 0 and time.monotonic() < deadline:
            data = _next(execution)
            if data == b"":
                return
            clipped.keep(data or b"")
            left -= len(data or b"")

    def _read(self, path: str) -> bytes:
        try:
            content = read_file(self._engine, self._name, posixpath.join(self._root, path))
        except EngineError as error:
            self._order("look")
            raise OSError(errno.EINVAL, "Not a path to a file", path) from error
        if content is None:
            self._order("look")
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return content

    def _write(self, path: str, data: bytes) -> None:
        full = posixpath.join(self._root, path)
        words = ["/bin/sh", "-c", WRITE, "sh", posixpath.dirname(full), full, self._put(data)]
        execution = self._execute(words, {})
        try:
            code = self._follow(execution, Clipped(0), time.monotonic() + ORDER_SECONDS, Event())
        finally:
            execution.output.close()
        if code is None:
            self._order("kill")
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT), path)
        if code:
            raise WRITE_ERRORS.get(code, OSError)(f"cannot write: {path}")

    def _put(self, data: bytes) -> str:
        """Put data into a new file of the container."""
        name = f".repair-agent-{os.urandom(8).hex()}"
        try:
            self._engine.put(self._name, "/", archive_of(name, data))
        except EngineError as error:
            raise self._lost() from error
        return f"/{name}"

    def _execute(self, command: list[str], env: Mapping[str, str]) -> Execution:
        environment = {**self._environment, **env}
        try:
            return self._engine.execute(self._name, command, workdir="/", environment=environment)
        except EngineError:
            # Where all places for processes are taken, those that take them must go.
            self._order("kill")
        try:
            return self._engine.execute(self._name, command, workdir="/", environment=environment)
        except EngineError as error:
            raise self._lost() from error

    def _order(self, order: Literal["look", "kill"]) -> int:
        """Have the main process look or kill, which proves that it lives; return the memory kills.

        Where forks were refused everything is killed: what is left over would fail what comes next.
        """
        kills, refused = self._obeyed(order)
        if refused > self._refused_forks:
            kills, self._refused_forks = self._obeyed("kill")
        return kills

    def _obeyed(self, order: str) -> tuple[int, int]:
        """Return the main process's answer to an order."""
        nonce = os.urandom(8).hex()
        self._wire.send(f"{order} {nonce}\n".encode())
        answers = b""
        while True:
            try:
                data = self._wire.receive(ORDER_SECONDS)
            except TimeoutError:
                data = b""
            if not data:
                raise self._lost()
            answers = (answers + data)[-1000:]
            found = re.search(rf"{nonce} (\d+) (\d+)\n".encode(), answers)
            if found:
                return int(found[1]), int(found[2])

    def _lost(self) -> SandboxLost:
        return SandboxLost(f"the sandbox died: {self._engine.state(self._name)}")


def _next(execution: Execution) -> bytes | None:
    """Return the next output, b"" at its end, None when there is none for a moment."""
    try:
        return execution.output.receive(POLL_SECONDS, errors=True)
    except TimeoutError:
        return None


def _passable(text: str) -> str:
    """Return what the engine can hand over: no zero bytes, nothing that is not Unicode."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise OSError(errno.EILSEQ, os.strerror(errno.EILSEQ), ascii(text)[:200]) from error
    if "\0" in text:
        raise OSError(errno.EINVAL, "embedded null byte", ascii(text)[:200])
    return text
