"""From an attempt's sandbox to a patch: the program takes the diff itself and cleans it."""

from __future__ import annotations

import ast
import hashlib
import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from shlex import quote

from agent.records import Candidate, Dropped
from agent.selection.changed_files import (
    LINK,
    REPOSITORY,
    Change,
    HarvestFailed,
    Staging,
    borrow,
    changes,
    committed,
    contents,
    diff,
    printable,
    sizes,
    stage,
)
from tools.nearby_tests import is_collected, is_test
from tools.sandbox.protocol import Sandbox

__all__ = ["HarvestFailed", "canonical_key", "harvest", "merge", "sort_out"]

_STRAY = re.compile(
    r"\.(orig|rej|log|tmp|bak|swp|patch|diff|pyc)$|(^|/)(core|nohup\.out|\.coverage(\.[^/]*)?)$"
    r"|(^|/)(\.hypothesis|\.pytest_cache|__pycache__|[^/]+\.egg-info)/"
)
MOST_TEST_BYTES = 1 << 20
MOST_FILE_BYTES = 8 << 20
MOST_BYTES = 64 << 20


def harvest(sandbox: Sandbox, base: str, attempt: int, sample: int = 1) -> Candidate | None:
    """Return what an attempt left in its sandbox as a candidate, None when it changed nothing.

    The diff is taken against `base`, a commit SHA, whatever the attempt did to the index, the
    branch or its own commits; files that git ignores are no part of it. Raises HarvestFailed
    and SandboxLost.
    """
    try:
        staging = borrow(sandbox)
        try:
            return _harvest(staging, base, f"{attempt}.{sample}", attempt)
        finally:
            sandbox.run(f"rm -rf {quote(staging.folder)}")
    except OSError as error:  # the repository's folder or our files are gone, or the disk is full
        raise HarvestFailed(f"the attempt's sandbox cannot be read: {error}") from error


def _harvest(staging: Staging, base: str, identity: str, attempt: int) -> Candidate | None:
    refused = stage(staging, base)
    all_changes = changes(staging, base)
    size = sizes(staging, {name for change in all_changes.values() for name in change.blobs})
    changed, unfit = _split_unfit(all_changes, size)
    dropped = [Dropped(path, reason) for path, reason in (refused | unfit).items()]
    if not changed and not dropped:
        return None
    letters = {path: change.status for path, change in changed.items()}
    kept, left_out = sort_out(letters, committed(staging, base))
    present = [item.path for item in left_out if changed[item.path].status != "D"]
    tests = [path for path in present if is_collected(path) and changed[path].modes[1] != LINK]
    wanted = {name: size[name] for path in (*kept, *tests) for name in changed[path].blobs}
    if sum(wanted.values()) > MOST_BYTES:
        raise HarvestFailed(f"the attempt changed more than {MOST_BYTES >> 20} MiB")
    blobs = contents(staging, wanted)
    after = {path: blobs.get(changed[path].names[1]) for path in (*kept, *tests)}
    return Candidate(
        id=identity,
        attempt=attempt,
        root=identity,
        patch=diff(staging, base, {path: changed[path] for path in kept}, blobs),
        files=tuple(kept),
        dropped=(*dropped, *left_out),
        key=canonical_key(
            {path: after[path] for path in kept},
            {path: changed[path].modes[1] for path in kept},
        ),
        tests={p: (after[p] or b"")[:MOST_TEST_BYTES].decode("utf-8", "replace") for p in tests},
    )


def _split_unfit(
    changed: Mapping[bytes, Change], size: Mapping[str, int]
) -> tuple[dict[str, Change], dict[str, str]]:
    """Split changes into those that a patch can carry and, by path, why it cannot."""
    fitting, unfit = {}, {}
    for name, change in sorted(changed.items()):
        path = printable(name)
        if path.encode() != name:
            unfit[path] = "its name is not UTF-8"
        elif REPOSITORY in change.modes:
            unfit[path] = "a repository of its own"
        elif any(size[blob] > MOST_FILE_BYTES for blob in change.blobs):
            unfit[path] = f"larger than {MOST_FILE_BYTES >> 20} MiB"
        else:
            fitting[path] = change
    return fitting, unfit


def sort_out(changed: Mapping[str, str], files: Collection[str]) -> tuple[list[str], list[Dropped]]:
    """Split changed paths into those of the patch and those left out, each with its reason.

    `changed` maps paths to git's status letters, `files` are the paths of the base commit: they
    alone say whether a file that stood there is a test.
    """
    kept, dropped = [], []
    before = _one_test_per_folder(files)
    after = before | _one_test_per_folder(path for path in changed if changed[path] == "A")
    # Where the project has no modules at the top, a new one there is a script of the attempt.
    modules = {file for file in files if "/" not in file and file.endswith(".py")}
    scripts: tuple[str, ...] = (".sh", ".txt", ".ipynb")
    if modules <= {"setup.py", "conftest.py", "noxfile.py"}:
        scripts += (".py",)
    for path in sorted(changed):
        new = changed[path] == "A"
        if is_test(path, (after if new else before).values()):
            dropped.append(Dropped(path, "a test, or beside the tests"))
        elif new and _STRAY.search(path):
            dropped.append(Dropped(path, "left over from working"))
        elif new and "/" not in path and path.endswith(scripts):
            dropped.append(Dropped(path, "a new script at the top level"))
        else:
            kept.append(path)
    emptied = {parent for item in dropped for parent in _parents(item.path)}
    # A patch that puts a file where a folder stood would take the folder's files with it.
    dropped += [Dropped(path, "in place of a folder of tests") for path in kept if path in emptied]
    return [path for path in kept if path not in emptied], dropped


def _parents(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path


def _one_test_per_folder(files: Iterable[str]) -> dict[str, str]:
    """Return one collected file of every folder that has any: with all of them it takes minutes."""
    return {posixpath.dirname(file): file for file in files if is_collected(file)}


def canonical_key(after: Mapping[str, bytes | None], modes: Mapping[str, str] | None = None) -> str:
    """Return a digest that is equal for textual twins.

    `after` maps each path of a patch to its content, None when deleted; `modes` to git's mode
    where it is known. Comments, white space and docstrings are ignored in Python files that
    parse; white space at line ends in other text.
    """
    total = hashlib.sha256()
    for path in sorted(after):
        content, mode = after[path], (modes or {}).get(path, "")
        meaning = b"deleted" if content is None else _meaning(path, content, mode)
        digest = hashlib.sha256(meaning).hexdigest()
        total.update(f"{path}\0{mode}\0{digest}\0".encode("utf-8", "replace"))
    return total.hexdigest()[:16]


def _meaning(path: str, content: bytes, mode: str) -> bytes:
    if posixpath.splitext(path)[1] == ".py" and mode != LINK:
        try:
            tree = ast.parse(content)
            for node in ast.walk(tree):
                _strip_docstring(node)
            return ast.dump(tree).encode("utf-8", "backslashreplace")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass  # no Python, or too deep for the parser: it is compared as other text is
    return b"\n".join(line.rstrip() for line in content.splitlines())


def _strip_docstring(node: ast.AST) -> None:
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return
    first = node.body[0] if node.body else None
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        node.body = node.body[1:] or [ast.Pass()]


def merge(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Let textual twins stand as one candidate: the first, which then names the others."""
    twins: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        if candidate.patch:
            twins.setdefault(candidate.key, []).append(candidate)
    return [
        replace(first, merged=tuple(other.id for other in others))
        for first, *others in twins.values()
    ]
