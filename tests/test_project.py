"""What a repository's build files tell, without running them."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.environment.project import examine

SCRIPT = "from setuptools import setup\n"


@pytest.mark.parametrize(
    ("files", "extras"),
    [
        ({"setup.py": SCRIPT + "setup(name='a', extras_require={'test': ['x'], 'docs': ['y']})"},
         ("test",)),
        ({"setup.py": SCRIPT + "extras_require = {'testing': ['x'], 'tests': made()}\nsetup()"},
         ("tests", "testing")),
        ({"setup.py": "print 'old'\nsetup(extras_require={'test': []})"}, ()),
        ({"setup.py": SCRIPT + "setup(extras_require=made())"}, ()),
        ({"setup.py": SCRIPT, "setup.cfg": "[options.extras_require]\ntest = x\n"}, ("test",)),
        ({"pyproject.toml": "[project]\nname = 'a'\n[project.optional-dependencies]\ntests = []"},
         ("tests",)),
    ],
)  # fmt: skip
def test_extras_for_tests_are_found(
    tmp_path: Path, files: dict[str, str], extras: tuple[str, ...]
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert examine(tmp_path).extras == extras


def test_setuptools_and_tox_are_told(tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").write_text("[metadata]\nname = a\n[tox:tox]\nenvlist = py38\n")
    found = examine(tmp_path)
    assert (found.manifest, found.setuptools, found.tox) == ("setup.cfg", "setup.cfg", True)
