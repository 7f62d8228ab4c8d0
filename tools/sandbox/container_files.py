"""Files of a container through the archives that the engine gives and takes."""

from __future__ import annotations

import errno
import os
import posixpath
import tarfile
from collections.abc import Iterator
from io import BufferedReader, BytesIO, RawIOBase
from typing import Any

from tools.inside.files import READ_LIMIT
from tools.sandbox.engine import Engine

LINKS = 40


def read_file(engine: Engine, container: str, path: str) -> bytes | None:
    """Return a file's content, following links; None when it is not there."""
    for _ in range(LINKS):
        stream = engine.get(container, path)
        if stream is None:
            return None
        with tarfile.open(fileobj=BufferedReader(_Stream(stream)), mode="r|") as archive:
            member = archive.next()
            if member is None or not member.issym():
                return _content(archive, member, path)
            path = posixpath.join(posixpath.dirname(path), member.linkname)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)


def archive_of(name: str, data: bytes) -> bytes:
    """Return an archive that holds one file."""
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(data), 0o644
        archive.addfile(member, BytesIO(data))
    return buffer.getvalue()


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo | None, path: str) -> bytes:
    if member is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    if member.isdir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if member.size > READ_LIMIT:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
    file = archive.extractfile(member) if member.isfile() else None
    if file is None:
        raise PermissionError(errno.EPERM, "Not a regular file", path)
    return file.read()


class _Stream(RawIOBase):
    """An iterator of bytes as a file that tarfile reads."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._rest = parts, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._rest = self._rest or memoryview(next(self._parts, b""))
        target = memoryview(buffer)
        count = min(len(target), len(self._rest))
        target[:count], self._rest = self._rest[:count], self._rest[count:]
        return count
