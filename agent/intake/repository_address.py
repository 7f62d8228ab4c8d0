"""How a repository is named: a path, a git URL, or a release on the package index."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from tools import git_url
from tools.base import UserError

FORMS = "give a folder, a git URL (https, ssh, git@host:path, file) or pypi:NAME==VERSION"
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True)
class Release:
    """A project's release on the package index; `project` is its normalised name."""

    project: str
    version: str


@dataclass(frozen=True)
class Remote:
    """A repository behind a URL; `url` may hold credentials."""

    url: str


@dataclass(frozen=True)
class Folder:
    """A repository on this machine."""

    path: Path


Address = Release | Remote | Folder


def parse(text: str) -> Address:
    """Return what a repository's name means; raises UserError for one that means nothing."""
    text = text.strip()
    if not text or "\n" in text or "\0" in text:
        raise UserError("the repository is not named", FORMS)
    if text.startswith("pypi:"):
        return _release(text)
    if git_url.is_url(text):
        git_url.check(text)
        return Remote(text)
    return Folder(expanded(text))


def expanded(text: str) -> Path:
    """Return a path with a leading ~ replaced; that of a user who does not exist is left."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def _release(text: str) -> Release:
    project, equals, version = text.removeprefix("pypi:").partition("==")
    project, version = project.strip(), version.strip()
    if not equals or not NAME.fullmatch(project) or not re.fullmatch(r"[\w.!+-]+", version):
        raise UserError(
            f"{text} names no release", "write pypi:NAME==VERSION, as in pypi:six==1.17.0"
        )
    return Release(canonicalize_name(project), version)


def short_name(address: Address) -> str:
    """Return the last part of the name: `tool` for https://example.org/me/tool.git."""
    if isinstance(address, Release):
        return address.project
    if isinstance(address, Folder):
        last = address.path.resolve().name
    else:
        last = re.split(r"[/:]", address.url.rstrip("/"))[-1]
    return last.removesuffix(".git") or "repository"


def display_name(address: Address) -> str:
    """Return the name as records keep it, without credentials."""
    if isinstance(address, Release):
        return f"pypi:{address.project}=={address.version}"
    return git_url.redacted(address.url) if isinstance(address, Remote) else str(address.path)
