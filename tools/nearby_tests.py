"""Which of a repository's files are tests, and which tests are near a change."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Sequence
from shlex import quote

from tools.sandbox.protocol import Sandbox

TEST_FOLDERS = ("tests", "test", "testing")
_COLLECTED = re.compile(r"(^|/)(test_[^/]*|[^/]*_test|tests)\.py$")


def is_collected(path: str) -> bool:
    """Tell whether a test runner would collect this file by its name."""
    return bool(_COLLECTED.search(path))


def is_test(path: str, files: Collection[str]) -> bool:
    """Tell whether a path belongs to the tests among the repository's `files`.

    Collected files, conftest.py, and whatever stands below a test folder that itself holds
    collected files; library code in a folder that happens to be called `test` is not a test.
    """
    if is_collected(path) or posixpath.basename(path) == "conftest.py":
        return True
    parts = path.split("/")[:-1]
    depths = [depth for depth, part in enumerate(parts, 1) if part in TEST_FOLDERS]
    folders = {"/".join(parts[:depth]) for depth in depths}
    return bool(folders) and any(is_collected(f) and folders & _test_roots(f) for f in files)


def _test_roots(file: str) -> set[str]:
    """Return the folders that a test file belongs to: its own, and the one around its subject's."""
    own = posixpath.dirname(file)
    above, name = posixpath.split(own)
    return {own} if name in TEST_FOLDERS else {own, above}


def nearby(
    touched: Sequence[str],
    files: Sequence[str],
    mentioning: Sequence[str],
    most: int,
    wider: Sequence[Sequence[str]] = (),
) -> list[str]:
    """Return at most `most` test files, nearest first.

    First those named after a touched module, then those in `mentioning` (they import one), then
    those in the closest test folder, those named after parts of a touched path, and those of each
    list in `wider` (they import a package that one is in); within each, a longer common path comes
    first.
    """
    tests = [file for file in files if is_collected(file)]
    stems = {posixpath.basename(path).rpartition(".")[0].strip("_") for path in touched}
    named = [test for test in tests if _tested(test) in stems]
    importing = [test for test in tests if test in set(mentioning)]
    around = {posixpath.dirname(path) for path in touched}
    folders = {posixpath.join(folder, name) for folder in around for name in TEST_FOLDERS}
    beside = [test for test in tests if posixpath.dirname(test) in folders]
    parts = [_words(path.rpartition(".")[0]) for path in touched]
    about = [test for test in tests if any(_about(test) <= each for each in parts)]
    ranked: dict[str, None] = {}
    for group in (named, importing, beside, about, *wider):
        there = [test for test in group if is_collected(test)]
        for test in sorted(there, key=lambda test: (-_common_length(test, touched), test)):
            ranked.setdefault(test)
    return list(ranked)[:most]


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower()))


def _about(test: str) -> set[str]:
    """Return the words that a test file is named by: `ext`, `autodoc` of test_ext_autodoc.py."""
    return _words(_tested(test)) - set(TEST_FOLDERS) or {test}


def _tested(test: str) -> str:
    stem = posixpath.basename(test).removesuffix(".py")
    return stem.removeprefix("test_").removesuffix("_test")


def _common_length(test: str, touched: Sequence[str]) -> int:
    return max((len(posixpath.commonprefix([test, path])) for path in touched), default=0)


def find_nearby(sandbox: Sandbox, touched: Sequence[str], most: int = 8) -> list[str]:
    """Find the existing tests near touched files in a clean repository."""
    files = tracked_files(sandbox)
    modules = [posixpath.basename(path[:-3]) for path in touched if path.endswith(".py")]
    names = [re.escape(name) for name in modules if name != "__init__"]
    mentioning = _importing(sandbox, rf".*\b({'|'.join(names)})\b") if names else []
    found = nearby(touched, files, mentioning, most)
    wider: list[list[str]] = []
    for packages in _packages(touched):
        if len(found) >= most:
            break
        wider.append(_importing(sandbox, rf"[ \t]+({'|'.join(map(re.escape, packages))})\b"))
        found = nearby(touched, files, mentioning, most, wider)
    return found


def _importing(sandbox: Sandbox, what: str) -> list[str]:
    """Return the Python files with a line that imports what a pattern matches."""
    pattern = rf"^\s*(from|import)\b{what}"
    done = sandbox.run(f"git grep -lIE -e {quote(pattern)} -- '*.py'", limit=8 << 20)
    return done.output.splitlines() if done.ok else []


def _packages(touched: Sequence[str]) -> list[list[str]]:
    """Return the packages that touched modules are in by their dotted names, the inner first."""
    levels: dict[int, list[str]] = {}
    for path in touched:
        parts = path.split("/")[:-1] if path.endswith(".py") else []
        parts = parts[1:] if parts[:1] in (["src"], ["lib"]) else parts
        for depth in range(len(parts), 0, -1):
            levels.setdefault(len(parts) - depth, []).append(".".join(parts[:depth]))
    return [sorted(set(levels[level])) for level in sorted(levels)]


def tracked_files(sandbox: Sandbox) -> list[str]:
    """Return the repository's tracked files."""
    listing = sandbox.run("git ls-files -z", limit=8 << 20).output
    return [path for path in listing.split("\0") if path]
