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
from typing import Self, TypeVar

from tools.base import EngineError, SandboxLost
from tools.sandbox.container import Limits
from tools.sandbox.container_files import archive_of, read_file
from tools.sandbox.container_stream import Attached, Execution
from tools.sandbox.engine import Engine
from tools.sandbox.output import Clipped
from tools.sandbox.protocol import COMMAND_SECONDS, OUTPUT_BYTES, Completed

# PID 1, which signals from inside cannot end, and which ends with our connection. It obeys one
# order a line and answers with the number of processes killed for memory so far. Nothing but
# what a shell has built in, because a fork may be refused when the order is to end a fork bomb;
# `jobs` makes it collect the orphans that have ended.
MAIN = """
trap '' HUP INT QUIT TERM
while read -r order nonce; do
  if [ "$order" = kill ]; then kill -9 -1; while kill -0 -1; do jobs; done; fi
  jobs; kills=0
  for file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
    [ ! -r "$file" ] || while read -r name count; do
      [ "$name" != oom_kill ] || kills=$count
    done <"$file"
  done
  echo "$nonce $kills"
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
        self._memory_kills = 0

    @classmethod
    def start(
        cls,
        engine: Engine,
        image: str,
        name: str,
        root: str,
        limits: Limits,
        environment: Mapping[str, str],
    ) -> Self:
        """Create and start the container."""
        engine.create(image, name, ["/bin/sh", "-c", MAIN], limits=limits, environment=environment)
        wire = engine.attach(name)
        engine.start(name)
        return cls(engine, name, root, wire, environment)

    def run(
        self,
        command: str,
        *,
        timeout: float = COMMAND_SECONDS,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        limit: int = OUTPUT_BYTES,
    ) -> Completed:
        """Run a shell command; see Sandbox.run."""
        folder = posixpath.join(self._root, _passable(cwd or ""))
        _passable("".join(f"{name}{value}" for name, value in (env or {}).items()))
        if len(_passable(command).encode()) >= LONGEST_ARGUMENT:
            raise OSError(errno.E2BIG, os.strerror(errno.E2BIG))

        def act(given_up: Event) -> Completed:
            def once() -> Completed:
                return self._run(
                    command, folder, env or {}, stdin, max(2, limit), timeout, given_up
                )

            done = once()
            if done.exit_code == 126 and done.output.startswith(NO_PLACE):
                self._order("kill")  # what runs in the background has taken all places
                done = once()
            return done

        return self._talk(act)

    def read(self, path: str) -> bytes:
        """Return the content of a file; see Sandbox.read."""
        return self._talk(lambda _: self._read(_passable(path)))

    def write(self, path: str, data: bytes) -> None:
        """Write a file; see Sandbox.write."""
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

    def _run(
        self,
        command: str,
        folder: str,
        env: Mapping[str, str],
        stdin: bytes,
        limit: int,
        timeout: float,
        given_up: Event,
    ) -> Completed:
        started = time.monotonic()
        source = self._put(stdin) if stdin else "/dev/null"
        token = os.urandom(8).hex()
        arguments = ["/bin/sh", "-c", COMMAND, "sh", command, folder, token, source]
        execution = self._execute(arguments, env)
        clipped = Clipped(limit // 2)
        try:
            code = self._follow(execution, clipped, started + timeout, given_up)
            kills = self._order("look" if code is not None else "kill")
            self._rest(execution, clipped)
        finally:
            execution.output.close()
        if code == 97 and clipped.text().strip() == token:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder)
        out_of_memory, self._memory_kills = kills > self._memory_kills, kills
        timed_out = code is None
        code = 137 if code is None else code
        return Completed(
            exit_code=128 - code if code > 128 else code,
            output=clipped.text(),
            omitted=clipped.omitted,
            timed_out=timed_out,
            out_of_memory=out_of_memory,
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
        source = self._put(data)
        code = self._simple(WRITE, posixpath.dirname(full), full, source)
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

    def _simple(self, script: str, *arguments: str) -> int:
        execution = self._execute(["/bin/sh", "-c", script, "sh", *arguments], {})
        try:
            code = self._follow(execution, Clipped(1000), time.monotonic() + ORDER_SECONDS, Event())
        finally:
            execution.output.close()
        return self._order("kill") if code is None else code

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

    def _order(self, order: str) -> int:
        """Have the main process do something and return its answer; it proves that it lives."""
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
            found = re.search(rf"{nonce} (\d+)\n".encode(), answers)
            if found:
                return int(found[1])

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
