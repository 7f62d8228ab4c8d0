"""The output of a command, clipped while it streams: what is left out is never held."""

CHUNK = 1 << 20


class Clipped:
    """Head and tail of a stream: `limit` bytes, half of them the last."""

    def __init__(self, limit: int) -> None:
        self.half, self.total = max(2, limit) // 2, 0
        self.head, self.rest = bytearray(), bytearray()

    def keep(self, data: "bytes | memoryview") -> None:
        """Add what comes next."""
        self.total += len(data)
        missing = self.half - len(self.head)
        if missing > 0:
            self.head += data[:missing]
            data = data[missing:]
        self.rest += data[-self.half :]
        if len(self.rest) > 2 * self.half + CHUNK:
            del self.rest[: -self.half]

    @property
    def tail(self) -> bytearray:
        """The last of what the head does not hold."""
        return self.rest[-self.half :]

    @property
    def omitted(self) -> int:
        """The number of bytes left out of the middle."""
        return max(0, self.total - len(self.head) - self.half)


def join(head: "bytes | bytearray", omitted: int, tail: "bytes | bytearray") -> str:
    """Decode clipped output, saying in its middle how many bytes are missing."""
    if not omitted:
        return (head + tail).decode("utf-8", "backslashreplace")
    start = head.decode("utf-8", "backslashreplace")
    end = tail.decode("utf-8", "backslashreplace")
    return f"{start}\n[... {omitted:,} bytes left out ...]\n{end}"
