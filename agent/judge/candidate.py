"""From an attempt's sandbox to a patch: the program takes the diff itself and cleans it."""

from __future__ import annotations

import ast
import hashlib
import os
import posixpath
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from shlex import quote

from agent.records import Candidate, Dropped
from tools.base import WorldError
from tools.nearby_tests import is_collected, is_test, tracked_files
from tools.sandbox import Sandbox

_STRAY = re.compile(r"\.(orig|rej|log|tmp|bak|swp|patch|diff|pyc)$|(^|/)(core|nohup\.out)$")
_COMMENT = re.compile(r"#.*$", re.MULTILINE)
MOST_TEST_BYTES = 1 << 20


def harvest(sandbox: Sandbox, base: str, attempt: int, sample: int = 1) -> Candidate | None:
    """Return what an attempt left in its sandbox as a candidate, None when it changed nothing.

    The diff is taken against `base`, a commit SHA, whatever the attempt did to the index, the
    branch or its own commits; files that git ignores are no part of it.
    """
    git = _with_index(sandbox, base)
    changed = _changed(sandbox, git, base)
    if not changed:
        return None
    kept, dropped = sort_out(changed, tracked_files(sandbox))
    after = {path: sandbox.read(path) for path in kept if changed[path] != "D"}
    tests = {
        item.path: sandbox.read(item.path)[:MOST_TEST_BYTES].decode("utf-8", "replace")
        for item in dropped
        if is_collected(item.path) and changed[item.path] != "D"
    }
    identity = f"{attempt}.{sample}"
    return Candidate(
        id=identity,
        attempt=attempt,
        root=identity,
        patch=_diff(sandbox, git, base, kept),
        files=tuple(kept),
        dropped=tuple(dropped),
        key=canonical_key({path: after.get(path) for path in kept}),
        tests=tests,
    )


def _with_index(sandbox: Sandbox, base: str) -> str:
    """Stage everything in an index of our own and return the git command that uses it."""
    index = f"/tmp/index-{os.urandom(6).hex()}"
    # A copy of the repository's index saves hashing every file again: its sizes and times hold.
    git = (
        f"GIT_INDEX_FILE={index} git -c core.quotePath=false -c core.autocrlf=false "
        "-c core.fsmonitor=false -c core.hooksPath=/dev/null -c core.fileMode=true "
        "-c core.checkStat=minimal -c core.trustctime=false"
    )
    copied = f"cp .git/index {index} 2>/dev/null || {git} read-tree {base}"
    done = sandbox.run(f"{copied}; {git} add -A .", timeout=300)
    if not done.ok:
        raise WorldError(
            f"cannot take the diff of an attempt: {done.output.strip()[-300:]}",
            "the image needs git, and the repository's base commit in its root folder",
        )
    return git


def _changed(sandbox: Sandbox, git: str, base: str) -> dict[str, str]:
    """Return {path: A, M, D or T} of every file that differs."""
    listed = sandbox.run(
        f"{git} diff --cached --name-status --no-renames -z {base}", timeout=300, limit=8 << 20
    )
    words = listed.output.split("\0")[:-1]
    return dict(zip(words[1::2], words[::2], strict=True))


def _diff(sandbox: Sandbox, git: str, base: str, paths: Sequence[str]) -> str:
    if not paths:
        return ""
    target = f"/tmp/diff-{os.urandom(6).hex()}"
    options = "--cached --binary --full-index --no-renames --no-ext-diff --no-textconv --no-color"
    names = " ".join(quote(f":(literal){path}") for path in paths)
    attributes = ""
    for _ in range(2):
        sandbox.run(f"{attributes}{git} diff {options} {base} -- {names} > {target}", timeout=300)
        try:
            return sandbox.read(target).decode("utf-8")
        except UnicodeDecodeError:
            # Not UTF-8: as a binary patch the same change is plain ASCII.
            attributes = "echo '* -diff' > /tmp/attributes; "
            git += " -c core.attributesFile=/tmp/attributes"
    raise WorldError("cannot take the diff of an attempt: it is not text")


def sort_out(changed: Mapping[str, str], files: Collection[str]) -> tuple[list[str], list[Dropped]]:
    """Split changed paths into those of the patch and those left out, each with its reason.

    `changed` maps paths to git's status letters, `files` are the paths of the base commit.
    """
    kept, dropped = [], []
    known = {*files, *changed}
    for path in sorted(changed):
        if is_test(path, known):
            dropped.append(Dropped(path, "a test, or beside the tests"))
        elif _STRAY.search(path):
            dropped.append(Dropped(path, "left over from working"))
        elif changed[path] == "A" and _is_script(path, files):
            dropped.append(Dropped(path, "a new script at the top level"))
        else:
            kept.append(path)
    return kept, dropped


def _is_script(path: str, files: Collection[str]) -> bool:
    """Tell whether a new file is a loose script: at the top, where the project has no modules."""
    if "/" in path or not path.endswith((".py", ".sh", ".txt", ".ipynb")):
        return False
    modules = [file for file in files if "/" not in file and file.endswith(".py")]
    return not path.endswith(".py") or set(modules) <= {"setup.py", "conftest.py", "noxfile.py"}


def canonical_key(after: Mapping[str, bytes | None]) -> str:
    """Return a digest that is equal for textual twins.

    `after` maps each path of a patch to its content, None when deleted. Comments, white space and
    docstrings are ignored in Python files that parse; white space at line ends in other text.
    """
    total = hashlib.sha256()
    for path in sorted(after):
        content = after[path]
        said = b"deleted" if content is None else _meaning(path, content)
        total.update(f"{path}\0{hashlib.sha256(said).hexdigest()}\0".encode("utf-8", "replace"))
    return total.hexdigest()[:16]


def _meaning(path: str, content: bytes) -> bytes:
    if posixpath.splitext(path)[1] == ".py":
        try:
            tree = ast.parse(content)
        except (SyntaxError, ValueError):
            text = _COMMENT.sub("", content.decode("utf-8", "replace"))
            return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()).encode()
        for node in ast.walk(tree):
            _strip_docstring(node)
        return ast.dump(tree).encode()
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
    first: dict[str, Candidate] = {}
    for candidate in candidates:
        if not candidate.patch:
            continue
        twin = first.get(candidate.key)
        if twin is None:
            first[candidate.key] = candidate
        else:
            first[candidate.key] = replace(twin, merged=(*twin.merged, candidate.id))
    return list(first.values())
