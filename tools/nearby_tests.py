"""Which of a repository's files are tests, and which tests stand near a change."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Sequence
from shlex import quote

from tools.sandbox import Sandbox

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
    return any(
        part in TEST_FOLDERS and _holds_tests("/".join(parts[: depth + 1]), files)
        for depth, part in enumerate(parts)
    )


def _holds_tests(folder: str, files: Collection[str]) -> bool:
    return any(posixpath.dirname(file) == folder and is_collected(file) for file in files)


def nearby(
    touched: Sequence[str], files: Sequence[str], mentioning: Sequence[str], most: int
) -> list[str]:
    """Return at most `most` test files, nearest first.

    First those named after a touched module, then those in `mentioning` (they import one), then
    those in the closest test folder; within each, a longer common path comes first.
    """
    tests = [file for file in files if is_collected(file)]
    stems = {posixpath.basename(path).rpartition(".")[0].strip("_") for path in touched}
    named = [test for test in tests if _tested(test) in stems]
    importing = [test for test in tests if test in set(mentioning)]
    folders = {folder for path in touched for folder in _test_folders(path)}
    beside = [test for test in tests if posixpath.dirname(test) in folders]
    ranked: dict[str, None] = {}
    for group in (named, importing, beside):
        for test in sorted(group, key=lambda test: (-_closeness(test, touched), test)):
            ranked.setdefault(test)
    return list(ranked)[:most]


def _tested(test: str) -> str:
    stem = posixpath.basename(test).removesuffix(".py")
    return stem.removeprefix("test_").removesuffix("_test")


def _test_folders(path: str) -> list[str]:
    folder = posixpath.dirname(path)
    return [posixpath.join(folder, name) if folder else name for name in TEST_FOLDERS]


def _closeness(test: str, touched: Sequence[str]) -> int:
    return max((len(posixpath.commonprefix([test, path])) for path in touched), default=0)


def find_nearby(sandbox: Sandbox, touched: Sequence[str], most: int = 8) -> list[str]:
    """Find the existing tests near touched files in a clean repository."""
    files = tracked_files(sandbox)
    mentioning: list[str] = []
    modules = [
        posixpath.basename(path).removesuffix(".py") for path in touched if path.endswith(".py")
    ]
    names = [name for name in modules if name != "__init__"]
    if names:
        pattern = rf"^\s*(from|import)\b.*\b({'|'.join(re.escape(name) for name in names)})\b"
        done = sandbox.run(f"git grep -lIE -e {quote(pattern)} -- '*.py'")
        mentioning = done.output.splitlines() if done.ok else []
    return nearby(touched, files, mentioning, most)


def tracked_files(sandbox: Sandbox) -> list[str]:
    """Return the repository's tracked files."""
    return [
        path for path in sandbox.run("git ls-files -z", limit=8 << 20).output.split("\0") if path
    ]
