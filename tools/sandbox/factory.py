"""Where fresh sandboxes come from: one for every attempt and for every row of the matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.base import SandboxLost
from tools.sandbox.container import Limits
from tools.sandbox.docker import DockerSandbox
from tools.sandbox.engine import Engine
from tools.sandbox.local import LocalSandbox
from tools.sandbox.protocol import Sandbox

Killable = DockerSandbox | LocalSandbox


class Sandboxes:
    """Opens fresh sandboxes, from any thread, and can end all of them at once."""

    def __init__(self, make: Callable[[], Killable]) -> None:
        self._make = make
        self._open: set[Killable] = set()
        self._abandoned = False

    @contextmanager
    def open(self) -> Iterator[Sandbox]:
        """Open a sandbox that is gone when the block ends."""
        sandbox = self._make()
        self._open.add(sandbox)
        try:
            with sandbox:
                if self._abandoned:  # while it was being opened
                    raise SandboxLost("the work was stopped")
                yield sandbox
        finally:
            self._open.discard(sandbox)

    def abandon(self) -> None:
        """End every open sandbox; whoever waits in one gets SandboxLost."""
        self._abandoned = True
        for sandbox in list(self._open):
            sandbox.kill()


def docker_sandboxes(engine: Engine, image: str, limits: Limits) -> Sandboxes:
    """Return a source of containers of one image."""
    return Sandboxes(lambda: DockerSandbox(engine, image, limits=limits))


def local_sandboxes(source: Path, path: str) -> Sandboxes:
    """Return a source of copies of one folder on the host; `path` is the PATH of their commands."""
    return Sandboxes(lambda: LocalSandbox(source, path=path))
