"""Releases on the package index; the only file that imports pypi_simple."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Self

import requests
from packaging.version import InvalidVersion, Version
from pypi_simple import (
    DigestMismatchError,
    DistributionPackage,
    NoDigestsError,
    NoSuchProjectError,
    PyPISimple,
    UnsupportedContentTypeError,
    UnsupportedRepoVersionError,
)

from tools import git_url
from tools.base import NetworkError, UserError, WorldError

SECONDS = (15.0, 120.0)
"""Seconds to wait for a connection, and for the next bytes."""
ARCHIVES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
PARTIAL_ANSWERS = (
    UnsupportedContentTypeError,
    UnsupportedRepoVersionError,
    NoDigestsError,
    DigestMismatchError,
)


@dataclass(frozen=True)
class Unpacked:
    """A release's source archive on disk: the version as published, and its upload time (UTC)."""

    version: str
    date: datetime
    archive: str


def unpack(project: str, version: str, into: Path, *, index_url: str | None = None) -> Unpacked:
    """Download the source archive of a release, check its digest and unpack it into a new folder.

    The archive's single top folder becomes `into`. Raises UserError (no such project, version or
    source archive), NetworkError, WorldError (an archive that cannot be unpacked).
    """
    with _index(f"{project}=={version}", index_url) as client:
        page = client.get_project_page(project, timeout=SECONDS)
        package = _source_of(page.packages, project, version)
        archive = into.with_name(f"{into.name}-{package.filename}")
        try:
            client.download_package(package, archive, timeout=SECONDS)
            newest = _extract(archive, into)
        finally:
            archive.unlink(missing_ok=True)
    date = package.upload_time or newest
    return Unpacked(package.version or version, date.astimezone(UTC), package.filename)


def wheel(
    project: str,
    version: str,
    into: Path,
    *,
    index_url: str | None = None,
    ca_bundle: str | None = None,
    on_bytes: Callable[[int], object] = lambda count: None,
) -> None:
    """Download the wheel of a release to the file `into`; `on_bytes` is told how many came.

    Whether they are the right ones is for the caller to tell. Raises UserError (no such project,
    version or wheel), NetworkError.
    """
    with _index(f"{project}=={version}", index_url, ca_bundle) as client:
        page = client.get_project_page(project, timeout=SECONDS)
        wheels = [package for package in page.packages if package.package_type == "wheel"]
        found = next((package for package in wheels if _same(package.version, version)), None)
        if found is None:
            raise UserError(f"the package index has no wheel of {project} {version}")
        client.download_package(
            found, into, verify=False, timeout=SECONDS, progress=lambda total: _Progress(on_bytes)
        )


class _Progress:
    """Passes the progress of a download on, in the form that the client wants."""

    def __init__(self, on_bytes: Callable[[int], object]) -> None:
        self._on_bytes = on_bytes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def update(self, increment: int) -> None:
        self._on_bytes(increment)


def _source_of(
    packages: list[DistributionPackage], project: str, version: str
) -> DistributionPackage:
    """Return the source archive of a version; raises UserError that lists near versions."""
    known = {str(_parsed(item.version)) for item in packages if _parsed(item.version)}
    of_version = [package for package in packages if _same(package.version, version)]
    if not of_version:
        near = _near(version, known)
        hint = f"near it are {', '.join(near)}" if near else ""
        raise UserError(f"{project} has no release {version}", hint)
    sources = [item for item in packages if item.package_type == "sdist"]
    sources = [item for item in sources if item.filename.endswith(ARCHIVES)]
    fitting = [item for item in sources if item in of_version]
    if not fitting:
        others = _near(version, {item.version or "" for item in sources})
        hint = f"versions with one are {', '.join(others)}" if others else ""
        hint = hint or "give a git repository with --repo"
        raise UserError(f"{project} {version} was released without a source archive", hint)
    return min(
        fitting, key=lambda item: [item.filename.endswith(end) for end in ARCHIVES].index(True)
    )


def _parsed(version: str | None) -> Version | None:
    try:
        return Version(version or "")
    except InvalidVersion:
        return None


def _same(one: str | None, other: str) -> bool:
    parsed = _parsed(one)
    return one == other or (parsed is not None and parsed == _parsed(other))


def _near(version: str, known: Collection[str]) -> list[str]:
    """Return up to six versions like the one asked for, else the newest ones."""

    def order(text: str) -> Version:
        return _parsed(text) or Version("0")

    close = get_close_matches(version, sorted(known), n=6, cutoff=0.6)
    return sorted(close or sorted(known, key=order)[-6:], key=order)


@contextmanager
def _index(what: str, url: str | None, ca_bundle: str | None = None) -> Iterator[PyPISimple]:
    """Open a client of the package index, whose errors become UserError or NetworkError."""
    client = PyPISimple(url) if url else PyPISimple()
    if ca_bundle:
        client.s.verify = ca_bundle
    try:
        with client:
            yield client
    except NoSuchProjectError as error:
        raise UserError(
            f"the package index has no project {error.project}", "check the name"
        ) from error
    except PARTIAL_ANSWERS as error:
        text = git_url.redacted(str(error)).splitlines()[0]
        raise NetworkError(f"the package index gave no usable {what}: {text}") from error
    except requests.RequestException as error:
        raise NetworkError(
            f"cannot get {what} from the package index: {reason(error)}",
            "check the network and the proxy settings, then run it again",
        ) from error


def reason(error: requests.RequestException) -> str:
    """Say in a few words why a request failed, without the address, which may hold a password."""
    if error.response is not None:
        return f"it answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted here"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke"
    return "no connection"


def _extract(archive: Path, into: Path) -> datetime:
    """Unpack an archive so that its single top folder becomes `into`; return its newest time."""
    opened = into.with_name(f"{into.name}-unpacked")
    try:
        opened.mkdir()
        newest = _unpack(archive, opened)
        top = list(opened.iterdir())
        inner = top[0] if len(top) == 1 and top[0].is_dir() and not top[0].is_symlink() else opened
        inner.rename(into)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, ValueError) as error:
        name = archive.name.removeprefix(f"{into.name}-")
        raise WorldError(f"the source archive {name} cannot be unpacked: {error}") from error
    finally:
        shutil.rmtree(opened, ignore_errors=True)
    return newest


def _unpack(archive: Path, into: Path) -> datetime:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as file:
            file.extractall(into)
            times = [datetime(*item.date_time, tzinfo=UTC) for item in file.infolist()]
        return max(times, default=datetime(1980, 1, 1, tzinfo=UTC))
    with tarfile.open(archive) as tar:
        tar.extractall(into, filter="data")
        return datetime.fromtimestamp(max((one.mtime for one in tar.getmembers()), default=0), UTC)
