"""The map that a model is shown: short, stable, and about the issue."""

from collections.abc import Callable, Mapping
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from agent.localization.index import Index
from agent.localization.ranking import rank
from agent.localization.repository_map import DEFINITIONS, outline
from agent.localization.source_files import read_sources
from agent.model.protocol import estimate as estimated
from tests.samples import ISSUE, make_project, sandbox_of
from tests.test_index import SHAPES, SOURCES


def repository_map(
    sources: Mapping[str, str], issue: str, most: int, estimate: Callable[[str], int] = estimated
) -> str:
    index = Index(sources)
    return outline(index, rank(index, issue, DEFINITIONS), most, estimate)


def test_the_map_of_a_small_project(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    with sandbox_of(project) as sandbox:
        sources = read_sources(sandbox)

    assert repository_map(sources, ISSUE, 500) == (
        "calc.py\n     4  def mean(values)\n        tests: tests/test_calc.py"
    )


def test_definitions_stand_in_the_order_of_the_file_below_their_class() -> None:
    shown = repository_map(SOURCES, "render_all of HTTPShape\nbut area_of", 500).split("\n")
    at = shown.index("pkg/shapes.py")

    assert shown[at + 1 : at + 5] == [
        "     4  class HTTPShape",
        "     7    def area_of(self)",
        "    11    def render_all(self)",
        "    15  def triangle(base)",
    ]


def test_the_best_is_shown_where_there_is_little_room() -> None:
    shown = repository_map(SOURCES, "render_all fails\nin `HTTPShape`", 30)

    assert shown.startswith("pkg/shapes.py\n")
    assert len(shown) < 90


@given(st.integers(-5, 120), st.sampled_from(["HTTPShape area_of", "blend", "", "test", "quokka"]))
def test_the_map_keeps_its_bound(most: int, issue: str) -> None:
    shown = repository_map(SOURCES, issue, most, len)

    assert len(shown) <= max(0, most)
    assert shown == repository_map(SOURCES, issue, most, len)


def test_room_brings_more_of_the_same() -> None:
    issue = "area_of is wrong"
    small, large = (repository_map(SOURCES, issue, most, len) for most in (120, 4000))

    assert set(small.split("\n")) < set(large.split("\n"))


def test_a_repository_without_source_has_an_empty_map() -> None:
    assert repository_map({}, ISSUE, 500) == ""
    assert repository_map({"a.py": ""}, "", 500) == ""


def test_imports_are_shown_where_there_is_room() -> None:
    sources = {"a.py": f"import os\nfrom sys import (\n    path,\n)\nfrom re import sub\n{SHAPES}"}
    shown = repository_map(sources, "area_of", 500).split("\n")

    assert shown[:3] == ["a.py", "     1  import os", "     5  from re import sub"]
