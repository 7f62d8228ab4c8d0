"""A ranked text search over a repository's files and the definitions in them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, islice, pairwise
from weakref import finalize

from agent.localization.issue_terms import parts, split_humps
from agent.localization.symbols import Symbol, defined_names, symbols

PARSED_FILES = 40
PARSED_SIZE = 3_000_000
LONGEST_TEXT = 20_000
MOST_PHRASES = 200
_FILES = """
CREATE VIRTUAL TABLE parts USING fts5(path, defines, text, content='', tokenize='porter unicode61');
CREATE VIRTUAL TABLE wholes USING fts5(
    path, defines, text, content='', tokenize="unicode61 remove_diacritics 0 tokenchars '_'"
);
"""
COLUMNS = (4.0, 3.0, 1.0)
"""What a match is worth in a path, in the names that are defined, and in the text."""


@dataclass(frozen=True)
class Hit:
    """A file, or a definition in it; a higher score is better."""

    path: str
    symbol: Symbol | None
    score: float


class Searchable:
    """Documents of three columns in memory, found by words and by whole identifiers.

    In `parts` an identifier is the words that make it, stemmed; in `wholes` it is one word.
    """

    def __init__(self, documents: Iterable[tuple[str, str, str]]) -> None:
        # Nothing is written after this, so several threads may search.
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        finalize(self, self._database.close)
        self._database.executescript(_FILES)
        rows = [(number, *document) for number, document in enumerate(documents)]
        self._database.executemany(
            "INSERT INTO wholes (rowid, path, defines, text) VALUES (?, ?, ?, ?)", rows
        )
        self._database.executemany(
            "INSERT INTO parts (rowid, path, defines, text) VALUES (?, ?, ?, ?)",
            [(row[0], *(split_humps(column) for column in row[1:])) for row in rows],
        )
        self._database.commit()

    def parts(self, texts: Iterable[str]) -> dict[int, float]:
        """Return the bm25 score of the documents that hold any of these words or phrases."""
        return self._search("parts", [split_humps(text) for text in texts])

    def wholes(self, identifiers: Iterable[str]) -> dict[int, float]:
        """Return the bm25 score of the documents that hold any of these identifiers as it is."""
        return self._search("wholes", identifiers)

    def _search(self, table: str, texts: Iterable[str]) -> dict[int, float]:
        phrases = dict.fromkeys(text.replace('"', " ").replace("\0", " ") for text in texts)
        if not phrases:
            return {}
        query = " OR ".join(f'"{phrase}"' for phrase in islice(phrases, MOST_PHRASES))
        found = self._database.execute(
            f"SELECT rowid, -bm25({table}, ?, ?, ?) FROM {table} WHERE {table} MATCH ?",
            (*COLUMNS, query),
        )
        return dict(found.fetchall())


class Index:
    """The files of a repository, searchable; a file is parsed when a search comes near it."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.sources = sources
        self.paths = tuple(sources)
        names = {path: defined_names(path, text) for path, text in sources.items()}
        self.files = Searchable(
            (path, " ".join(names[path]), text) for path, text in sources.items()
        )
        self.defining: dict[str, list[str]] = {}
        for path, found in names.items():
            for name in dict.fromkeys(found):
                self.defining.setdefault(name, []).append(path)
        self._symbols: dict[str, list[Symbol]] = {}

    def symbols(self, path: str) -> list[Symbol]:
        """Return the definitions of one of the files."""
        if path not in self._symbols:
            self._symbols[path] = symbols(path, self.sources[path])
        return self._symbols[path]

    def definitions(self, paths: Iterable[str]) -> list[Symbol]:
        """Return the definitions of these files, of as many as may be parsed for one search."""
        first = list(paths)[:PARSED_FILES]
        sizes = accumulate(len(self.sources[path]) for path in first)
        near = [path for path, size in zip(first, sizes, strict=True) if size <= PARSED_SIZE]
        return [symbol for path in near for symbol in self.symbols(path)]

    def search(self, query_text: str, most: int) -> list[Hit]:
        """Return the files and definitions that hold the words of a query, best first."""
        words = parts(query_text)
        files = self.files.parts(words)
        near = [self.paths[number] for number in sorted(files, key=lambda n: (-files[n], n))]
        found = self.definitions(near)
        inner = searchable_definitions(self, found).parts(words)
        hits = [Hit(self.paths[number], None, score) for number, score in files.items()]
        hits += [Hit(found[number].path, found[number], score) for number, score in inner.items()]
        return sorted(hits, key=sort_key)[:most]


def searchable_definitions(index: Index, symbols: Sequence[Symbol]) -> Searchable:
    """Make definitions searchable, each by its qualified name and by its own text."""
    return Searchable(("", symbol.name, text) for symbol, text in _own_texts(index, symbols))


def sort_key(hit: Hit) -> tuple[float, str, int]:
    """Return what hits are sorted by: their score, then where they stand."""
    return -hit.score, hit.path, hit.symbol.line if hit.symbol else 0


def _own_texts(index: Index, symbols: Sequence[Symbol]) -> Iterator[tuple[Symbol, str]]:
    """Yield each definition's text; of a class, what stands before the first definition in it."""
    for path, group in groupby(symbols, key=lambda symbol: symbol.path):
        lines = index.sources[path].split("\n")
        for symbol, following in pairwise([*group, None]):
            assert symbol is not None
            last = symbol.end
            if symbol.kind == "class" and following is not None:
                last = min(last, following.line - 1)
            # Cut, because nested definitions repeat their text in each that encloses them.
            yield symbol, "\n".join(lines[symbol.line - 1 : last])[:LONGEST_TEXT]
