"""Which Python versions are tried for a project, in which order."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.environment.python_version import RELEASED, Declared, candidates, cutoff, read_declared
from tools.base import UserError


def at(year: int, month: int = 7) -> datetime:
    return datetime(year, month, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("files", "requires"),
    [
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.8"'}, ">=3.8"),
        ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.7"'}, ">=3.7,<4"),
        ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "~3.7"'}, "~=3.7.0"),
        ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "*"'}, ""),
        ({"setup.cfg": "[options]\npython_requires = >=3.6\n"}, ">=3.6"),
        ({"setup.py": "setup(name='x', python_requires='>=3.5, !=3.6.*')"}, ">=3.5, !=3.6.*"),
        ({"setup.py": "print 'old'\nsetup(python_requires='>=2.7')"}, ">=2.7"),
        ({"setup.py": "setup(python_requires=minimum())"}, ""),
        ({"pyproject.toml": "not = [toml", "setup.cfg": "nor this"}, ""),
    ],
)
def test_requirements_are_read_without_running_anything(
    files: dict[str, str], requires: str
) -> None:
    assert read_declared(files).requires == requires


def test_classifiers_are_read_from_any_file() -> None:
    versions = ("3.10", "3.6")
    text = "\n".join(f"    'Programming Language :: Python :: {number}'," for number in versions)
    assert read_declared({"setup.py": text}).tested == ("3.6", "3.10")


@pytest.mark.parametrize(
    ("name", "text", "tested"),
    [
        ("tox.ini", "[tox]\nenvlist = py{36,310},py39-du12,pypy3", ("3.6", "3.9", "3.10")),
        ("tox.ini", "[tox]\nenvlist = py3.11, py27, flake8", ("3.11",)),
        ("noxfile.py", '@nox.session(python=["3.8", "3.9"])', ("3.8", "3.9")),
        (".travis.yml", "python:\n  - 3.6\n  - '3.7'\n  - 3.8-dev\n  - 3.7.4\n", ("3.6", "3.7")),
        (".github/workflows/a.yml", "uses: b@v3.6\npython-version: ['3.9', 3.10]", ("3.9", "3.10")),
        ("setup.py", "version = 'py310'", ()),
    ],
)  # fmt: skip
def test_versions_are_read_from_what_runs_the_tests(
    name: str, text: str, tested: tuple[str, ...]
) -> None:
    assert read_declared({name: text}).tested == tested


def test_newest_supported_then_newer_then_older() -> None:
    tested = Declared(tested=("3.4", "3.5", "3.6"))
    assert candidates(tested, at(2017))[:4] == ("3.6", "3.7", "3.8", "3.9")
    bounded = Declared(requires=">=3.6,<3.9")
    assert candidates(bounded, at(2020)) == ("3.8", "3.7", "3.6")
    assert candidates(Declared(requires=">=3.9"), at(2018))[:2] == ("3.9", "3.10")


def test_a_new_interpreter_settles_before_it_is_assumed() -> None:
    assert candidates(Declared(), at(2023, 11))[0] == "3.11"
    assert candidates(Declared(), at(2024, 5))[0] == "3.12"


def test_an_explicit_version_wins() -> None:
    assert candidates(Declared(requires=">=3.12"), at(2024), "3.9.2") == ("3.9",)
    with pytest.raises(UserError, match="no Python version"):
        candidates(Declared(), at(2024), "three")


def test_a_project_for_another_python_is_refused() -> None:
    with pytest.raises(UserError, match=r"asks for Python <3"):
        candidates(Declared(requires="<3"), at(2015))


def test_a_runner_is_never_older_than_its_interpreter() -> None:
    assert cutoff(at(2017), "3.9") == datetime(2021, 4, 3, tzinfo=UTC)
    assert cutoff(at(2024), "3.9") == at(2024)


@given(
    st.lists(st.sampled_from([*RELEASED]), unique=True),
    st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1)),
)
def test_every_version_is_tried_once(classified: list[str], moment: datetime) -> None:
    tried = candidates(Declared(tested=tuple(classified)), moment.replace(tzinfo=UTC))
    assert sorted(tried) == sorted(RELEASED)
