"""What a reviewer should look at in the lines that a patch adds."""

from __future__ import annotations

import re

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from agent.records import Risk

_RUNS_AT_INSTALL = re.compile(
    r"(^|/)(setup\.py|setup\.cfg|pyproject\.toml|conftest\.py|pytest\.ini|tox\.ini"
    r"|sitecustomize\.py|Makefile|.*\.pth)$"
    r"|^(\.github|\.gitlab|\.circleci|ci|\.ci)/"
)
_SUSPECT = (
    ("ends the process", re.compile(r"\bos\._exit\b|\batexit\b")),
    ("touches the test runner", re.compile(r"\b(_?pytest|unittest\.case|junitxml)\b")),
    ("starts a process", re.compile(r"\bsubprocess\b|\bos\.(system|popen|exec\w*)\b")),
    ("evaluates text as code", re.compile(r"\b(eval|exec)\s*\(")),
    ("uses the network", re.compile(r"\b(socket|urllib|requests|http\.client)\b")),
)


def risks(patch: str) -> tuple[Risk, ...]:
    """List the risks of a patch by path and line of the new file; added lines only."""
    try:
        files = PatchSet(patch)
    except UnidiffParseError as error:
        return (Risk("unreadable", "", 0, f"the patch cannot be read line by line: {error}"),)
    found = []
    for file in files:
        if _RUNS_AT_INSTALL.search(file.path):
            found.append(Risk("runs in CI or at install time", file.path, 0, file.path))
        if file.is_binary_file:
            found.append(Risk("binary, cannot be read", file.path, 0, file.path))
        for line in (line for hunk in file for line in hunk if line.is_added):
            found += [
                Risk(kind, file.path, line.target_line_no or 0, line.value.strip()[:200])
                for kind, pattern in _SUSPECT
                if pattern.search(line.value)
            ]
    return tuple(found)
