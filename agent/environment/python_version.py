"""Which Python a project is run with: pure functions over its build files and a date."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from agent.environment.build_files import parse_ini, parse_toml
from tools.base import UserError

RELEASED = {
    version: datetime.fromisoformat(day).replace(tzinfo=UTC)
    for version, day in {
        "3.6": "2016-12-23",
        "3.7": "2018-06-27",
        "3.8": "2019-10-14",
        "3.9": "2020-10-05",
        "3.10": "2021-10-04",
        "3.11": "2022-10-24",
        "3.12": "2023-10-02",
        "3.13": "2024-10-07",
        "3.14": "2025-10-07",
    }.items()
}
"""First releases of the interpreters that are used. Source: their release schedules (PEPs)."""
SETTLED = timedelta(days=180)
"""How long packages, test runners first, take to follow a new interpreter."""
CLASSIFIER = re.compile(r"Programming Language :: Python :: (3\.\d+)")
TOX_ENVIRONMENT = re.compile(r"\bpy(?:\{([\d.,]+)\}|(3\.?\d+)\b)")
NAMED = re.compile(r"""(?<![\w.@/-])(3\.\d+)(?![\w.-])""")
"""A version in the files of continuous integration or nox; no patch release, no 3.9-dev."""
REQUIRES = re.compile(r"""python_requires\s*=\s*[(\s]*["']([^"']+)["']""")
CARET = re.compile(r"\^\s*(\d+)((?:\.\d+)*)")
TILDE = re.compile(r"~\s*(\d+\.\d+(?:\.\d+)*)")


@dataclass(frozen=True)
class Declared:
    """What a project declares: `requires` as written ("" for nothing) and the tested versions."""

    requires: str = ""
    tested: tuple[str, ...] = ()


def read_declared(files: Mapping[str, str]) -> Declared:
    """Read the texts of build files and of files that tell what is tested, running none of them.

    `files` are by name: pyproject.toml, setup.cfg, setup.py, tox.ini, noxfile.py, and those of
    continuous integration.
    """
    requires = (
        _from_pyproject(files.get("pyproject.toml", ""))
        or parse_ini(files.get("setup.cfg", ""))
        .get("options", {})
        .get("python_requires", "")
        .strip()
        or _from_setup_py(files.get("setup.py", ""))
    )
    found = {version for name, text in files.items() for version in _tested(name, text)}
    return Declared(requires, tuple(sorted(found & set(RELEASED), key=_order)))


def _tested(name: str, text: str) -> set[str]:
    """Return the versions that a file says the project is tested with."""
    if name in ("pyproject.toml", "setup.cfg", "setup.py", "tox.ini"):
        lists = [part for found in TOX_ENVIRONMENT.findall(text) for part in found if part]
        numbers = re.findall(r"3\.?(\d+)", ",".join(lists)) if "tox" in name + text else []
        return {*CLASSIFIER.findall(text), *(f"3.{number}" for number in numbers)}
    return set(NAMED.findall(text))


def candidates(project: Declared, date: datetime, wanted: str | None = None) -> tuple[str, ...]:
    """Return the versions to try in order: newest supported at the date, newer, then older ones.

    `wanted` wins over everything. Raises UserError when it is no version, or none fits the project.
    """
    if wanted is not None:
        found = re.fullmatch(r"(3\.\d{1,2})(?:\.\d+)?", wanted.strip())
        if not found:
            raise UserError(f"{wanted!r} is no Python version", "write it like 3.9")
        return (found[1],)
    allowed = [version for version in RELEASED if _allows(project.requires, version)]
    if not allowed:
        raise UserError(
            f"the project asks for Python {project.requires}, known are 3.6 to {[*RELEASED][-1]}",
            "name an image with --image, or a version with `python` in the task file",
        )
    supported = _supported(project, allowed, date) or allowed[:1]
    newer = [version for version in allowed if _order(version) > _order(supported[-1])]
    older = [version for version in allowed if _order(version) < _order(supported[-1])]
    return (supported[-1], *newer, *reversed(older))


def cutoff(date: datetime, version: str) -> datetime:
    """Return the moment as of which dependencies are resolved: a runner must know its Python."""
    return max(date, RELEASED[version] + SETTLED) if version in RELEASED else date


def _supported(project: Declared, allowed: list[str], date: datetime) -> list[str]:
    if project.tested:
        return [one for one in allowed if one in project.tested and RELEASED[one] <= date]
    return [one for one in allowed if RELEASED[one] + SETTLED <= date]


def _order(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _allows(requires: str, version: str) -> bool:
    """Tell whether any patch release of a version is allowed; a broken requirement allows all."""
    try:
        specifiers = SpecifierSet(requires)
    except InvalidSpecifier:
        return True
    return any(specifiers.contains(f"{version}.{patch}") for patch in (0, 1, 5, 10, 99))


def _from_pyproject(text: str) -> str:
    table = parse_toml(text)
    requires = _at(table, "project", "requires-python")
    poetry = _at(table, "tool", "poetry", "dependencies", "python")
    if isinstance(requires, str):
        return requires
    return _plain(poetry) if isinstance(poetry, str) else ""


def _at(table: object, *keys: str) -> object:
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table


def _plain(requirement: str) -> str:
    """Return poetry's form of a requirement in the standard one: ^3.7 is >=3.7,<4."""
    text = CARET.sub(lambda found: f">={found[1]}{found[2]},<{int(found[1]) + 1}", requirement)
    text = TILDE.sub(lambda found: f"~={found[1]}.0", text) if "~=" not in text else text
    return "" if text.strip() == "*" else text


def _from_setup_py(text: str) -> str:
    """Return a literal `python_requires`, of the call or of a variable with a like name."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):  # Python 2, or something that is no Python at all
        nodes = []
    for node in nodes:
        match node:
            case ast.keyword(arg="python_requires", value=ast.Constant(value=str(requires))):
                return requires
    found = REQUIRES.search(text)
    return found[1] if found else ""
