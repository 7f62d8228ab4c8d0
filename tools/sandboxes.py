"""Where fresh sandboxes come from: one for every attempt and for every row of the matrix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from tools.base import SandboxLost
from tools.engine import Engine, Limits
from tools.sandbox import Sandbox
from tools.sandbox_docker import DockerSandbox
from tools.sandbox_local import LocalSandbox


class Sandboxes(Protocol):
    """Opens fresh sandboxes of one image, from any thread."""

    def open(self) -> AbstractContextManager[Sandbox]: ...

    def abandon(self) -> None:
        """End every open sandbox at once; whoever waits in one gets SandboxLost."""


class DockerSandboxes:
    """Containers of one image."""

    def __init__(self, engine: Engine, image: str, limits: Limits | None = None) -> None:
        self._engine, self._image, self._limits = engine, image, limits
        self._open: set[DockerSandbox] = set()
        self._abandoned = False

    @contextmanager
    def open(self) -> Iterator[Sandbox]:
        """Start a container that is removed when the block ends."""
        sandbox = DockerSandbox(self._engine, self._image, limits=self._limits)
        self._open.add(sandbox)
        try:
            with sandbox:
                if self._abandoned:  # while it was being opened
                    raise SandboxLost("the work was stopped")
                yield sandbox
        finally:
            self._open.discard(sandbox)

    def abandon(self) -> None:
        """Remove every open container."""
        self._abandoned = True
        for sandbox in list(self._open):
            self._engine.remove(sandbox.name)


class LocalSandboxes:
    """Copies of one folder on the host; `path` is the PATH of their commands."""

    def __init__(self, source: Path, path: str) -> None:
        self._source, self._path = source, path
        self._open: set[LocalSandbox] = set()
        self._abandoned = False

    @contextmanager
    def open(self) -> Iterator[Sandbox]:
        """Copy the folder; the copy is removed when the block ends."""
        sandbox = LocalSandbox(self._source, path=self._path)
        self._open.add(sandbox)
        try:
            with sandbox:
                if self._abandoned:  # while it was being opened
                    raise SandboxLost("the work was stopped")
                yield sandbox
        finally:
            self._open.discard(sandbox)

    def abandon(self) -> None:
        """End the launcher of every open copy."""
        self._abandoned = True
        for sandbox in list(self._open):
            sandbox.kill()
