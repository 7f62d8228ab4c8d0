"""What a repository's files tell of how it is installed and tested, without running them."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agent.environment import python_version, test_command
from agent.environment.build_files import parse_ini, parse_toml, read_text
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
    table, ini = parse_toml(texts.get("pyproject.toml", "")), parse_ini(texts.get("setup.cfg", ""))
    extras = {
        *table.get("project", {}).get("optional-dependencies", {}),
        *ini.get("options.extras_require", {}),
        *_extras_of_script(texts.get("setup.py", "")),
    }
    groups = table.get("dependency-groups", {})
    metadata = "setup.cfg" if "[metadata]" in texts.get("setup.cfg", "") else None
    setuptools = "setup.py" if "setup.py" in texts else metadata
    named = "project" in table or {"poetry", "flit"} & set(table.get("tool", {}))
    manifest = "pyproject.toml" if named else setuptools
    requirements = [name for name in REQUIREMENT_FILES if (folder / name).is_file()]
    if manifest:  # its own dependencies are in the manifest; a root file often pins the docs' too
        requirements = [name for name in requirements if name != "requirements.txt"]
    return Project(
        python_version.read_declared(texts | tested_by),
        manifest,
        tuple(name for name in TEST_EXTRAS if name in extras),
        tuple(name for name in TEST_EXTRAS if name in groups),
        tuple(requirements),
        test_command.detect(folder),
        tox="tox.ini" in tested_by or "[tox:tox]" in texts.get("setup.cfg", ""),
        setuptools=setuptools,
    )


def _texts(folder: Path, names: Iterable[str]) -> dict[str, str]:
    return {name: read_text(folder / name) for name in names if (folder / name).is_file()}


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
