"""The tests that will judge: which files run, and in whose name."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.records import Candidate
from tools.nearby_tests import find_nearby
from tools.sandbox import Sandbox

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

    @property
    def reproduces(self) -> bool:
        """True for a test that was written for this issue."""
        return self.content is not None


def gather(
    sandbox: Sandbox,
    candidates: Sequence[Candidate],
    written: dict[str, str],
    authors: Sequence[Candidate],
) -> list[CheckFile]:
    """List the files: existing ones near any candidate's change, then reproduction tests.

    `sandbox` is clean. `written` maps paths to tests by a writer that saw no patch; `authors` are
    candidates, patchless ones too, whose own tests are used. What was written gets a name of its
    own beside the original, so that no existing test is replaced.
    """
    touched = sorted({path for candidate in candidates for path in candidate.files})
    near = find_nearby(sandbox, touched, MOST_FILES) if touched else []
    files = [CheckFile(path, (path,)) for path in near]
    files += [_new(renamed(path, "issue"), None, text) for path, text in written.items()]
    for candidate in authors:
        for path, content in candidate.tests.items():
            name = renamed(path, f"attempt_{candidate.id.replace('.', '_')}")
            files += _changed_only(sandbox, path, _new(name, candidate.attempt, content))
    return files


def _new(path: str, author: int | None, content: str) -> CheckFile:
    return CheckFile(path, (path,), author, content)


def _changed_only(sandbox: Sandbox, original: str, file: CheckFile) -> list[CheckFile]:
    """Narrow a changed copy of an existing test file to the tests that differ from it."""
    try:
        before = _tests_of(sandbox.read(original).decode("utf-8", "replace"))
    except FileNotFoundError:
        return [file]
    after = _tests_of(file.content or "")
    names = [name for name, text in after.items() if before.get(name) != text]
    targets = tuple(f"{file.path}::{name}" for name in names)
    return [replace(file, targets=targets)] if targets else []


def _tests_of(source: str) -> dict[str, str]:
    """Return {`Class::name` or `name`: dump} of a file's test functions, {} when it is broken."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return {}
    found = {}
    for node in tree.body:
        members = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        for member in members:
            if isinstance(member, ast.FunctionDef) and member.name.startswith("test"):
                found[prefix + member.name] = ast.dump(member)
    return found


def renamed(path: str, suffix: str) -> str:
    """Return a collected name beside `path` that no file of the project has."""
    folder, name = posixpath.split(path)
    stem = re.sub(r"^test_|_test$", "", name.removesuffix(".py"))
    return posixpath.join(folder, f"test_{stem}_by_{suffix}.py")
