"""Commands that install a project in place, with and without PEP 660."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agent.environment.as_of_date import Moment
from agent.environment.install import dependencies, in_place
from agent.environment.project import Project
from agent.environment.python_version import Declared

MOMENT = Moment(datetime(2019, 11, 1, tzinfo=UTC))
PROJECT = Project(Declared(), "pyproject.toml", (), (), (), None)


@pytest.mark.parametrize(
    ("setuptools", "last"),
    [
        ("setup.py", "python setup.py develop --no-deps"),
        ("setup.cfg", "python -c 'import setuptools; setuptools.setup()' develop --no-deps"),
        (None, "-e ."),
    ],
)
def test_setuptools_installs_in_place_as_it_did_before_pep_660(
    setuptools: str | None, last: str
) -> None:
    first, *more = in_place(replace(PROJECT, setuptools=setuptools), MOMENT)
    assert first.endswith(" -e .")
    assert [first, *more][-1].endswith(last)
    assert len(more) == bool(setuptools)


def test_bytecode_is_compiled_where_uv_can() -> None:
    assert "--compile-bytecode" in dependencies("six==1.15.0", MOMENT, "3.7")
    assert "--compile-bytecode" not in dependencies("six==1.15.0", MOMENT, "3.6")
