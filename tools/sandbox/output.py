"""The output of a command, clipped while it streams: what is left out is never held."""

from __future__ import annotations


class Clipped:
    """Head and tail of a stream, `half` bytes each."""

    def __init__(self, half: int) -> None:
        self._half, self._total = half, 0
        self._head, self._tail = bytearray(), bytearray()

    def keep(self, data: bytes) -> None:
        """Add what comes next."""
        self._total += len(data)
        room = self._half - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data
        if len(self._tail) > 3 * self._half + (1 << 20):
            del self._tail[: -self._half]

    @property
    def omitted(self) -> int:
        """The number of bytes left out of the middle."""
        return max(0, self._total - len(self._head) - self._half)

    def text(self) -> str:
        """Return what was kept, decoded."""
        return join(bytes(self._head), self.omitted, bytes(self._tail[-self._half :]))


def join(head: bytes, omitted: int, tail: bytes) -> str:
    """Decode clipped output, saying in its middle how many bytes are missing."""
    if not omitted:
        return (head + tail).decode("utf-8", "backslashreplace")
    start = head.decode("utf-8", "backslashreplace")
    end = tail.decode("utf-8", "backslashreplace")
    return f"{start}\n[... {omitted:,} bytes left out ...]\n{end}"
