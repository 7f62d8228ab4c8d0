"""Which files and definitions an issue is likely to be about."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.localization.index import Hit, Index, searchable_definitions, sort_key
from agent.localization.issue_terms import Frame, Terms, terms
from agent.localization.path_resolution import PathResolver
from agent.localization.symbols import Symbol
from tools.nearby_tests import TEST_FOLDERS, is_collected

Evidence = Mapping[str, Mapping[str, float]]
"""How strongly each kind of evidence points to a file, by kind and path; about 1 is strong."""

# Set by hand and halved or doubled where 77 issues agreed; finer steps did not hold on 76 others.
FILE_WEIGHTS = {
    "frame": 1.0,
    "path": 1.0,
    "module": 0.2,
    "defines": 0.3,
    "message": 0.7,
    "title": 0.7,
    "body": 0.5,
    "names": 0.5,
    "best": 1.0,
}
DEFINITION_WEIGHTS = {"frame": 1, "named": 0.3, "title": 0.6, "body": 0.4, "names": 0.6, "file": 1}
ASIDE = frozenset(
    {"doc", "docs", "example", "examples", "tutorials", "galleries", "benchmarks", "asv_bench"}
)
"""Folders of files that are seldom repaired."""
ASIDE_FACTOR = 0.4
UNMARKED = 0.2
"""What an identifier counts that the issue only mentions in passing."""
OUTWARD = 0.7
"""What each caller in a traceback counts of the one that it called."""


@dataclass(frozen=True)
class Ranking:
    """Files and definitions of the code, then the files of tests, each best first."""

    files: tuple[Hit, ...]
    definitions: tuple[Hit, ...]
    tests: tuple[Hit, ...]


def rank(index: Index, issue_text: str, most: int) -> Ranking:
    """Rank files and definitions by what an issue names, at most `most` of each kind."""
    named = terms(issue_text)
    tests = all_tests(index.paths)
    evidence = file_evidence(index, named, tests)
    scores = file_scores(evidence)
    near = [path for path in sorted(scores, key=lambda p: (-scores[p], p)) if path not in tests]
    symbols = index.definitions(near)
    definitions = weigh_definitions(definition_evidence(index, named, symbols, scores), symbols)
    evidence["best"] = _best_definitions(definitions)
    files = [Hit(path, None, score) for path, score in file_scores(evidence).items()]
    files.sort(key=sort_key)
    return Ranking(
        tuple(hit for hit in files if hit.path not in tests)[:most],
        tuple(definitions[:most]),
        tuple(hit for hit in files if hit.path in tests)[:most],
    )


def all_tests(files: Collection[str]) -> frozenset[str]:
    """Return the tests and what lies beside them, at any depth below their folder."""
    folders = {_test_folder(path) for path in files if is_collected(path)} - {""}
    return frozenset(
        path
        for path in files
        if is_collected(path)
        or posixpath.basename(path) == "conftest.py"
        or any(path[: match.start()] in folders for match in re.finditer("/", path))
    )


def _test_folder(path: str) -> str:
    """Return the innermost folder around a path that is named as folders of tests are."""
    parts = path.split("/")[:-1]
    depths = [depth for depth, part in enumerate(parts) if part in TEST_FOLDERS]
    return "/".join(parts[: depths[-1] + 1]) if depths else ""


def file_scores(evidence: Evidence) -> dict[str, float]:
    """Return the weighted sum of the evidence for each file."""
    scores: dict[str, float] = {}
    for kind, by_path in evidence.items():
        for path, value in by_path.items():
            scores[path] = scores.get(path, 0.0) + FILE_WEIGHTS[kind] * value
    for path in scores:
        if not ASIDE.isdisjoint(path.split("/")[:-1]):
            scores[path] *= ASIDE_FACTOR
    return scores


def file_evidence(
    index: Index, named: Terms, tests: Collection[str]
) -> dict[str, dict[str, float]]:
    """Return the evidence for each file, by its kind and path."""
    resolver = PathResolver(index.paths)
    by_number = {
        "title": index.files.parts(named.title),
        "body": index.files.parts(named.words),
        "names": index.files.wholes(_identifiers(named.names)),
    }
    evidence = {
        kind: _scaled({index.paths[number]: score for number, score in scores.items()}, tests)
        for kind, scores in by_number.items()
    }
    evidence["frame"] = _frame_evidence(resolver, named.frames, tests)
    evidence["path"] = _highest(resolver.files(path) for path in named.paths)
    evidence["module"] = _highest(resolver.modules(name) for name in named.names if "." in name)
    evidence["defines"] = _defining_files(index, named, tests)
    evidence["message"] = _highest(_files_with(message, index, tests) for message in named.messages)
    return evidence


def _identifiers(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(part for name in names for part in name.split(".")))


def _scaled(scores: Mapping[str, float], tests: Collection[str]) -> dict[str, float]:
    """Return scores as shares of the best that is no test."""
    best = max((score for path, score in scores.items() if path not in tests), default=0.0)
    return {path: min(1.0, score / best) for path, score in scores.items()} if best > 0 else {}


def _highest(several: Iterable[Mapping[str, float]]) -> dict[str, float]:
    scores: dict[str, float] = {}
    for each in several:
        for path, score in each.items():
            scores[path] = max(score, scores.get(path, 0.0))
    return scores


def _frame_evidence(
    resolver: PathResolver, frames: Iterable[Frame], tests: Collection[str]
) -> dict[str, float]:
    """Return 1 for the file where the exception came from, less for each caller's."""
    each = [resolver.files(frame.path) for frame in frames]
    known = [shares for shares in each if shares.keys() - tests]
    return _highest(
        {path: share * OUTWARD**distance for path, share in shares.items()}
        for distance, shares in enumerate(reversed(known))
    )


def _defining_files(index: Index, named: Terms, tests: Collection[str]) -> dict[str, float]:
    """Return how much of what the issue names a file defines; what many define counts little."""
    marked = set(_identifiers(named.marked))
    scores: dict[str, float] = {}
    for name in _identifiers(named.names):
        paths = [path for path in index.defining.get(name, ()) if path not in tests]
        for path in paths:
            share = (1.0 if name in marked else UNMARKED) / len(paths)
            scores[path] = scores.get(path, 0.0) + share
    return {path: min(score, 2.0) for path, score in scores.items()}


def _files_with(message: str, index: Index, tests: Collection[str]) -> dict[str, float]:
    """Return the files that hold a message, or the longest part of it that is not filled in."""
    longest = max(re.split(r"[\"'`\d{}<>%()\[\]]+", message), key=len).strip()
    if len(longest) < 12:
        return {}
    code = [path for path, text in index.sources.items() if longest in text and path not in tests]
    return {path: 1 / len(code) for path in code}


def definition_evidence(
    index: Index, named: Terms, symbols: Sequence[Symbol], files: Mapping[str, float]
) -> dict[str, dict[int, float]]:
    """Return the evidence for each definition, by its kind and its number in `symbols`."""
    documents = searchable_definitions(index, symbols)
    evidence = {
        "title": _shares(documents.parts(named.title)),
        "body": _shares(documents.parts(named.words)),
        "names": _shares(documents.wholes(_identifiers(named.names))),
    }
    best = max(files.values(), default=1.0)
    evidence["file"] = {number: files[symbol.path] / best for number, symbol in enumerate(symbols)}
    evidence["named"] = _name_evidence(named, symbols)
    evidence["frame"] = _function_evidence(named, symbols)
    return evidence


def weigh_definitions(
    evidence: Mapping[str, Mapping[int, float]], symbols: Sequence[Symbol]
) -> list[Hit]:
    """Return the definitions in the order of their weighted evidence."""
    scores = [0.0] * len(symbols)
    for kind, by_number in evidence.items():
        for number, value in by_number.items():
            scores[number] += DEFINITION_WEIGHTS[kind] * value
    hits = [Hit(symbol.path, symbol, scores[number]) for number, symbol in enumerate(symbols)]
    return sorted(hits, key=sort_key)


def _shares(scores: Mapping[int, float]) -> dict[int, float]:
    best = max(scores.values(), default=0.0)
    return {number: score / best for number, score in scores.items()} if best > 0 else {}


def _name_evidence(named: Terms, symbols: Sequence[Symbol]) -> dict[int, float]:
    """Return 1 for a definition named by its qualified name or alone in its name, else less."""
    identifiers = set(_identifiers(named.names))
    marked = set(_identifiers(named.marked))
    count = Counter(symbol.short for symbol in symbols)
    scores: dict[int, float] = {}
    for number, symbol in enumerate(symbols):
        short, around = symbol.short, symbol.name.split(".")[:-1]
        if short in identifiers:
            share = 1.0 if around and around[-1] in identifiers else 1 / count[short]
            scores[number] = share * (1.0 if short in marked else UNMARKED)
    return scores


def _function_evidence(named: Terms, symbols: Sequence[Symbol]) -> dict[int, float]:
    """Return 1 for the function where the exception came from, less for each caller."""
    innermost_first = [
        (frame.function.rpartition(".")[2], posixpath.basename(frame.path))
        for frame in reversed(named.frames)
    ]
    keys = [(symbol.short, posixpath.basename(symbol.path)) for symbol in symbols]
    return {
        number: OUTWARD ** innermost_first.index(key)
        for number, key in enumerate(keys)
        if key in innermost_first
    }


def _best_definitions(definitions: Sequence[Hit]) -> dict[str, float]:
    """Return for each file the score of its best definition, as a share of the best of all."""
    best = max((hit.score for hit in definitions), default=0.0)
    scores: dict[str, float] = {}
    for hit in definitions:
        scores.setdefault(hit.path, hit.score / best if best > 0 else 0.0)
    return scores
