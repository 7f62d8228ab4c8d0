"""Names for snippets, borrowed from a project's tests."""

from __future__ import annotations

import pytest

from agent.reproduction.snippet_names import (
    free_names,
    imports_of,
    lines_giving,
    main_package,
    module,
    nearest_lines,
)

TESTS = """from __future__ import annotations
import os
from pack import Symbol, area, other
from pack.far import (
    thing,
)
x, y = Symbol("x"), Symbol("y")
HUGE = [MANY]

def test_one():
    local = area(x)
""".replace("MANY", ", ".join("1000" for _ in range(100)))


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("f(x)", ["f", "x"]),
        ("y = len(x)\nprint(y)", ["x"]),
        ("import a.b\na.b.c(d)", ["d"]),
        ("[i for i in r]\nlambda q: q + w", ["r", "w"]),
        ("def g(a):\n    return a\ng(1)", []),
        ("try:\n    f()\nexcept E as e:\n    e", ["f", "E"]),
    ],
)
def test_free_names(code: str, names: list[str]) -> None:
    assert sorted(free_names(code)) == sorted(names)


def test_a_head_gives_names_and_what_these_need() -> None:
    lines, given = lines_giving(["x", "thing", "missing", "HUGE"], TESTS)
    assert lines.split("\n") == [
        "from pack import Symbol",
        "from pack.far import thing",
        "x, y = (Symbol('x'), Symbol('y'))",
    ]
    assert given == {"x", "thing"}


def test_a_whole_head_and_a_broken_file() -> None:
    lines, given = lines_giving(None, TESTS)
    assert "area" in given
    assert "def test_one" not in lines
    assert lines_giving(None, "def (") == ("", set())


def test_the_file_that_gives_most_is_taken_and_the_nearer_of_equals() -> None:
    sources = {
        "tests/test_a.py": "import a",
        "tests/test_b.py": "import a\nimport b",
        "tests/test_c.py": "import a\nimport b",
        "tests/data.py": "import a\nimport b\nimport c",
    }
    path, lines, missing = nearest_lines(sources, list(sources), ["a", "b", "c"])
    assert (path, lines, missing) == ("tests/test_b.py", "import a\nimport b", ["c"])
    assert nearest_lines(sources, [], ["a"]) == ("", "", ["a"])


def test_lines_that_may_import() -> None:
    paths = ["src/pack/__init__.py", "src/pack/far.py", "tests/__init__.py", "tests/test_a.py"]
    defining = {"thing": ["src/pack/far.py", "tests/test_a.py"]}
    assert imports_of("thing", paths, defining) == [
        "from pack import thing",
        "from pack.far import thing",
        "import thing",
    ]
    assert imports_of("np", paths, {}) == ["import numpy as np"]
    assert main_package(paths) == "pack"
    assert main_package(["one.py", "tests/__init__.py"]) == ""
    assert module("pack/__init__.py") == "pack"
