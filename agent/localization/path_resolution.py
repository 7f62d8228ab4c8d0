"""Which file a path or a dotted name means that was written somewhere else."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from itertools import takewhile


class PathResolver:
    """Finds the files of a repository that an issue mentions."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._by_name: dict[str, list[list[str]]] = {}
        self._by_module: dict[str, list[list[str]]] = {}
        for path in paths:
            parts = path.split("/")
            self._by_name.setdefault(parts[-1], []).append(parts)
            module = [*parts[:-1], posixpath.splitext(parts[-1])[0]]
            module = module[:-1] if module[-1] == "__init__" else module
            if module:
                self._by_module.setdefault(module[-1], []).append([*module, path])

    def files(self, mention: str) -> dict[str, float]:
        """Return the files that a path, here or on another machine, may mean; they share 1."""
        parts = [part for part in mention.split("/") if part not in ("", ".", "..")]
        known = self._by_name.get(parts[-1], []) if parts else []
        common = {"/".join(path): _common_tail(path, parts) for path in known}
        best = max(common.values(), default=0)
        # A file name that agrees says little where both paths have folders that do not.
        return _shares(
            path
            for path, length in common.items()
            if length == best and (length > 1 or length == len(parts) or "/" not in path)
        )

    def modules(self, name: str) -> dict[str, float]:
        """Return the files that the longest known beginning of a dotted name may mean; share 1."""
        parts = name.split(".")
        for length in range(len(parts), 1, -1):
            head = parts[:length]
            known = self._by_module.get(head[-1], [])
            found = _shares(i[-1] for i in known if _common_tail(i[:-1], head) == length)
            if found:
                return found
        return {}


def _shares(paths: Iterable[str]) -> dict[str, float]:
    chosen = list(paths)
    return {path: 1 / len(chosen) for path in chosen}


def _common_tail(one: list[str], other: list[str]) -> int:
    """Return how many parts two paths have in common at their ends."""
    pairs = zip(reversed(one), reversed(other), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
