"""The code that an issue is about, brought into a folder as a repository of one commit."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from packaging.version import InvalidVersion, Version

from agent.intake import mirrors, package_release, repository_address
from agent.intake.repository_address import Folder, Release, Remote
from tools import snapshot, submodules
from tools.base import UserError, WorldError
from tools.snapshot import Description

VERSION_FROM_TAGS = re.compile(
    r"setuptools[_-]scm|hatch-vcs|versioneer|versioningit|dynamic-versioning|dunamai|\bpbr\b"
)
BUILD_FILES = ("pyproject.toml", "setup.py", "setup.cfg")


@dataclass(frozen=True)
class Source:
    """A repository of one commit in `folder`, which may be moved or removed.

    `shown` is what the user named, without credentials; `commit` is a full SHA; `date` is the
    commit's, or the release's upload time, UTC; `version` is the project's own where it is known;
    `empty` are submodules that could not be had.
    """

    folder: Path
    name: str
    shown: str
    commit: str
    date: datetime
    version: str | None = None
    notes: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()

    @property
    def content(self) -> str:
        """What identifies its files: the commit, and which submodules are empty."""
        return " ".join((self.commit, *self.empty))


def fetch(
    repository: str,
    ref: str | None,
    into: Path,
    *,
    index_url: str | None = None,
    mirrored: Sequence[Path] = (),
) -> Source:
    """Bring a path, git URL or `pypi:NAME==VERSION` into the absent or empty folder `into`.

    `mirrored` are folders of repositories that are used instead of a URL when they have its commit.
    All or nothing: it is made beside `into` and renamed at the end. Raises UserError (name, ref,
    version), NetworkError, WorldError.
    """
    named = repository_address.parse(repository)
    if isinstance(named, Release) and ref:
        release = repository_address.display_name(named)
        raise UserError(
            f"--ref {ref} goes with a git repository, not with {release}",
            "leave it out, or give the project's git URL with --repo",
        )
    partial = into.with_name(f".{into.name}.{secrets.token_hex(4)}.partial")
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(named, Release):
            source = _from_release(named, partial, into, index_url)
        else:
            source = _from_git(named, ref, partial, into, mirrored)
        partial.rename(into)
    except OSError as error:
        raise WorldError(f"cannot write {into}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return source


def _from_release(named: Release, partial: Path, into: Path, index_url: str | None) -> Source:
    unpacked = package_release.unpack(named.project, named.version, partial, index_url=index_url)
    message = f"{named.project} {unpacked.version}, from {unpacked.archive}"
    made = snapshot.commit_folder(partial, date=unpacked.date, message=message)
    name, shown = repository_address.short_name(named), repository_address.display_name(named)
    return Source(into, name, shown, made.commit, made.date, unpacked.version, made.notes)


def _from_git(
    named: Remote | Folder, ref: str | None, partial: Path, into: Path, mirrored: Sequence[Path]
) -> Source:
    def mirror_of(url: str, commit: str) -> Path | None:
        return mirrors.holding(mirrored, repository_address.short_name(Remote(url)), commit)

    origin: Path | str = named.path if isinstance(named, Folder) else named.url
    mirror = mirror_of(named.url, ref) if isinstance(named, Remote) and ref else None
    notes = (f"from the mirror {mirror}",) if mirror else ()
    made = snapshot.snapshot(mirror or origin, ref, partial)
    texts = (
        file.read_text(encoding="utf-8", errors="replace")
        for file in (partial / name for name in BUILD_FILES)
        if file.is_file() and not file.is_symlink()
    )
    version = None
    if any(VERSION_FROM_TAGS.search(text) for text in texts):
        version = version_of(snapshot.describe(mirror or origin, made.commit))
    filled = tuple(submodules.fill(partial, origin, mirror_of))
    return Source(
        into, repository_address.short_name(named), repository_address.display_name(named),
        made.commit, made.date, version,
        (*notes, *made.notes, *(submodule.text for submodule in filled)),
        tuple(submodule.path for submodule in filled if submodule.commit is None),
    )  # fmt: skip


def version_of(description: Description | None) -> str | None:
    """Return the version that a commit has by its nearest tag: `1.2.4.dev3` is 3 after 1.2.3.

    Source: the scheme `guess-next-dev` of setuptools-scm. None where the tag holds no version.
    """
    found = description and re.search(r"(?:^|[-_/])[vV]?(\d[\w.!+]*)$", description.tag)
    if not description or not found:
        return None
    try:
        version = Version(found[1])
    except InvalidVersion:
        return None
    if description.distance == 0:
        return str(version)
    if version.pre:
        kind, number = version.pre
        following = f"{version.base_version}{kind}{number + 1}"
    else:
        *first, last = version.release
        following = ".".join(map(str, (*first, last + 1)))
    return f"{following}.dev{description.distance}"
