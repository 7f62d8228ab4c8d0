"""How a repository's tests are run, as its files tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.environment.test_command import COLLECTED, detect, python_files

CASE = "import unittest\n\nclass Sums(unittest.TestCase):\n    def test_one(self): pass\n"
FUNCTION = "def test_one(): pass\n"
TOX = "[testenv]\ncommands =\n    "


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"tests/test_sums.py": FUNCTION}, "python -m pytest"),
        ({"tests/test_sums.py": CASE}, "python -m pytest"),
        ({"bin/test": "", "pkg/tests/test_sums.py": FUNCTION}, "python -m pytest"),
        ({"tests/runtests.py": "", "tests/sums/tests.py": CASE}, "python tests/runtests.py"),
        ({"manage.py": "", "sums/tests.py": CASE}, "python manage.py test"),
        ({"manage.py": "", "sums/tests/test_sums.py": CASE}, "python -m pytest"),
        ({"sums/sumtests.py": CASE}, "python -m unittest"),
        ({"checks/sums.py": FUNCTION, "pytest.ini": "[pytest]\npython_files = sums.py"},
         "python -m pytest"),
        ({"check_sums.py": FUNCTION,
          "pyproject.toml": '[tool.pytest.ini_options]\npython_files = "check_*.py"'},
         "python -m pytest"),
        ({"tests/test_sums.py": CASE, "tox.ini": TOX + "python -m unittest discover {posargs}"},
         "python -m unittest"),
        ({"sums/tests/test_sums.py": CASE, "tox.ini": TOX + "python manage.py test -v 2"},
         "python manage.py test"),
        ({"tests/test_sums.py": CASE, "tox.ini": TOX + "pytest -x {posargs}"},
         "python -m pytest"),
        ({"node_modules/a/test_sums.py": FUNCTION}, None),
        ({"sums.py": "x = 1\n", "setup.py": "import unittest  # test\n"}, None),
        ({"tox.ini": "no [settings", "tests/test_sums.py": FUNCTION}, "python -m pytest"),
    ],
)  # fmt: skip
def test_the_command_is_what_the_files_tell(
    tmp_path: Path, files: dict[str, str], command: str | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert detect(tmp_path) == command


def test_what_is_collected_is_read_from_the_first_settings_that_say(tmp_path: Path) -> None:
    assert python_files(tmp_path) == COLLECTED
    (tmp_path / "setup.cfg").write_text("[tool:pytest]\npython_files = check_*.py *_spec.py\n")
    assert python_files(tmp_path) == ("check_*.py", "*_spec.py")
    (tmp_path / "pytest.ini").write_text("[pytest]\npython_files = a.py\n")
    assert python_files(tmp_path) == ("a.py",)
