"""What a snippet needs to run: the imports and names that a project's own tests give it."""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from agent.localization.issue_snippets import parsed
from tools.nearby_tests import is_collected

LONGEST, WIDEST = 5, 300
"""Lines and columns of a value at the top of a test file that is still taken along."""
MOST_PLACES = 3
ALIASES = {"np": "numpy", "pd": "pandas", "plt": "matplotlib.pyplot"}
"""Short names by which everybody knows these packages."""


def free_names(code: str) -> list[str]:
    """Return the names that code uses and does not define, in the order of their use."""
    used: dict[str, None] = {}
    own: set[str] = set(dir(builtins))
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                used.setdefault(name)
            case ast.Name(id=name) | ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                own.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                own.add(name)
            case ast.ClassDef(name=name):
                own.add(name)
            case ast.alias(name=name, asname=given):
                own.add(given or name.partition(".")[0])
    return [name for name in used if name not in own]


def head(
    source: str, names: Iterable[str] | None = None, *, definitions: bool = False
) -> tuple[str, set[str]]:
    """Return the lines of a program that give these names, and which they give.

    Without `names`, all that its lines give. Lines are imports and short values, and with
    `definitions` functions and classes.
    """
    tree = parsed(source)
    if tree is None:
        return "", set()
    body = tree.body
    gives = {id(node): _bound(node, definitions) for node in body}
    names = {name for found in gives.values() for name in found} if names is None else set(names)
    wanted, kept, given = set(names), list[str](), set[str]()
    for node in reversed(body):  # what a line needs stands above it
        bound = gives[id(node)]
        if not wanted & bound.keys():
            continue
        given |= wanted & bound.keys()
        kept.append(_narrowed(node, wanted))
        wanted |= set(free_names(kept[-1]))
    return "\n".join(reversed(kept)), given & names


def _bound(node: ast.stmt, definitions: bool) -> Mapping[str, None]:
    """Return the names that a line binds by an import, with a short value or as a definition."""
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) if definitions:
            return {name: None}
        case ast.ImportFrom(module="__future__"):
            return {}
        case ast.Import(names=found) | ast.ImportFrom(names=found):
            return dict.fromkeys(one.asname or one.name.partition(".")[0] for one in found)
        case ast.Assign(targets=targets) if _is_short(node):
            inner = (part for target in targets for part in ast.walk(target))
            return {part.id: None for part in inner if isinstance(part, ast.Name)}
    return {}


def _is_short(node: ast.stmt) -> bool:
    """Tell by its place in the file whether a line is short; to write it out takes recursion."""
    lines, columns = (node.end_lineno or 0) - node.lineno, (node.end_col_offset or 0)
    return lines < LONGEST and columns <= WIDEST


def _narrowed(node: ast.stmt, wanted: set[str]) -> str:
    """Return a line with no other imports in it than the wanted ones."""
    if isinstance(node, ast.ImportFrom):
        few = [one for one in node.names if (one.asname or one.name) in wanted]
        return ast.unparse(ast.ImportFrom(node.module, few, node.level))
    return ast.unparse(node)


def nearest_head(
    sources: Mapping[str, str], tests: Sequence[str], names: Sequence[str]
) -> tuple[str, str, list[str]]:
    """Return the test file that gives most of the names, its lines for them, and what is missing.

    Of files that give equally many, the first in `tests` is taken; "" when there are none.
    """
    best = ("", "", list(names))
    for path in tests:
        if not path.endswith(".py") or not is_collected(path):
            continue
        lines, given = head(sources[path], names)
        missing = [name for name in names if name not in given]
        if not best[0] or len(missing) < len(best[2]):
            best = (path, lines, missing)
    return best


def imports_of(name: str, paths: Iterable[str], defining: Mapping[str, Sequence[str]]) -> list[str]:
    """Return lines that may import a name, the likeliest first.

    `paths` are the project's files, `defining` maps names to the files that define them.
    """
    package = main_package(paths)
    modules = [module(path) for path in defining.get(name, ()) if not is_collected(path)]
    lines = [f"from {package} import {name}"] if package else []
    lines += [f"from {found} import {name}" for found in modules[:MOST_PLACES]]
    if name in ALIASES:
        return [f"import {ALIASES[name]} as {name}"]
    return [*lines, f"import {name}"]


def main_package(paths: Iterable[str]) -> str:
    """Return the package that most of the files are in, "" when there is none."""
    known = set(paths)
    roots: Counter[str] = Counter()
    for path in known:
        parts = path.removeprefix("src/").removeprefix("lib/").split("/")
        start = path[: len(path) - len("/".join(parts))]
        if len(parts) > 1 and f"{start}{parts[0]}/__init__.py" in known:
            roots[parts[0]] += 1
    for outside in ("tests", "test", "testing", "doc", "docs", "examples"):
        roots.pop(outside, None)
    return max(roots, key=lambda root: (roots[root], root), default="")


def module(path: str) -> str:
    """Return the dotted name of a file."""
    stem = path.removeprefix("src/").removeprefix("lib/").removesuffix(".py")
    return stem.removesuffix("/__init__").replace("/", ".")
