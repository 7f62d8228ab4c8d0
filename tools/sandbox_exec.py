"""The three verbs through the engine's exec, for images in which no launcher can run."""

from __future__ import annotations

import io
import os
import posixpath
import tarfile
import time
from collections.abc import Mapping
from typing import Self

from tools.base import EngineError, SandboxLost
from tools.engine import Attached, Engine, Execution, Limits
from tools.launcher import join
from tools.sandbox import COMMAND_SECONDS, OUTPUT_BYTES, Completed

# It ends with our connection, like the launcher, and needs nothing but a shell.
MAIN_PROCESS = ["/bin/sh", "-c", "while read -r line; do :; done"]
POLL_SECONDS = 0.05


class ExecSession:
    """A container whose commands are started by the engine: any image with /bin/sh.

    On timeout every process in the container but the main one is killed, background children of
    earlier commands included.
    """

    def __init__(
        self, engine: Engine, name: str, root: str, wire: Attached, environment: Mapping[str, str]
    ) -> None:
        self._engine, self._name, self._root, self._wire = engine, name, root, wire
        self._environment = environment

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
        engine.create(
            image, name, MAIN_PROCESS, limits=limits, init=True, environment=environment
        )
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
        folder = posixpath.join(self._root, cwd or "")
        if cwd and self._simple(f"[ -d {_quoted(folder)} ]") != 0:
            raise NotADirectoryError(f"not a folder: {folder}")
        source = "/dev/null"
        if stdin:
            source = f"/tmp/stdin-{os.urandom(6).hex()}"
            self.write(source, stdin)
        script = f"if [ -x /bin/bash ]; then s=/bin/bash; else s=/bin/sh; fi; exec $s -c \"$1\" <{source}"
        started = time.monotonic()
        execution = self._execute(["/bin/sh", "-c", script, "sh", command], folder, env or {})
        clipped = _Clipped(limit // 2)
        code, timed_out = self._follow(execution, clipped, started + timeout)
        if timed_out:
            self._simple("kill -9 -1")
        return Completed(
            exit_code=code - 256 if code > 255 else (128 - code if code > 128 else code),
            output=clipped.text(),
            omitted=clipped.omitted,
            timed_out=timed_out,
            out_of_memory=code == 137 and not timed_out and "memory" in self._engine.state(self._name),
            seconds=time.monotonic() - started,
        )

    def _follow(
        self, execution: Execution, clipped: _Clipped, deadline: float
    ) -> tuple[int, bool]:
        """Read until the main process has ended: a background child may hold the pipe for ever."""
        ended = None
        try:
            while True:
                try:
                    data = execution.output.receive(POLL_SECONDS, errors=True)
                    clipped.keep(data)
                    if data and time.monotonic() < deadline and ended is None:
                        continue
                except TimeoutError:
                    data = None
                if ended is not None:
                    return ended, False
                ended = execution.exit_code()
                if ended is None and data == b"":
                    time.sleep(POLL_SECONDS)
                if ended is None and time.monotonic() >= deadline:
                    return 137, True
                if ended is not None and data == b"":
                    return ended, False
        except EngineError as error:
            raise SandboxLost(f"the sandbox died: {self._engine.state(self._name)}") from error
        finally:
            execution.output.close()

    def read(self, path: str) -> bytes:
        """Return the content of a file; see Sandbox.read."""
        full = posixpath.join(self._root, path)
        stream = self._engine.get(self._name, full)
        if stream is None:
            raise FileNotFoundError(f"No such file or directory: {path}")
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            member = archive.getmembers()[0]
            if member.isdir():
                raise IsADirectoryError(f"Is a directory: {path}")
            if member.issym():
                return self.read(posixpath.join(posixpath.dirname(full), member.linkname))
            file = archive.extractfile(member)
            if file is None:
                raise PermissionError(f"not a regular file: {path}")
            return file.read()

    def write(self, path: str, data: bytes) -> None:
        """Write a file; see Sandbox.write."""
        full = posixpath.join(self._root, path)
        folder, name = posixpath.split(full)
        if self._simple(f"mkdir -p {_quoted(folder)} && [ ! -d {_quoted(full)} ]") != 0:
            raise IsADirectoryError(f"cannot write: {path}")
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            if self._simple(f"[ -x {_quoted(full)} ]") == 0:
                member.mode = 0o755
            archive.addfile(member, io.BytesIO(data))
        self._engine.put(self._name, folder, buffer.getvalue())

    def close(self) -> None:
        """Close the connection; the container ends with it."""
        self._wire.close()

    def _simple(self, script: str) -> int:
        execution = self._execute(["/bin/sh", "-c", script], "/", {})
        return self._follow(execution, _Clipped(1000), time.monotonic() + 30)[0]

    def _execute(
        self, command: list[str], folder: str, env: Mapping[str, str]
    ) -> Execution:
        try:
            return self._engine.execute(
                self._name, command, workdir=folder, environment={**self._environment, **env}
            )
        except EngineError as error:
            raise SandboxLost(f"the sandbox died: {self._engine.state(self._name)}") from error


class _Clipped:
    """Head and tail of a stream, `half` bytes each."""

    def __init__(self, half: int) -> None:
        self._half, self._head, self._tail, self._total = half, b"", b"", 0

    def keep(self, data: bytes) -> None:
        self._total += len(data)
        room = self._half - len(self._head)
        self._head += data[:room]
        self._tail = (self._tail + data[room:])[-self._half :]

    @property
    def omitted(self) -> int:
        return self._total - len(self._head) - len(self._tail)

    def text(self) -> str:
        return join(self._head, self.omitted, self._tail)


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "'\\''") + "'"
