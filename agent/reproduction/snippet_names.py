"""What a snippet needs to run: the imports and names that a project's own tests give it."""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from agent.localization.issue_snippets import parse
from tools.nearby_tests import is_collected

LONGEST, WIDEST = 5, 300
"""Lines and columns that an assignment at the top of a test file may have to be borrowed."""
MOST_MODULES = 3
ALIASES = {"np": "numpy", "pd": "pandas", "plt": "matplotlib.pyplot"}
"""Names that these packages are usually imported by."""


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


def lines_giving(
    names: Iterable[str] | None, source: str, *, definitions: bool = False
) -> tuple[str, set[str]]:
    """Return the lines of a program that give these names, and which of the names they give.

    None for `names` asks for all that its lines give. Lines are imports and short assignments, and
    with `definitions` functions and classes.
    """
    tree = parse(source)
    if tree is None:
        return "", set()
    bindings = [(node, _bound(node, definitions)) for node in tree.body]
    asked = {name for _, bound in bindings for name in bound} if names is None else set(names)
    wanted, lines, given = set(asked), list[str](), set[str]()
    for node, bound in reversed(bindings):  # what a line needs stands above it
        if wanted & bound:
            given |= wanted & bound
            lines.append(_without_other_imports(node, wanted))
            wanted |= set(free_names(lines[-1]))
    return "\n".join(reversed(lines)), given & asked


def _bound(node: ast.stmt, definitions: bool) -> set[str]:
    """Return the names that a line binds by an import, a short assignment or a definition."""
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) if definitions:
            return {name}
        case ast.ImportFrom(module="__future__"):
            return set()
        case ast.Import(names=found) | ast.ImportFrom(names=found):
            return {one.asname or one.name.partition(".")[0] for one in found}
        case ast.Assign(targets=targets) if _is_short(node):
            inner = (part for target in targets for part in ast.walk(target))
            return {part.id for part in inner if isinstance(part, ast.Name)}
    return set()


def _is_short(node: ast.stmt) -> bool:
    """Tell by its position whether a line is short: to write a deep one out can fail."""
    lines, columns = (node.end_lineno or 0) - node.lineno, (node.end_col_offset or 0)
    return lines < LONGEST and columns <= WIDEST


def _without_other_imports(node: ast.stmt, wanted: set[str]) -> str:
    """Return a line with no other imports in it than the wanted ones."""
    if isinstance(node, ast.ImportFrom):
        few = [one for one in node.names if (one.asname or one.name) in wanted]
        return ast.unparse(ast.ImportFrom(node.module, few, node.level))
    return ast.unparse(node)


def nearest_lines(
    sources: Mapping[str, str], tests: Sequence[str], names: Sequence[str]
) -> tuple[str, str, list[str]]:
    """Return the test file that gives most of the names, its lines for them, and what is missing.

    Of files that give equally many it is the first in `tests`; "" when there are none.
    """
    best = ("", "", list(names))
    for path in tests:
        if not path.endswith(".py") or not is_collected(path):
            continue
        lines, given = lines_giving(names, sources[path])
        missing = [name for name in names if name not in given]
        if not best[0] or len(missing) < len(best[2]):
            best = (path, lines, missing)
    return best


def imports_of(name: str, paths: Iterable[str], defining: Mapping[str, Sequence[str]]) -> list[str]:
    """Return lines that may import a name, the likeliest first.

    `paths` are the project's files, `defining` maps names to the files that define them.
    """
    if name in ALIASES:
        return [f"import {ALIASES[name]} as {name}"]
    modules = [module(path) for path in defining.get(name, ()) if not is_collected(path)]
    origins = [*filter(None, [main_package(paths)]), *modules[:MOST_MODULES]]
    return [*(f"from {origin} import {name}" for origin in origins), f"import {name}"]


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
