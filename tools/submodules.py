"""The repositories that a commit holds inside itself, each brought to the commit that it names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools import git, git_url
from tools.base import Explained, UserError
from tools.git import GitError
from tools.snapshot import snapshot

DEEPEST = 3
"""How deep submodules are followed; a repository that holds itself ends here."""
LINK = "160000"


@dataclass(frozen=True)
class Submodule:
    """One submodule: its commit, None where it is left empty, and `text`, which says so."""

    path: str
    commit: str | None
    text: str


def fill(
    folder: Path,
    source: str | Path,
    mirror_of: Callable[[str, str], Path | None] = lambda url, commit: None,
    depth: int = DEEPEST,
) -> Iterator[Submodule]:
    """Fill the submodules of a snapshot of `source`; yield each with its commit.

    One that cannot be fetched stays empty, and its text says why: many tests need none of them. A
    repository behind a URL does not reach into this machine's files by naming a path. `mirror_of`
    returns a mirror of the user's that has a URL's commit, None where there is none.
    """
    urls = _urls(folder)
    for path, commit in _links(folder):
        url = urls.get(path)
        try:
            if url is None:
                raise UserError(".gitmodules does not say where it is from")
            where = resolved(url, source)
            if depth == 0:
                raise UserError("it lies too deep")
            if not (folder / path).resolve().is_relative_to(folder.resolve()):
                raise UserError("its path leads out of the repository")
            mirror = None if isinstance(where, Path) else mirror_of(where, commit)
            inner = snapshot(mirror or where, commit, folder / path)
        except Explained as error:
            text = f"submodule {path} is left empty: {error.message}"
            yield Submodule(path, None, text)
            continue
        yield Submodule(path, inner.commit, f"submodule {path} is at {inner.commit[:12]}")
        for one in fill(folder / path, where, mirror_of, depth - 1):
            yield Submodule(f"{path}/{one.path}", one.commit, f"{path}: {one.text}")


def _links(folder: Path) -> Iterator[tuple[str, str]]:
    for line in git.run("ls-tree", "-r", "-z", "HEAD", folder=folder).split("\0"):
        if line.startswith(f"{LINK} "):
            head, _, path = line.partition("\t")
            yield path, head.split()[2]


def _urls(folder: Path) -> dict[str, str]:
    """Return where the submodules are from, by path, as .gitmodules has it."""
    if not (folder / ".gitmodules").is_file() or (folder / ".gitmodules").is_symlink():
        return {}
    try:
        listed = git.run("config", "-f", ".gitmodules", "-z", "--list", folder=folder)
    except GitError:
        return {}
    entries: dict[str, dict[str, str]] = {}
    for entry in listed.split("\0"):
        key, _, value = entry.partition("\n")
        found = re.fullmatch(r"submodule\.(.+)\.(path|url)", key, re.DOTALL)
        if found:
            entries.setdefault(found[1], {})[found[2]] = value
    return {one["path"]: one["url"] for one in entries.values() if {"path", "url"} <= one.keys()}


def resolved(url: str, source: str | Path) -> str | Path:
    """Return where a submodule is; `./` and `../` start at the repository that names it.

    Raises UserError for what that repository may not name.
    """
    if url.startswith(("./", "../")):
        return _relative(url, source)
    if git_url.is_url(url) and not url.lower().startswith("file:"):
        git_url.check(url)
        return url
    if isinstance(source, Path) or source.lower().startswith("file:"):
        return url if git_url.is_url(url) else Path(url)
    raise UserError("it is a path of the machine that it was made on")


def _relative(url: str, source: str | Path) -> str | Path:
    base, rest = str(source).rstrip("/"), url
    while rest.startswith(("./", "../")):
        step, _, rest = rest.partition("/")
        if step == ".":
            continue
        cut = max(base.rfind("/"), base.rfind(":"))
        if cut <= 0 or base[:cut].endswith(("/", ":")):
            raise UserError("its address leads out of the server")
        mark, base = base[cut], base[:cut]
        if mark == ":" and not rest.startswith("../"):
            return f"{base}:{rest}"
    return Path(base) / rest if isinstance(source, Path) else f"{base}/{rest}"
