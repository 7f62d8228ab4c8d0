"""The wire to a process in a container: frames of output one way, input the other."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

SEND_SECONDS = 120.0
"""How long a container may refuse to take what is sent to it, as a paused one does."""
LONGEST_WAIT = 1e6


class Attached:
    """A wire to a process in a container: what it writes to standard output comes to us."""

    def __init__(self, stream: Any, state: Callable[[], str]) -> None:
        self._stream = stream  # kept: its response owns the connection
        self._socket = getattr(stream, "_sock", stream)
        self._socket.settimeout(SEND_SECONDS)
        self._readable = select.poll()  # `select` refuses descriptors over 1023
        self._readable.register(self._socket, select.POLLIN)
        self._state = state
        self._raw = bytearray()
        self._errors = b""

    def send(self, data: bytes) -> None:
        """Send bytes; a broken connection is noticed by the next `receive`."""
        try:
            self._socket.sendall(data)
        except OSError:
            return

    def receive(self, timeout: float, *, errors: bool = False) -> bytes:
        """Return the next bytes, b"" at the end; `errors` lets standard error through too."""
        while True:
            if len(self._raw) >= 8:
                kind, size = struct.unpack(">BxxxL", self._raw[:8])
                if len(self._raw) >= 8 + size:
                    data = bytes(self._raw[8 : 8 + size])
                    del self._raw[: 8 + size]
                    if kind == 1 or errors:
                        return data
                    self._errors = (self._errors + data)[-2000:]
                    continue
            if not self._readable.poll(min(timeout, LONGEST_WAIT) * 1000):
                raise TimeoutError
            try:
                more = self._socket.recv(1 << 20)
            except OSError:
                more = b""
            if not more:
                return b""
            self._raw += more

    def why_gone(self) -> str:
        """Say what is known of why the process went away."""
        last = self._errors.decode("utf-8", "replace").strip().splitlines()
        return f"{self._state()}{': ' + last[-1] if last else ''}"

    def hang_up(self) -> None:
        """End the talk: whoever waits in `receive` gets b"", the process the end of its input.

        The descriptor stays ours: closed under a waiting thread, its number could be another's.
        """
        with suppress(OSError):  # already ended by the other side
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up and give the connection back, once nobody waits in it."""
        self.hang_up()
        self._stream.close()
        self._socket.close()


class Execution:
    """One process started by the engine in a running container."""

    def __init__(self, output: Attached, exit_code: Callable[[], int | None]) -> None:
        self.output = output
        self.exit_code = exit_code
        """Returns its exit code, None while it runs; raises EngineError."""
