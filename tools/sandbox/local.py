"""A temporary folder on the host: no isolation, for tests and for models that are trusted."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.process_owner import make_folder
from tools.sandbox import launcher
from tools.sandbox.delegated import Delegated
from tools.sandbox.launcher import Launcher

LONGEST_WAIT = 1e6


class LocalSandbox(Delegated):
    """Runs commands on the host in a copy of `source`, which is removed on exit.

    `path` is the PATH of the commands; nothing else of the host's environment reaches them.
    """

    _session: Launcher

    def __init__(self, source: Path, *, path: str = os.defpath) -> None:
        self._source = source
        self._path = path

    @property
    def root(self) -> str:
        """The copy of the repository."""
        return str(self._folder / "testbed")

    @property
    def scratch(self) -> str:
        """The folder that goes with the copy."""
        return str(self._folder)

    def __enter__(self) -> Self:
        self._folder = make_folder()
        try:
            shutil.copytree(self._source, self._folder / "testbed", symlinks=True)
            (self._folder / "home").mkdir()
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", launcher.source(), self.root],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={
                    "PATH": self._path,
                    "HOME": str(self._folder / "home"),
                    "LANG": "C.UTF-8",
                    "TMPDIR": str(self._folder),
                    "PYTHONDONTWRITEBYTECODE": "1",
                },
                start_new_session=True,  # Ctrl-C in the terminal is ours to handle, not its
                bufsize=0,
            )
            self._session = Launcher(_Pipes(self._process), hello_seconds=30)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._session.close()
        self._close()

    def kill(self) -> None:
        """End the sandbox from another thread; whoever waits in it gets SandboxLost."""
        process = getattr(self, "_process", None)
        if process is not None:
            process.kill()

    def _close(self) -> None:
        process = getattr(self, "_process", None)
        if process is not None:
            process.stdin.close()
            try:
                process.wait(timeout=15)  # it kills what is left for 10 s
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            process.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class _Pipes:
    """The wire to a launcher that is a child process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._in, self._out = process, process.stdin, process.stdout
        self._readable = select.poll()  # `select` refuses descriptors over 1023
        self._readable.register(self._out, select.POLLIN)

    def send(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[self._in.write(left) :]
        except (BrokenPipeError, ValueError):
            return  # the reader says it better, and at once

    def receive(self, timeout: float) -> bytes:
        if not self._readable.poll(min(timeout, LONGEST_WAIT) * 1000):
            raise TimeoutError
        return os.read(self._out.fileno(), 1 << 20)

    def hang_up(self) -> None:
        self._in.close()

    def close(self) -> None:
        self._in.close()

    def why_gone(self) -> str:
        return f"its launcher ended with code {self._process.poll()}"
