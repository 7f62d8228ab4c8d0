"""What a search of a repository finds, and what an issue is ranked to be about."""

from pathlib import Path

import pytest

from agent.localization.index import Index
from agent.localization.ranking import Ranking, all_tests, rank
from agent.localization.source_files import read_sources
from tests.samples import ISSUE, commit, make_project, sandbox_of

SHAPES = '''"""Shapes."""


class HTTPShape:
    """A shape that travels."""

    def area_of(self):
        """Return the surface."""
        return 0

    def render_all(self):
        raise ValueError("cannot draw a hexagon here")


def triangle(base):
    return HTTPShape()
'''
SOURCES = {
    "pkg/__init__.py": "from pkg.shapes import triangle\n",
    "pkg/shapes.py": SHAPES,
    "pkg/colours.py": "def blend(first, second):\n    return first\n",
    "pkg/sub/shapes.py": "def other():\n    pass\n",
    "pkg/web/view.js": "function showPalette() {}\n",
    "tests/test_shapes.py": "def test_triangle():\n    assert triangle(HTTPShape)\n" * 20,
    "docs/shapes.py": SHAPES,
}


def ranked(issue: str, sources: dict[str, str] | None = None) -> Ranking:
    return rank(Index(SOURCES if sources is None else sources), issue, 10)


def first_file(issue: str) -> str:
    return ranked(issue).files[0].path


def test_the_file_and_function_an_issue_names_come_first(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    (project / "other.py").write_text("def median(values):\n    return sorted(values)[1]\n")
    commit(project, "another module")
    with sandbox_of(project) as sandbox:
        sources = read_sources(sandbox)

    ranking = rank(Index(sources), ISSUE, 5)

    assert ranking.files[0].path == "calc.py"
    assert ranking.definitions[0].symbol is not None
    assert ranking.definitions[0].symbol.signature == "def mean(values)"
    assert [hit.path for hit in ranking.tests] == ["tests/test_calc.py"]


@pytest.mark.parametrize(
    "query", ["area_of", "areaOf", "area of", "AREA", "http shape", "HTTPShape"]
)
def test_identifiers_are_found_whole_and_by_their_words(query: str) -> None:
    hits = Index(SOURCES).search(query, 10)

    assert "pkg/shapes.py" in [hit.path for hit in hits]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_search_finds_definitions_too() -> None:
    found = [hit.symbol.name for hit in Index(SOURCES).search("surface", 10) if hit.symbol]

    assert "HTTPShape.area_of" in found


def test_files_of_other_languages_are_found() -> None:
    assert first_file("The palette is wrong\nshowPalette shows nothing") == "pkg/web/view.js"


@pytest.mark.parametrize(
    ("issue", "expected"),
    [
        ("It fails\nSee pkg/colours.py", "pkg/colours.py"),
        ("It fails\nusing pkg.colours.blend on a triangle", "pkg/colours.py"),
        (
            'Crash\nTraceback:\n  File "/x/pkg/__init__.py", line 1, in <module>\n'
            '  File "/x/pkg/sub/shapes.py", line 2, in other\n',
            "pkg/sub/shapes.py",
        ),
        ('Crash\nValueError: cannot draw a hexagon "7"', "pkg/shapes.py"),
    ],
)
def test_what_an_issue_names_decides(issue: str, expected: str) -> None:
    assert first_file(issue) == expected


def test_a_frame_names_the_definition() -> None:
    frame = '  File "/x/pkg/shapes.py", line 12, in render_all\n'
    [best, *_] = ranked(f"Triangle area is wrong\nTraceback:\n{frame}").definitions

    assert best.symbol is not None
    assert best.symbol.name == "HTTPShape.render_all"


def test_tests_are_ranked_apart_and_examples_below() -> None:
    ranking = ranked("HTTPShape has no triangle")

    assert [hit.path for hit in ranking.tests] == ["tests/test_shapes.py"]
    paths = [hit.path for hit in ranking.files]
    assert paths.index("pkg/shapes.py") < paths.index("docs/shapes.py")


def test_everything_below_a_folder_of_tests_is_a_test() -> None:
    files = [
        "tests/forms/tests.py",
        "tests/forms/models.py",
        "lib/test/client.py",
        "lib/testing.py",
    ]

    assert all_tests(files) == {"tests/forms/tests.py", "tests/forms/models.py"}


def test_nothing_ranks_without_files_or_common_words() -> None:
    empty = Ranking((), (), ())

    assert ranked("HTTPShape", {}) == empty
    assert ranked("zyzzyva quokka") == empty
    assert ranked("") == empty
    assert Index({}).search("anything", 5) == []
    assert Index(SOURCES).search("", 5) == Index(SOURCES).search("'\"\0*", 5) == []


def test_a_ranking_is_the_same_each_time_and_in_any_order_of_files() -> None:
    backwards = dict(reversed(SOURCES.items()))

    assert ranked("triangle of HTTPShape") == ranked("triangle of HTTPShape")
    assert ranked("triangle of HTTPShape", backwards) == ranked("triangle of HTTPShape")


def test_an_earlier_search_changes_no_later_one() -> None:
    index = Index(SOURCES)
    index.search("blend", 10)

    assert rank(index, "area_of HTTPShape", 10) == ranked("area_of HTTPShape")


def test_an_issue_of_any_length_is_ranked() -> None:
    dotted = ".".join(f"name{number}" for number in range(5000))

    assert first_file(f"HTTPShape\n`{dotted}`\n{dotted}") == "pkg/shapes.py"
