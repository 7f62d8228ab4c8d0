"""How a repository's tests are run: read from its files, none of which is run."""

from __future__ import annotations

import configparser
import re
import shlex
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

PYTEST, UNITTEST = "python -m pytest", "python -m unittest"
OWN_RUNNERS = {"tests/runtests.py": "python tests/runtests.py"}
"""Scripts that set up what the tests need, as Django's and its like have them."""
MANAGED = "manage.py"
COLLECTED = ("test_*.py", "*_test.py")
"""What pytest collects where a project says nothing. Source: its option `python_files`."""
SKIPPED_FOLDERS = (".git", ".tox", ".venv", "venv", "node_modules", "build", "dist")
_UNITTESTS = re.compile(r"^\s*(?:from|import)\s+(?:unittest|django\.test)\b", re.MULTILINE)


def detect(folder: Path) -> str | None:
    """Return the command that runs a repository's tests, None when it has none that are known.

    A script of its own comes first, then what tox runs, then pytest where it would collect files:
    it runs unittest's tests, too, and reports them one by one, as it does those of a
    `bin/test`. `manage.py test` and unittest are for the files that pytest passes over.
    """
    for script, command in OWN_RUNNERS.items():
        if (folder / script).is_file():
            return command
    told = _from_tox(folder)
    if told:
        return told
    files = [path for path in _files(folder) if path.name != "setup.py"]
    patterns = python_files(folder)
    if any(_collected(path, patterns) for path in files):
        return PYTEST
    if any(_has_unittests(path) for path in files):
        managed = f"python {MANAGED} test"
        return managed if (folder / MANAGED).is_file() else UNITTEST
    return None


def python_files(folder: Path) -> tuple[str, ...]:
    """Return the names of files that pytest collects in a repository, as its settings say."""
    for name, section in (
        ("pytest.ini", "pytest"),
        ("tox.ini", "pytest"),
        ("setup.cfg", "tool:pytest"),
    ):
        patterns = _ini(folder / name).get(section, {}).get("python_files", "").split()
        if patterns:
            return tuple(patterns)
    try:
        table = tomllib.loads(_text(folder / "pyproject.toml"))
    except tomllib.TOMLDecodeError:
        return COLLECTED
    options = table.get("tool", {}).get("pytest", {}).get("ini_options", {})
    told = options.get("python_files", ()) if isinstance(options, dict) else ()
    return tuple(told.split() if isinstance(told, str) else told) or COLLECTED


def _from_tox(folder: Path) -> str | None:
    """Return what tox runs where that is unittest or `manage.py test`; pytest is found anyway."""
    commands = _ini(folder / "tox.ini").get("testenv", {}).get("commands", "")
    for line in commands.replace("{posargs}", "").splitlines():
        try:
            words = shlex.split(line.strip().lstrip("-"))
        except ValueError:
            continue
        words = [word for word in words if "{" not in word]
        if words[:3] == ["python", "-m", "unittest"]:
            return UNITTEST
        if words[:2] == ["python", MANAGED] and "test" in words:
            return f"python {MANAGED} test"
    return None


def _collected(path: Path, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(path.name, pattern.rpartition("/")[2]) for pattern in patterns)


def _has_unittests(path: Path) -> bool:
    return "test" in path.stem and bool(_UNITTESTS.search(_text(path)))


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*.py"):
        if not set(path.relative_to(folder).parts) & set(SKIPPED_FOLDERS):
            yield path


def _ini(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(_text(path))
    except configparser.Error:
        return {}
    return {name: dict(parser.items(name)) for name in parser.sections()}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
