"""Repositories of one commit, made of another repository's commit or of a plain folder."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tools import git, git_url
from tools.base import UserError
from tools.git import GitError
from tools.process_owner import temporary_folder

BRANCH = "main"
AUTHOR = "repair-agent"
ADDRESS = "repair-agent@localhost"
SHA = re.compile(r"[0-9a-f]{40}")
SHORT_SHA = re.compile(r"[0-9a-f]{7,40}")
UNTAGGED = (
    "no names found", "no tags can describe", "cannot describe", "no annotated tags",
    "not a valid object", "neither a commit",  # a commit on no branch, such as a pull request's
)  # fmt: skip
LFS_POINTER = "^version https://git-lfs.github.com/spec/v1$"


@dataclass(frozen=True)
class Snapshot:
    """One commit in a repository of its own: full SHA, commit date in UTC, and remarks."""

    commit: str
    date: datetime
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Description:
    """The nearest tag before a commit, and how many commits lie between."""

    tag: str
    distance: int


def snapshot(source: str | Path, ref: str | None, into: Path) -> Snapshot:
    """Make a repository in the empty or absent folder `into` that holds one commit and no more.

    `source` is a folder or a URL; without `ref` its HEAD is taken. The commit keeps its SHA and is
    checked out on the branch `main`; there are no remotes, tags, reflogs or other objects.
    Raises UserError (repository, ref), NetworkError, WorldError.
    """
    if ref is not None and (not ref.strip() or ref.startswith("-")):
        raise UserError(f"{ref!r} is no ref", git.REF_HINT)
    with git.translated(str(source), ref):
        if isinstance(source, Path):
            top = _top_folder(source)
            commit = _local_commit(top, ref)
            _init(into)
            _fetch_commit(str(top), commit, into)
        else:
            git_url.check(source)
            _init(into)
            _fetch_remote(source, ref, into)
        return _check_out(into)


def commit_folder(folder: Path, *, date: datetime, message: str) -> Snapshot:
    """Make a folder a repository of one commit that holds every file, ignored ones too.

    The SHA depends on the content, `date` and `message` alone.
    """
    notes = _without_nested(folder)
    identity: dict[str, str] = {}
    for role in ("AUTHOR", "COMMITTER"):
        identity |= {f"GIT_{role}_NAME": AUTHOR, f"GIT_{role}_EMAIL": ADDRESS}
        identity[f"GIT_{role}_DATE"] = f"{int(date.timestamp())} +0000"
    with git.translated(str(folder)):
        _init(folder)
        (folder / ".git" / "info").mkdir(exist_ok=True)
        # Line ends and filters that the files ask for would change what the archive holds.
        (folder / ".git" / "info" / "attributes").write_text("* -text -filter -ident\n")
        git.run("add", "-A", "-f", ".", folder=folder)
        options = ("--quiet", "--allow-empty", "--no-verify", "-m", message)
        git.run("commit", *options, folder=folder, environment=identity)
        (folder / ".git" / "COMMIT_EDITMSG").unlink(missing_ok=True)
        return Snapshot(_resolve(folder, "HEAD", alone=True), date, notes)


def describe(source: str | Path, commit: str) -> Description | None:
    """Return the nearest tag with a number in it, None where there is none; reads the history."""
    with git.translated(str(source), commit):
        if isinstance(source, Path):
            return _describe(source, commit)
        # Commits without their files: megabytes where the whole would be gigabytes.
        with _whole_repository(source, ("--filter=tree:0",)) as history:
            return _describe(history, commit)


def _init(into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    git.run("init", "--quiet", "--template=", f"--initial-branch={BRANCH}", folder=into)


def _fetch_commit(source: str, commit: str, into: Path) -> None:
    """Fetch one commit by SHA, without its history, as our branch."""
    options = ("--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head", "--update-head-ok")
    refspec = f"{commit}:refs/heads/{BRANCH}"
    git.run("fetch", *options, "--", source, refspec, folder=into, alone=False)


def _check_out(into: Path) -> Snapshot:
    git.run("reset", "--quiet", "--hard", BRANCH, folder=into)
    for name in ("FETCH_HEAD", "ORIG_HEAD", "logs", "branches", "description", "hooks"):
        path = into / ".git" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    (into / ".git" / "info").mkdir(exist_ok=True)
    commit, seconds = git.run("show", "-s", "--format=%H %ct", "HEAD", folder=into).split()
    return Snapshot(commit, datetime.fromtimestamp(int(seconds), UTC), tuple(_remarks(into)))


def _remarks(into: Path) -> Iterator[str]:
    """Yield what a checkout lacks: files that git LFS keeps elsewhere stay pointers."""
    try:
        found = git.run("grep", "-lIz", "-e", LFS_POINTER, "HEAD", "--", ".", folder=into)
    except GitError:  # none
        return
    names = [name.removeprefix("HEAD:") for name in found.split("\0") if name]
    first = ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
    yield f"git LFS keeps {len(names)} files elsewhere, which are left as pointers: {first}"


# --- a repository on this machine ---


def _top_folder(folder: Path) -> Path:
    """Return a repository's own folder; raises UserError for other folders, also inside one."""
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        hint = "name a git repository's folder, a git URL or pypi:NAME==VERSION"
        raise UserError(f"the repository {folder} {problem}", hint)
    try:
        options = ("--is-bare-repository", "--absolute-git-dir")
        bare, top = git.run("rev-parse", *options, folder=folder, alone=False).split("\n")
        if bare == "false":
            top = git.run("rev-parse", "--show-toplevel", folder=folder, alone=False)
    except GitError as failed:
        if failed.says(("not a git repository",)):
            hint = "make it one: git init && git add -A && git commit -m start"
            raise UserError(f"{folder} is not a git repository", hint) from failed
        raise
    if Path(top).resolve() != folder.resolve():
        raise UserError(f"{folder} is a folder inside the repository {top}", f"pass {top}")
    return folder.resolve()


def _local_commit(folder: Path, ref: str | None) -> str:
    try:
        return _resolve(folder, ref or "HEAD", alone=False)
    except GitError as failed:
        if ref is None and failed.says(git.NO_SUCH_REF):
            raise UserError(f"{folder} has no commits", "commit something first") from failed
        raise


def _resolve(folder: Path, ref: str, *, alone: bool) -> str:
    options = ("--verify", "--end-of-options", f"{ref}^{{commit}}")
    return git.run("rev-parse", *options, folder=folder, alone=alone).splitlines()[-1]


def _describe(folder: Path, commit: str) -> Description | None:
    options = ("--tags", "--long", "--match=*[0-9]*", commit)
    try:
        text = git.run("describe", *options, folder=folder, alone=False)
    except GitError as failed:
        if failed.says(UNTAGGED):
            return None
        raise
    tag, distance, _ = text.rsplit("-", 2)
    return Description(tag, int(distance))


# --- a repository behind a URL ---


def _fetch_remote(url: str, ref: str | None, into: Path) -> None:
    commit = ref if ref and SHA.fullmatch(ref) else _advertised(url, ref or "HEAD", into)
    if commit:
        try:
            return _fetch_commit(url, commit, into)
        except GitError as failed:
            if not failed.says(git.REFUSED_SHA):
                raise
    # The server gives out tips only, or the name is an abbreviated SHA: look through everything.
    with _whole_repository(url, ()) as whole:
        found = _resolve(whole, commit or ref or "HEAD", alone=True)
        return _fetch_commit(str(whole), found, into)


def _advertised(url: str, ref: str, folder: Path) -> str | None:
    """Return the commit that a name stands for at the server, None when it may be a short SHA."""
    names = (ref, f"{ref}^{{}}")
    listed = git.run("ls-remote", "--", url, *names, folder=folder, alone=False)
    found = {name: sha for sha, name in (line.split("\t") for line in listed.splitlines())}
    for prefix in ("", "refs/", "refs/tags/", "refs/heads/"):
        for name in (f"{prefix}{ref}^{{}}", f"{prefix}{ref}"):  # a tag's commit before the tag
            if name in found:
                return found[name]
    if SHORT_SHA.fullmatch(ref):
        return None
    public = git_url.redacted(url)
    if ref == "HEAD":
        raise UserError(
            f"{public} has no default branch", "name a branch, tag or commit with --ref"
        )
    raise UserError(f"{public} has no ref {ref}", git.REF_HINT)


@contextmanager
def _whole_repository(url: str, options: Sequence[str]) -> Iterator[Path]:
    """Give a temporary bare repository with all branches and tags of a URL."""
    with temporary_folder() as owned:
        folder = owned / "repository"
        folder.mkdir()
        git.run("init", "--quiet", "--bare", "--template=", folder=folder)
        refs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        git.run("fetch", "--quiet", *options, "--", url, *refs, folder=folder, alone=False)
        yield folder


def _without_nested(folder: Path) -> tuple[str, ...]:
    """Remove repositories that an archive brought along: git would take their files out."""
    found = sorted(folder.rglob(".git"))
    for path in found:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    return tuple(f"left out {path.relative_to(folder)}" for path in found)
