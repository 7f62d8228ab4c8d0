from pathlib import Path

import pytest

from tests.samples import commit, make_project, sandbox_of
from tools.nearby_tests import find_nearby, is_collected, is_test, nearby

FILES = [
    "pkg/core.py",
    "pkg/testing.py",
    "pkg/test/__init__.py",
    "pkg/test/client.py",
    "pkg/tests/test_core.py",
    "pkg/tests/data/table.csv",
    "pkg/printing/latex.py",
    "pkg/printing/tests/test_latex.py",
    "pkg/printing/tests/test_pretty.py",
    "pkg/other/tests/test_latex.py",
    "app/tests.py",
]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("pkg/tests/test_core.py", True),
        ("pkg/tests/data/table.csv", True),
        ("pkg/tests/conftest.py", True),
        ("conftest.py", True),
        ("app/tests.py", True),
        ("pkg/core_test.py", True),
        ("pkg/test/client.py", False),
        ("pkg/testing.py", False),
        ("pkg/core.py", False),
        ("pkg/latest.py", False),
        ("contest.py", False),
    ],
)
def test_what_counts_as_a_test(path: str, expected: bool) -> None:
    assert is_test(path, FILES) is expected


def test_library_code_called_test_is_not_collected() -> None:
    assert not is_collected("pkg/test/client.py")
    assert is_collected("pkg/tests/test_core.py")


def test_tests_named_after_the_module_come_first_and_the_closer_one_of_those() -> None:
    assert nearby(["pkg/printing/latex.py"], FILES, ["pkg/tests/test_core.py"], 9) == [
        "pkg/printing/tests/test_latex.py",
        "pkg/other/tests/test_latex.py",
        "pkg/tests/test_core.py",
        "pkg/printing/tests/test_pretty.py",
    ]
    assert nearby(["pkg/printing/latex.py"], FILES, [], 1) == ["pkg/printing/tests/test_latex.py"]
    assert nearby(["README.md"], FILES, [], 9) == []


def test_tests_that_import_a_module_are_near_it(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    (project / "tests" / "test_sums.py").write_text("from calc import mean\n")
    (project / "tests" / "test_else.py").write_text("import os\n")
    commit(project, "more tests")
    with sandbox_of(project) as sandbox:
        assert find_nearby(sandbox, ["calc.py"], 9) == [
            "tests/test_calc.py",
            "tests/test_sums.py",
            "tests/test_else.py",
        ]
