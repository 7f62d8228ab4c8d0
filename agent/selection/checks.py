"""The tests that will judge: which files run, and in whose name."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from agent.records import Candidate, Origin, Reproduction
from tools.nearby_tests import find_nearby, tracked_files
from tools.sandbox.protocol import Sandbox

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
MOST_FILES = 8
"""Existing test files near the change that the matrix runs."""


@dataclass(frozen=True)
class CheckFile:
    """A test file of the matrix: `author` None is the project or a writer that saw no patch.

    `targets` are what the test command is given: the file, or ids in it. `content` is None for
    files of the repository.
    """

    path: str
    targets: tuple[str, ...]
    author: int | None = None
    content: str | None = None
    origin: Origin = "existing"

    @property
    def reproduces(self) -> bool:
        """True for a test that was written for this issue."""
        return self.content is not None


def gather(
    sandbox: Sandbox,
    candidates: Sequence[Candidate],
    written: Reproduction,
    authors: Sequence[Candidate],
) -> list[CheckFile]:
    """List the files: those made of the issue, existing ones near any change, then attempts'.

    `sandbox` is clean; what `written` holds, nobody made who saw a patch. `authors` are candidates,
    patchless ones too, whose own tests are used. What was written gets a name of its own beside
    the original, so that no existing test is replaced.
    """
    taken = set(tracked_files(sandbox))
    made: list[tuple[Origin, dict[str, str]]] = [
        ("probe", written.probes),
        ("reproduction", written.tests),
    ]
    files = [
        replace(_new(renamed(path, "issue", taken), None, text), origin=origin)
        for origin, texts in made
        for path, text in texts.items()
    ]
    near = [find_nearby(sandbox, one.files, MOST_FILES) for one in candidates if one.files]
    files += [CheckFile(path, (path,)) for path in in_turn(near)[:MOST_FILES]]
    for candidate in authors:
        for path, content in candidate.tests.items():
            name = renamed(path, f"attempt_{candidate.id.replace('.', '_')}", taken)
            files += _changed_only(sandbox, path, _new(name, candidate.attempt, content))
    return files


def in_turn(lists: Sequence[Sequence[str]]) -> list[str]:
    """Take the first of each list, then the second of each: no candidate crowds out another."""
    rounds = zip_longest(*lists)
    return list(dict.fromkeys(item for each in rounds for item in each if item is not None))


def _new(path: str, author: int | None, content: str) -> CheckFile:
    return CheckFile(path, (path,), author, content, "reproduction")


def _changed_only(sandbox: Sandbox, original: str, file: CheckFile) -> list[CheckFile]:
    """Narrow a changed copy of an existing test file to the tests that differ from it."""
    try:
        before = _tests_of(sandbox.read(original).decode("utf-8", "replace"))
    except (FileNotFoundError, NotADirectoryError):
        return [file]
    after = _tests_of(file.content or "")
    names = [name for name, text in after.items() if before.get(name) != text]
    targets = tuple(f"{file.path}::{name}" for name in names)
    return [replace(file, targets=targets)] if targets else []


def _tests_of(source: str) -> dict[str, str]:
    """Return {`Class::name` or `name`: dump} of a file's test functions, {} when it is broken."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    found = {}
    for node in tree.body:
        members = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        for member in members:
            if isinstance(member, FUNCTIONS) and member.name.startswith("test"):
                found[prefix + member.name] = ast.dump(member)
    return found


def renamed(path: str, suffix: str, taken: set[str]) -> str:
    """Return a collected name beside `path` that is not in `taken`, and put it there."""
    folder, name = posixpath.split(path)
    stem = re.sub(r"^test_|_test$", "", name.removesuffix(".py"))
    number, found = 1, ""
    while not found or found in taken:
        more = f"_{number}" if number > 1 else ""
        found, number = posixpath.join(folder, f"test_{stem}_by_{suffix}{more}.py"), number + 1
    taken.add(found)
    return found
