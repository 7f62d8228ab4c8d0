"""Building images: steps that run in a container, committed one upon the other."""

from __future__ import annotations

import os
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from threading import Timer
from time import monotonic, sleep
from typing import Self

from tools.base import EngineError
from tools.sandbox.container import LABEL, OWNER_LABEL, ImageInfo
from tools.sandbox.engine import Engine
from tools.sandbox.wire import Execution


class Builder:
    """A container with a network in which steps run, to be committed as a layer upon its image.

    What a step gets as `env` is the step's alone: it is neither in the image nor in its history.
    `volumes` maps names of the engine's volumes to folders inside; they are in no layer.
    """

    def __init__(
        self, engine: Engine, image: str, volumes: Mapping[str, str] | None = None
    ) -> None:
        self._engine, self._image, self._volumes = engine, image, volumes or {}
        self.name = f"repair-agent-build-{os.urandom(6).hex()}"

    def __enter__(self) -> Self:
        try:
            self._engine.create_build(self._image, self.name, self._volumes)
            self._engine.start(self.name)
        except BaseException:
            self._engine.remove(self.name)
            raise
        _open.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        _open.discard(self)
        self._engine.remove(self.name)

    def run(
        self,
        command: str,
        *,
        env: Mapping[str, str] | None = None,
        timeout: float = 1800.0,
        on_line: Callable[[str], None] | None = None,
        workdir: str = "/",
    ) -> tuple[int, str]:
        """Run one step with /bin/sh; return its exit code and its last 1 MB of output.

        A step over `timeout` seconds is killed together with the container: EngineError. So it is
        by `stop_all`, where it may also return as a step that was killed.
        """
        timer = Timer(timeout, self._engine.remove, [self.name])
        timer.daemon = True
        timer.start()
        started = monotonic()
        try:
            execution = self._engine.execute(
                self.name, ["/bin/sh", "-c", command], workdir=workdir, environment=env or {}
            )
            try:
                text = self._follow(execution, timeout, on_line)
            finally:
                execution.output.close()
            if monotonic() - started >= timeout:
                raise EngineError(f"a build step ran longer than {timeout:.0f} s: {command[:200]}")
            while (code := execution.exit_code()) is None:
                sleep(0.01)  # the engine notes the end of a process a moment after its output's
            return code, text
        finally:
            timer.cancel()
            timer.join()  # when it fired, the container is gone after this

    def _follow(
        self, execution: Execution, timeout: float, on_line: Callable[[str], None] | None
    ) -> str:
        decoder, text = getincrementaldecoder("utf-8")("replace"), ""
        # The timer ends the container, and with it the output, before this wait is over.
        while data := execution.output.receive(timeout + 60, errors=True):
            more = decoder.decode(data)
            text = (text + more)[-1_000_000:]
            if on_line is not None:
                for line in more.splitlines():
                    on_line(line)
        return text

    def put(self, folder: str, archive: bytes) -> None:
        """Unpack a tar archive in a folder of the container."""
        self._engine.put(self.name, folder, archive)

    def read(self, path: str) -> Iterator[bytes] | None:
        """Return a file as a tar stream, None when it is not there."""
        return self._engine.get(self.name, path)

    def commit(
        self,
        reference: str,
        *,
        labels: Mapping[str, str],
        environment: Mapping[str, str] | None = None,
        workdir: str = "/",
        user: str = "",
    ) -> ImageInfo:
        """Make an image of the container as it stands, for processes of `user`, or of root."""
        config = {
            "Labels": {**labels, LABEL: labels.get(LABEL, "layer"), OWNER_LABEL: ""},
            "Env": [f"{key}={value}" for key, value in (environment or {}).items()],
            "WorkingDir": workdir,
            "User": user,
            "Cmd": ["/bin/sh"],
            "Entrypoint": [],
        }
        return self._engine.commit(self.name, reference, config)


_open: set[Builder] = set()


def stop_all() -> None:
    """Remove the containers of all builds that are under way in this process, in any thread."""
    for builder in tuple(_open):
        with suppress(EngineError):  # its own thread removes it as well
            builder._engine.remove(builder.name)
