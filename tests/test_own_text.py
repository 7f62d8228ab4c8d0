"""Facts are fields: nothing reads a fact back out of a sentence that the program wrote itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parent.parent
READS_OLD_RUNS = {"agent/trajectory/format_1.py"}
"""Format 1 kept facts in sentences alone."""
PHRASE = re.compile(r"[A-Za-z]{2,}(?: [A-Za-z]{2,})+")
"""What is telling in a pattern: two words or more."""
OTHERS_WORDS = {
    "agent/environment/build.py": "package managers and networks",
    "agent/environment/system_packages.py": "compilers and linkers",
    "agent/inspector/interdiff.py": "git",
    "agent/localization/issue_snippets.py": "issues",
    "agent/model/failures.py": "model servers",
    "agent/selection/changed_files.py": "git",
}
"""Files whose patterns read other programs' words, which ours may resemble."""


def trees() -> Iterator[tuple[str, ast.Module]]:
    for package in ("agent", "tools"):
        for file in sorted((PROJECT / package).rglob("*.py")):
            yield str(file.relative_to(PROJECT)), ast.parse(file.read_text(encoding="utf-8"))


def texts(node: ast.AST) -> Iterator[str]:
    """Yield the string constants below a node, those in f-strings too."""
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value


def compared(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of whatever a text is looked at with: patterns, beginnings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.func.attr
            of_re = isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
            if of_re or name in ("startswith", "endswith", "removeprefix", "removesuffix", "find",
                                 "partition", "rpartition", "index", "count"):  # fmt: skip
                yield from ((node.lineno, text) for one in node.args for text in texts(one))
        elif isinstance(node, ast.Compare):
            for operator, one in zip(node.ops, (node.left, *node.comparators), strict=False):
                if isinstance(operator, ast.In | ast.NotIn | ast.Eq | ast.NotEq):
                    for side in (one, *node.comparators):
                        if isinstance(side, ast.Constant) and isinstance(side.value, str):
                            yield node.lineno, side.value


def sentences(tree: ast.Module) -> Iterator[str]:
    """Yield what the program says: strings that are no docstrings and no patterns."""
    patterns = {text for _, text in compared(tree)}
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            known = id(node) in docstrings or node.value in patterns
            yield from () if known else (node.value,)


def phrases(pattern: str) -> set[str]:
    """Return the telling words of a pattern, without what stands for letters in it."""
    plain = re.sub(r"\\[a-zA-Z]|\[[^\]]*\]|\(\?[^)]*\)|[\\^$*+?{}()|<>]", "\n", pattern)
    return {found.group() for found in PHRASE.finditer(plain)}


def readers() -> list[str]:
    written = [text for _, tree in trees() for text in sentences(tree) if " " in text.strip()]
    found = []
    for path, tree in trees():
        if path in READS_OLD_RUNS or path in OTHERS_WORDS:
            continue
        for line, pattern in compared(tree):
            said = [text for one in phrases(pattern) for text in written if one in text]
            if said:
                found.append(f"{path}:{line}: {pattern!r} reads {said[0]!r}")
    return sorted(set(found))


def test_nothing_reads_what_the_program_wrote() -> None:
    assert not readers()
