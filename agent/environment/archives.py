"""Tar archives whose files belong to root, for build containers."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from tools.base import EngineError


def owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return a member of an archive with root as its owner."""
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return an archive of programs and files, all executable."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o755
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def pack_folder(folder: Path, name: str) -> bytes:
    """Return an archive of a folder under another name; raises EngineError."""
    buffer = io.BytesIO()
    try:
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            archive.add(folder, name, filter=owned_by_root)
    except OSError as error:
        raise EngineError(f"cannot read {folder}: {error.strerror}") from error
    return buffer.getvalue()
