"""Probes: an issue's snippets as tests, in a real repository with real pytest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.localization.index import Index
from agent.localization.source_files import read_sources
from agent.reproduction.probes import probes
from tests.samples import PYTEST, PYTHON_PATH, git, make_project
from tools.run_tests import run_tests
from tools.sandbox.local import LocalSandbox
from tools.sandbox.protocol import Sandbox

EXTRA = """from calc import mean

LIMIT = 3


class Empty(Exception):
    pass


def first(values):
    if not values:
        raise Empty("nothing in it")
    return values[0]
"""


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    project = make_project(tmp_path / "project")
    (project / "extra.py").write_text(EXTRA)
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "more")
    with LocalSandbox(project, path=PYTHON_PATH) as opened:
        yield opened


def probed(
    sandbox: Sandbox, issue: str, command: str = PYTEST, notes: list[str] | None = None
) -> dict[str, str]:
    index = Index(read_sources(sandbox))
    told: list[str] = [] if notes is None else notes
    before = sandbox.run("git status --porcelain").output
    found = probes(
        sandbox, command, index, ["tests/test_calc.py"], f"Title\n\n{issue}\n", told.append
    )
    assert notes is not None or not told
    assert sandbox.run("git status --porcelain").output == before == "", "nothing is left behind"
    return found


def test_a_stated_result_is_a_probe_with_the_names_that_it_needs(sandbox: Sandbox) -> None:
    found = probed(sandbox, "`mean([1, 2])` gives `1.5` instead of `2`")
    assert list(found) == ["tests/test_snippet_1.py"]
    source = found["tests/test_snippet_1.py"]
    assert "from calc import mean" in source
    assert "assert (mean([1, 2])) == (2)" in source
    sandbox.write("tests/test_snippet_1.py", source.encode())
    assert [r.result for r in run_tests(sandbox, PYTEST, list(found)).reports] == ["fail"]


def test_a_result_may_be_meant_as_it_looks(sandbox: Sandbox) -> None:
    (source,) = probed(sandbox, "`mean([4])` should be `four times`").values()
    assert "str(mean([4])) == 'four times'" in source


@pytest.mark.parametrize(
    ("issue", "why"),
    [
        ("`mean([1, 2])` gives `9` instead of `2`", "it does not give what the issue says"),
        ("`mean([1, 3])` should be `2`", "it does what it should"),
        ("`median([1, 2])` should be `2`", "nobody defines it"),
        ("`mean(unknown)` should be `2`", "a name is not known"),
        ("```python\nmean([])\n```\nThis raises a ValueError.", "another exception is named"),
        ("```python\nmean([1])\n```\nThis raises a ValueError.", "it raises nothing"),
    ],
)
def test_what_does_not_show_the_issue_is_no_probe(sandbox: Sandbox, issue: str, why: str) -> None:
    assert probed(sandbox, issue) == {}, why


def test_a_program_that_raises_what_the_issue_names_is_a_probe(sandbox: Sandbox) -> None:
    (source,) = probed(sandbox, "```python\nmean([])\n```\nZeroDivisionError").values()
    assert "def test_reported():\n    mean([])" in source


@pytest.mark.parametrize(
    "words",
    [
        "This should raise a TypeError, not a ZeroDivisionError",
        "The error message of this ZeroDivisionError helps nobody",
    ],
)
def test_that_an_error_is_the_wrong_one_does_not_mean_there_should_be_none(
    sandbox: Sandbox, words: str
) -> None:
    assert probed(sandbox, f"```python\nmean([])\n```\n{words}.") == {}


def test_a_snippet_that_hangs_is_told_and_takes_no_other_with_it(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.reproduction.probes.SECONDS", 4.0)
    monkeypatch.setattr("agent.reproduction.probes.EACH", 4.0)
    issue = "```python\nwhile mean([1]):\n    pass\n```\n`mean([1, 2])` gives `1.5` not `2`, "
    notes: list[str] = []
    (source,) = probed(sandbox, f"{issue}`mean([1, 2])` should be `2`", notes=notes).values()
    assert "assert (mean([1, 2])) == (2)" in source
    assert len(notes) == 1
    assert "did not end within 4 s" in notes[0]


def test_names_come_from_where_they_are_defined(sandbox: Sandbox) -> None:
    issue = "```python\nfrom extra import LIMIT\nassert first([LIMIT]) == 4\n```"
    (source,) = probed(sandbox, issue).values()
    assert source.startswith("from extra import LIMIT\nfrom extra import first\n")


def test_a_later_block_goes_on_where_an_earlier_one_ended(sandbox: Sandbox) -> None:
    issue = (
        "```python\nfrom extra import first\nnone = []\nunused = 1\n```\nThis is fine:\n"
        "```python\nfirst(none + [1])\n```\nThis raises EmptyError, an Empty:\n"
        "```python\nfirst(none)\n```\n"
    )
    assert probed(sandbox, issue) == {}, "an exception of another name"
    (source,) = probed(
        sandbox, issue.replace("first(none)\n", "assert first(none + [2]) == 3\n")
    ).values()
    assert source.startswith("from extra import first\n")
    assert "    none = []\n    assert first(none + [2]) == 3" in source
    assert "unused" not in source


def test_only_pytest_tells_why_a_test_fails(sandbox: Sandbox) -> None:
    assert probed(sandbox, "`mean([1, 2])` should be `2`", "make check") == {}
