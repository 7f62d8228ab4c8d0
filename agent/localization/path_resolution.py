"""Which file a path or a dotted name means that was written somewhere else."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable


class Places:
    """The files of a repository, found by how an issue writes them."""

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
        """Return the files that a path may mean, here or installed elsewhere, sharing 1."""
        parts = [part for part in mention.split("/") if part not in ("", ".", "..")]
        known = self._by_name.get(parts[-1], []) if parts else []
        common = {"/".join(path): _common_tail(path, parts) for path in known}
        best = max(common.values(), default=0)
        # A name alone says little of a path that has folders on both sides.
        chosen = [
            path
            for path, length in common.items()
            if length == best and (length > 1 or length == len(parts) or "/" not in path)
        ]
        return {path: 1 / len(chosen) for path in chosen}

    def modules(self, name: str) -> dict[str, float]:
        """Return the files that a dotted name's longest known beginning may mean, sharing 1."""
        parts = name.split(".")
        for length in range(len(parts), 1, -1):
            head = parts[:length]
            known = self._by_module.get(head[-1], [])
            chosen = [item[-1] for item in known if _common_tail(item[:-1], head) == length]
            if chosen:
                return {path: 1 / len(chosen) for path in chosen}
        return {}


def _common_tail(one: list[str], other: list[str]) -> int:
    length = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        length += 1
    return length
