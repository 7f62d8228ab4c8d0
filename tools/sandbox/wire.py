"""Wires to a process in a sandbox: its output comes one way, its input goes the other."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

SEND_SECONDS = 120.0
"""How long a sandbox may refuse to take what is sent to it, as a paused container does."""
LONGEST_WAIT = 1e6


class SocketWire:
    """Bytes both ways; `state` says in a few words how the other end is."""

    def __init__(self, connection: socket.socket, state: Callable[[], str]) -> None:
        self._socket = connection
        self._socket.settimeout(SEND_SECONDS)
        self._readable = select.poll()  # `select` refuses descriptors over 1023
        self._readable.register(self._socket, select.POLLIN)
        self._state = state

    def send(self, data: bytes) -> None:
        """Send bytes; a broken connection is noticed by the next `receive`."""
        with suppress(OSError):
            self._socket.sendall(data)

    def receive(self, timeout: float) -> bytes:
        """Return the next bytes, b"" at the end; raises TimeoutError."""
        if not self._readable.poll(min(timeout, LONGEST_WAIT) * 1000):
            raise TimeoutError
        try:
            return self._socket.recv(1 << 20)
        except OSError:
            return b""

    def why_gone(self) -> str:
        """Say what is known of why the process went away."""
        return self._state()

    def hang_up(self) -> None:
        """End the talk: whoever waits in `receive` gets b"", the process the end of its input.

        The descriptor stays ours: closed under a waiting thread, its number could be another's.
        """
        with suppress(OSError):  # already ended by the other side
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up and give the connection back, once nobody waits in it."""
        self.hang_up()
        self._socket.close()


class Attached(SocketWire):
    """A wire to a process in a container, on which its output comes in the engine's frames."""

    def __init__(self, stream: Any, state: Callable[[], str]) -> None:
        super().__init__(getattr(stream, "_sock", stream), state)
        self._stream = stream  # kept: its response owns the connection
        self._raw = bytearray()
        self._errors = b""

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
            more = super().receive(timeout)
            if not more:
                return b""
            self._raw += more

    def why_gone(self) -> str:
        """Say what is known of why the process went away, its last words included."""
        last = self._errors.decode("utf-8", "replace").strip().splitlines()
        return f"{self._state()}{': ' + last[-1] if last else ''}"

    def close(self) -> None:
        """Hang up and give the connection back, once nobody waits in it."""
        self.hang_up()
        self._stream.close()
        super().close()


class Execution:
    """One process started by the engine in a running container."""

    def __init__(self, output: Attached, exit_code: Callable[[], int | None]) -> None:
        self.output = output
        self.exit_code = exit_code
        """Returns its exit code, None while it runs; raises EngineError."""
