"""The embedded model's server: llama.cpp in a child process, on a loopback port with a secret key.

It speaks OpenAI's protocol and llama.cpp's own (/tokenize, /props at its root). Measured:
of `n` replies to one request, `usage.completion_tokens` counts the first only; who must know what a
request cost counts the tokens of the others.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import selectors
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Self

from agent.errors import UserError, WorldError
from agent.model.embedded.cpu_count import cores
from tools.process_owner import temporary_folder

PROGRAM = Path(__file__).with_name("server_process.py")
CONTEXT, PARALLEL = 16_384, 4
START_SECONDS = 300.0
"""A slow disk needs minutes for a large model."""
STOP_SECONDS = 5.0
LAST_LINES = 4
STAMP = re.compile(r"^[\d.]+ (?=[A-Z] )")
NOISE = ("I ", "W ", "Traceback", "  ")
"""How lines begin, after their time stamp, that do not tell why it died."""


class EmbeddedServer:
    """A context manager: the server is up inside it, and gone when the process is, however it ends.

    All attempts of a process share one: it answers `parallel` requests, or that many replies to
    one of them, at a time; these share a window of `context` tokens. `port` 0 is any free one, and
    without a `key` one is made up. Entering raises UserError when xllamacpp is not installed, and
    WorldError when the server does not start.
    """

    def __init__(
        self,
        path: Path,
        *,
        context: int = CONTEXT,
        parallel: int = PARALLEL,
        port: int = 0,
        key: str | None = None,
    ) -> None:
        self.path, self.context, self.parallel = path, context, parallel
        self.key = key or secrets.token_urlsafe(32)
        self.url = ""
        self._port = port
        self._log: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        site = _site()
        try:
            folder = self._stack.enter_context(temporary_folder())
            self._log = folder / "llama.log"
            self._start(site)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _start(self, site: str) -> None:
        assert self._log is not None
        with self._log.open("wb") as log:
            # Its own session: Ctrl-C is for us, who may still have work for it. The pipe's other
            # end is in this process alone, so it closes with us even when we are killed.
            self._process = subprocess.Popen(
                [sys.executable, "-I", PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                cwd=self._log.parent,
                start_new_session=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        orders = {
            "path": str(self.path.absolute()),
            "name": self.path.stem,
            "context": self.context,
            "parallel": self.parallel,
            "threads": cores(),
            "port": self._port,
            "key": self.key,  # not an argument: those are for all to read
            "site": site,
        }
        with suppress(BrokenPipeError):  # its log says more
            self._process.stdin.write(json.dumps(orders).encode() + b"\n")
        address = _answer(self._process.stdout, START_SECONDS)
        if not address:
            self._process.kill()
            self._process.wait()
            words = self.last_words()
            raise WorldError(
                f"the model server does not start with {self.path.name}: {words}",
                "install GNU's OpenMP library, as in `apt-get install libgomp1`"
                if "libgomp" in words
                else "free some memory, or choose another model or port",
            )
        self.url = f"{address}/v1"

    def alive(self) -> bool:
        """Tell whether the server runs."""
        return self._process is not None and self._process.poll() is None

    def death(self) -> str:
        """Return why the server died, "" while it lives."""
        return "" if self.alive() else f"it died: {self.last_words()}"

    def wait(self) -> None:
        """Return when the server has died."""
        if self._process is not None:
            self._process.wait()

    def last_words(self) -> str:
        """Return the end of the server's log, in one line: why it died, where it knew that."""
        text = ""
        with suppress(OSError):
            text = self._log.read_text(encoding="utf-8", errors="replace") if self._log else ""
        code = self._process.poll() if self._process else None
        words = " | ".join(telling(text)[-LAST_LINES:]) or "it said nothing"
        return f"{words} (killed by signal {-code})" if code is not None and code < 0 else words

    def close(self) -> None:
        """End the server and remove its log; may be called twice."""
        process = self._process
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._stack.close()


def _site() -> str:
    """Return the folder that xllamacpp is installed in, without loading it here."""
    found = find_spec("xllamacpp")
    if found is None or found.origin is None:
        raise UserError(
            "the embedded model needs the extra", "run: pip install 'repair-agent[local]'"
        )
    return str(Path(found.origin).parent.parent)


def telling(log: str) -> list[str]:
    """Return the lines of llama.cpp's log that tell most, without their stamps."""
    lines = [STAMP.sub("", line) for line in log.splitlines() if line.strip()]
    chosen = [line for line in lines if not line.startswith(NOISE)] or lines
    return [line.removeprefix("E ") for line in chosen]


def _answer(pipe: IO[bytes], seconds: float) -> str:
    """Return the line that the child says, empty when it dies or says nothing in time."""
    end = time.monotonic() + seconds
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            left = end - time.monotonic()
            data = os.read(pipe.fileno(), 1024) if left > 0 and selector.select(left) else b""
            if not data:
                return ""
            line += data
    return line.decode().strip()
