"""The map of a repository that a model is shown with an issue."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from agent.localization.index import Index
from agent.localization.ranking import Ranking
from agent.localization.symbols import Symbol
from agent.model.protocol import estimate as estimated
from tools.nearby_tests import nearby

FILES = 10
"""How many files are named, the best of them with what is in them."""
FIRST_DEFINITIONS, DEFINITIONS = 20, 150
"""How many definitions come before the other files and the tests, and how many in all."""
NEIGHBOURS = 12
IMPORTS_UNTIL = 150
_IMPORT = re.compile(r"(?:from\s+\S+\s+import\s+[^(\\]+|import\s+\S.*)")


@dataclass(frozen=True, order=True)
class Line:
    """A line of the map: below which file it stands, where in it, and its text."""

    path: str
    number: int
    text: str


def outline(
    index: Index, ranking: Ranking, most_tokens: int, estimate: Callable[[str], int] = estimated
) -> str:
    """Return the files and definitions that an issue is likely about, outlined in plain text.

    The outline has at most `most_tokens` by `estimate`, and is "" when nothing ranks or nothing
    fits.
    """
    lines = list(dict.fromkeys(_lines(index, ranking)))
    # More lines cost more tokens, so the number that fits is found in a few estimates.
    fitting = bisect_right(
        range(1, len(lines) + 1), most_tokens, key=lambda count: estimate(_rendered(lines[:count]))
    )
    return _rendered(lines[:fitting])


def _rendered(lines: Sequence[Line]) -> str:
    """Return lines grouped by file: files in the order of `lines`, lines of a file by number."""
    files: dict[str, list[Line]] = {}
    for line in lines:
        files.setdefault(line.path, []).append(line)
    return "\n".join(line.text for group in files.values() for line in sorted(group))


def _lines(index: Index, ranking: Ranking) -> Iterator[Line]:
    """Yield the lines of the map, the most useful first; some come twice."""
    files = [hit.path for hit in ranking.files[:FILES]]
    ranked = [hit.symbol for hit in ranking.definitions if hit.symbol]
    for path in files[:3]:
        yield _head(path)
    yield from _definitions(index, ranked[:FIRST_DEFINITIONS])
    for path in files[3:]:
        yield _head(path)
    yield from _tests(index, files)
    yield from _definitions(index, ranked[FIRST_DEFINITIONS:])
    for path in files[:2]:
        yield from _imports(path, index.sources[path])
    for symbol in ranked[:5]:
        yield from _definitions(index, _neighbours(index, symbol))


def _head(path: str) -> Line:
    return Line(path, -1, path)


def _definitions(index: Index, found: Iterable[Symbol]) -> Iterator[Line]:
    """Yield a line for each definition, after those of its file and of what encloses it."""
    for symbol in found:
        yield _head(symbol.path)
        parts = symbol.name.split(".")
        outer = {".".join(parts[:depth]) for depth in range(1, len(parts))}
        for other in index.symbols(symbol.path):
            around = other.name in outer and other.line <= symbol.line <= other.end
            if around or other == symbol:
                indent = "  " * other.name.count(".")
                yield Line(other.path, other.line, f"{other.line:>6}  {indent}{other.signature}")


def _tests(index: Index, files: Sequence[str]) -> Iterator[Line]:
    for path in files[:2]:
        for test in nearby([path], index.paths, [], 1):
            yield _head(path)
            yield Line(path, 1 << 30, f"        tests: {test}")


def _imports(path: str, text: str) -> Iterator[Line]:
    for number, line in enumerate(text.split("\n")[:IMPORTS_UNTIL], start=1):
        if _IMPORT.fullmatch(line):
            yield Line(path, number, f"{number:>6}  {line.strip()[:120]}")


def _neighbours(index: Index, symbol: Symbol) -> list[Symbol]:
    """Return what stands nearest to a definition in the same class or at the same level."""
    outer = symbol.name.rpartition(".")[0]
    beside = [
        other
        for other in index.symbols(symbol.path)
        if other.name.rpartition(".")[0] == outer and other != symbol
    ]
    beside.sort(key=lambda other: (abs(other.line - symbol.line), other.line))
    return beside[:NEIGHBOURS]
