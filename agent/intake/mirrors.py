"""Local mirrors of repositories: used instead of the network when they have the commit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools import git
from tools.base import UserError
from tools.git import GitError

FULL_SHA = re.compile(r"[0-9a-f]{40}")


def holding(mirrors: Sequence[Path], name: str, commit: str) -> Path | None:
    """Return the first repository of a mirror folder that bears a name and has a commit.

    A folder is a repository itself, or holds some: `name`, `name.git`, `owner/name.git`,
    `owner__name`, `owner+name/repo` and the like. A full SHA tells what a commit is, so that a
    fork will do. Raises UserError for a folder that is not there.
    """
    if not FULL_SHA.fullmatch(commit):
        return None
    for folder in mirrors:
        if not folder.is_dir():
            raise UserError(f"the mirror {folder} is not a folder", "give a folder of repositories")
        for repository in _repositories(folder, name):
            if _has(repository, commit):
                return repository
    return None


def _repositories(folder: Path, name: str) -> Iterator[Path]:
    if _is_repository(folder):
        yield folder
        return
    named = re.compile(rf"(?:.*[^A-Za-z0-9.-])?{re.escape(name)}(?:\.git)?", re.IGNORECASE)
    for path in sorted(path for path in folder.iterdir() if path.is_dir()):
        inner = [path, *(one for one in sorted(path.iterdir()) if one.is_dir())]
        for one in inner:
            fits = named.fullmatch(path.name) or named.fullmatch(one.name)
            if fits and _is_repository(one):
                yield one


def _is_repository(folder: Path) -> bool:
    return (folder / ".git").exists() or all(
        (folder / part).exists() for part in ("HEAD", "objects", "refs")
    )


def _has(repository: Path, commit: str) -> bool:
    try:
        git.run("cat-file", "-e", f"{commit}^{{commit}}", folder=repository, alone=False)
    except GitError:
        return False
    return True
