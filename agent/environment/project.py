"""What a repository's files tell of how it is installed and tested, without running them."""

from __future__ import annotations

import ast
import configparser
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agent.environment import python_version, test_command
from agent.environment.python_version import Declared

BUILD_FILES = ("pyproject.toml", "setup.cfg", "setup.py")
TESTED_BY = ("tox.ini", "noxfile.py", ".travis.yml", ".gitlab-ci.yml", "azure-pipelines.yml")
WORKFLOWS = ".github/workflows/*.y*ml"
EXTRAS = "extras_require"
TEST_EXTRAS = ("test", "tests", "testing")
REQUIREMENT_FILES = (
    "requirements.txt", "requirements-test.txt", "requirements-tests.txt", "test-requirements.txt",
    "test_requirements.txt", "requirements_test.txt", "requirements/test.txt",
    "requirements/tests.txt", "tests/requirements.txt",
)  # fmt: skip


@dataclass(frozen=True)
class Project:
    """`manifest` is the file that dependencies are read from, None when it cannot be installed.

    `extras` and `groups` are those for tests; `requirements` are files, relative to the folder.
    `test_command` is None when there are no tests. `tox` tells whether tox has settings for it,
    `setuptools` which file setuptools can install it in place from, as it did before PEP 660.
    """

    declared: Declared
    manifest: str | None
    extras: tuple[str, ...]
    groups: tuple[str, ...]
    requirements: tuple[str, ...]
    test_command: str | None
    tox: bool = False
    setuptools: str | None = None


def examine(folder: Path) -> Project:
    """Read a repository's build files; a file that cannot be parsed tells nothing."""
    texts = _texts(folder, BUILD_FILES)
    workflows = [str(path.relative_to(folder)) for path in sorted(folder.glob(WORKFLOWS))]
    tested_by = _texts(folder, (*TESTED_BY, *workflows))
    extras, groups = _test_extras(texts)
    manifest = _manifest(texts)
    requirements = [name for name in REQUIREMENT_FILES if (folder / name).is_file()]
    if manifest:  # its own dependencies are in the manifest; a root file often pins the docs' too
        requirements = [name for name in requirements if name != "requirements.txt"]
    return Project(
        python_version.declared(texts | tested_by),
        manifest,
        extras,
        groups,
        tuple(requirements),
        test_command.detect(folder),
        tox="tox.ini" in tested_by or "[tox:tox]" in texts.get("setup.cfg", ""),
        setuptools=_setuptools(texts),
    )


def _texts(folder: Path, names: Iterable[str]) -> dict[str, str]:
    return {
        name: (folder / name).read_text(encoding="utf-8", errors="replace")
        for name in names
        if (folder / name).is_file()
    }


def _manifest(texts: dict[str, str]) -> str | None:
    table = _toml(texts.get("pyproject.toml", ""))
    tool = table.get("tool", {})
    if "project" in table or "poetry" in tool or "flit" in tool:
        return "pyproject.toml"
    if "setup.py" in texts:
        return "setup.py"
    if "[metadata]" in texts.get("setup.cfg", ""):
        return "setup.cfg"
    return None


def _setuptools(texts: dict[str, str]) -> str | None:
    """Return setup.py or a setup.cfg with metadata."""
    if "setup.py" in texts:
        return "setup.py"
    return "setup.cfg" if "[metadata]" in texts.get("setup.cfg", "") else None


def _test_extras(texts: dict[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    table = _toml(texts.get("pyproject.toml", ""))
    optional = table.get("project", {}).get("optional-dependencies", {})
    groups = table.get("dependency-groups", {})
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(texts.get("setup.cfg", ""))
    except configparser.Error:
        parser.clear()
    section = "options.extras_require"
    listed = parser.options(section) if parser.has_section(section) else ()
    named = {*optional, *listed, *_extras_of_script(texts.get("setup.py", ""))}
    return (
        tuple(name for name in TEST_EXTRAS if name in named),
        tuple(name for name in TEST_EXTRAS if name in groups),
    )


def _extras_of_script(text: str) -> set[str]:
    """Return the names of extras that a setup.py writes down as a dictionary."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return set()
    values = [
        node.value
        for node in ast.walk(tree)
        if (isinstance(node, ast.keyword) and node.arg == EXTRAS)
        or (isinstance(node, ast.Assign) and EXTRAS in map(ast.unparse, node.targets))
    ]
    keys = [key for value in values if isinstance(value, ast.Dict) for key in value.keys]
    return {
        key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


def _toml(text: str) -> dict[str, dict[str, dict[str, object]]]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}
