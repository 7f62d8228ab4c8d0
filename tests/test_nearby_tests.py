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


def test_a_folder_of_folders_of_tests_holds_tests_alone() -> None:
    files = [
        "tests/aggregation/tests.py",
        "tests/aggregation/models.py",
        "lib/testing/tests/test_a.py",
    ]
    assert is_test("tests/aggregation/models.py", files)
    assert is_test("tests/other/models.py", files)
    assert not is_test("lib/testing/utils.py", files)


def test_tests_named_after_parts_of_a_path_are_near_it() -> None:
    files = ["tests/test_ext_autodoc.py", "tests/test_ext.py", "tests/test_build_ext.py"]
    touched = ["sphinx/ext/autodoc/importer.py"]
    assert nearby(touched, files, [], 9) == ["tests/test_ext.py", "tests/test_ext_autodoc.py"]
    assert nearby(touched, ["tests/tests.py"], [], 9) == []


def test_tests_that_import_a_package_are_near_what_is_in_it(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    for name, line in {
        "src/tool/inner/deep.py": "X = 1", "tests/test_one.py": "import tool",
        "tests/test_two.py": "from tool.inner import X", "tests/test_three.py": "import toolbox",
        "src/tool/use.py": "from tool.inner import X",
    }.items():  # fmt: skip
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(f"{line}\n")
    commit(project, "a package")
    with sandbox_of(project) as sandbox:
        found = find_nearby(sandbox, ["src/tool/inner/deep.py"], 9)
        assert found == ["tests/test_two.py", "tests/test_one.py"]
        assert find_nearby(sandbox, ["src/tool/inner/deep.py"], 1) == ["tests/test_two.py"]


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
