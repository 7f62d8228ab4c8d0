"""How a repository's tests are run: read from its files, none of which is run."""

from __future__ import annotations

import re
import shlex
from fnmatch import fnmatchcase
from pathlib import Path

from agent.environment.build_files import parse_ini, parse_toml, read_text

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
    by_tox = _from_tox(folder)
    if by_tox:
        return by_tox
    files = [
        path
        for path in folder.rglob("*.py")
        if path.name != "setup.py"
        and not set(path.relative_to(folder).parts) & set(SKIPPED_FOLDERS)
    ]
    patterns = [pattern.rpartition("/")[2] for pattern in python_files(folder)]
    if any(fnmatchcase(path.name, pattern) for path in files for pattern in patterns):
        return PYTEST
    if any("test" in path.stem and _UNITTESTS.search(read_text(path)) for path in files):
        return f"python {MANAGED} test" if (folder / MANAGED).is_file() else UNITTEST
    return None


def python_files(folder: Path) -> tuple[str, ...]:
    """Return the names of files that pytest collects in a repository, as its settings say."""
    for name, section in (
        ("pytest.ini", "pytest"),
        ("tox.ini", "pytest"),
        ("setup.cfg", "tool:pytest"),
    ):
        patterns = (
            parse_ini(read_text(folder / name)).get(section, {}).get("python_files", "").split()
        )
        if patterns:
            return tuple(patterns)
    table = parse_toml(read_text(folder / "pyproject.toml"))
    options = table.get("tool", {}).get("pytest", {}).get("ini_options", {})
    setting = options.get("python_files", ()) if isinstance(options, dict) else ()
    return tuple(setting.split() if isinstance(setting, str) else setting) or COLLECTED


def _from_tox(folder: Path) -> str | None:
    """Return what tox runs where that is unittest or `manage.py test`; pytest is found anyway."""
    commands = parse_ini(read_text(folder / "tox.ini")).get("testenv", {}).get("commands", "")
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
