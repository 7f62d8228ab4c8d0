"""A container from an image: the clean room in which attempts work and patches are judged."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from tools.base import EngineError, SandboxLost
from tools.sandbox import launcher
from tools.sandbox.container import Limits
from tools.sandbox.delegation import Delegated
from tools.sandbox.engine import Engine
from tools.sandbox.exec_session import MAIN, ExecSession
from tools.sandbox.launcher import Launcher
from tools.sandbox.wire import Attached

HELLO_SECONDS = 60.0
TESTBED = "/testbed"
ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "HOME": "/root",
    "PAGER": "cat",
    "TERM": "dumb",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PIP_NO_INPUT": "1",
}


class DockerSandbox(Delegated):
    """One container without network, capabilities, mounts or secrets, removed on exit.

    The engine removes it too when this process dies: its main process ends with our connection.
    An image without a usable Python 3 is served through the engine's exec, ten times slower.
    """

    _session: Launcher | ExecSession

    def __init__(
        self, engine: Engine, image: str, *, root: str = TESTBED, limits: Limits | None = None
    ) -> None:
        self._engine, self._image, self._root = engine, image, root
        self._limits = limits or Limits()
        self.name = f"repair-agent-{os.urandom(6).hex()}"

    @property
    def root(self) -> str:
        """The repository's folder in the container."""
        return self._root

    @property
    def scratch(self) -> str:
        """The container's temporary folder."""
        return "/tmp"

    def __enter__(self) -> Self:
        # In a thread, so that a signal cannot fall between a container's creation and its record.
        with ThreadPoolExecutor(max_workers=1) as thread:
            opening = thread.submit(self._open)
            try:
                self._session = opening.result()
            except BaseException:
                if opening.exception() is None:
                    opening.result().close()
                self._engine.remove(self.name)
                raise
        return self

    def _open(self) -> Launcher | ExecSession:
        self._create(["python3", "-I", "-S", "-c", launcher.source(), self._root])
        try:
            return Launcher(self._start(), hello_seconds=HELLO_SECONDS)
        except (EngineError, SandboxLost):
            # No python3, or one that cannot run the launcher: the slow way serves any image.
            self._engine.remove(self.name)
        self.name += "-exec"
        self._create(["/bin/sh", "-c", MAIN])
        return ExecSession(self._engine, self.name, self._root, self._start(), ENVIRONMENT)

    def _create(self, command: Sequence[str]) -> None:
        self._engine.create(
            self._image, self.name, command, limits=self._limits, environment=ENVIRONMENT
        )

    def _start(self) -> Attached:
        """Start the container and return the wire to its main process."""
        wire = self._engine.attach(self.name)
        try:
            self._engine.start(self.name)
        except EngineError:
            wire.close()
            raise
        return wire

    def __exit__(self, *_: object) -> None:
        try:
            self._session.close()
        finally:
            self._engine.remove(self.name)

    def kill(self) -> None:
        """End the sandbox from another thread; whoever waits in it gets SandboxLost."""
        self._engine.remove(self.name)
