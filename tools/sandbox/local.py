"""A temporary folder on the host: no isolation, for tests and for models that are trusted."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Self

from tools.process_owner import make_folder
from tools.sandbox import launcher
from tools.sandbox.delegation import Delegated
from tools.sandbox.launcher import Launcher
from tools.sandbox.wire import SocketWire


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
            ours, theirs = socket.socketpair()
            wire = SocketWire(ours, self._state)
            with theirs:
                self._process = self._start(theirs)
            self._session = Launcher(wire, hello_seconds=30)  # which closes it if it fails
        except BaseException:
            self._close()
            raise
        return self

    def _start(self, connection: socket.socket) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", launcher.source(), self.root],
            stdin=connection.fileno(),
            stdout=connection.fileno(),
            env={
                "PATH": self._path,
                "HOME": str(self._folder / "home"),
                "LANG": "C.UTF-8",
                "TMPDIR": str(self._folder),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            start_new_session=True,  # Ctrl-C in the terminal is ours to handle, not its
        )

    def _state(self) -> str:
        return f"its launcher ended with code {self._process.poll()}"

    def __exit__(self, *_: object) -> None:
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
            try:
                process.wait(timeout=15)  # it kills what is left for 10 s
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
