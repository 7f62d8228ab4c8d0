"""Which test files judge the candidates, and who wrote each."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, count, zip_longest

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
    """Return the files: those made of the issue, existing ones near any change, then attempts'.

    `sandbox` is clean; `written` holds what was made without any patch in sight. `authors` are the
    candidates, patchless ones too, whose own tests are used. What was written gets a name of its
    own beside the original, so that no existing test is replaced.
    """
    existing = set(tracked_files(sandbox))
    from_issue: dict[Origin, dict[str, str]] = {
        "probe": written.probes,
        "reproduction": written.tests,
    }
    files = []
    for origin, texts in from_issue.items():
        for original, content in texts.items():
            path = new_name(original, "issue", existing)
            files.append(CheckFile(path, (path,), None, content, origin))
    near = [find_nearby(sandbox, each.files, MOST_FILES) for each in candidates if each.files]
    files += [CheckFile(path, (path,)) for path in round_robin(near)[:MOST_FILES]]
    for author in authors:
        for original, content in author.tests.items():
            path = new_name(original, f"attempt_{author.id.replace('.', '_')}", existing)
            file = CheckFile(path, (path,), author.attempt, content, "reproduction")
            files += _changed_only(sandbox, original, file)
    return files


def round_robin(lists: Sequence[Sequence[str]]) -> list[str]:
    """Return the first of each list, then the second of each: no candidate crowds out another."""
    rounds = zip_longest(*lists)
    return list(dict.fromkeys(item for each in rounds for item in each if item is not None))


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


def new_name(path: str, suffix: str, existing: set[str]) -> str:
    """Return a collected name beside `path` that no file of `existing` has, and add it to them."""
    folder, name = posixpath.split(path)
    stem = re.sub(r"^test_|_test$", "", name.removesuffix(".py"))
    endings = chain([""], (f"_{number}" for number in count(2)))
    names = (posixpath.join(folder, f"test_{stem}_by_{suffix}{end}.py") for end in endings)
    found = next(name for name in names if name not in existing)
    existing.add(found)
    return found
