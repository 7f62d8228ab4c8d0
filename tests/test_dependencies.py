"""What a project needs as of a date: what is let in later, and which way is taken first."""

from __future__ import annotations

from datetime import UTC, datetime

from agent.environment.as_of_date import Moment
from agent.environment.dependencies import Way, admit_deleted, ways
from agent.environment.project import Project
from agent.environment.python_version import Declared

MOMENT = Moment(datetime(2019, 11, 1, tzinfo=UTC))
SAID = """error: No solution found when resolving dependencies
cause: Because there are no versions of {name} and pytest depends on {name}>=1.0, we can conclude
hint: `{name}` was filtered by `exclude-newer` to only include packages uploaded before
2019-11-01T00:00:00Z. The latest version satisfying the requirement is v1.4.1, published at
2022-07-08T18:31:40.459Z. Consider using `exclude-newer-package` to override the cutoff.
"""


def test_a_package_that_was_uploaded_again_later_is_let_in() -> None:
    later = admit_deleted(SAID.format(name="atomicwrites"), MOMENT)
    assert later is not None
    assert later.options == (
        "--exclude-newer 2019-11-01T00:00:00Z "
        "--exclude-newer-package atomicwrites=2022-07-09T18:31:40Z"
    )
    assert later.options in later.backend_options
    assert admit_deleted(SAID.format(name="atomicwrites"), later) is None, "once is enough"
    both = admit_deleted(SAID.format(name="other"), later)
    assert both is not None
    assert [name for name, _ in both.late] == ["atomicwrites", "other"]


def test_one_that_was_let_in_too_little_is_let_in_further() -> None:
    said = SAID.replace("`exclude-newer`", "`exclude-newer-package`")
    later = admit_deleted(
        said.format(name="atomicwrites"), Moment(datetime(2016, 1, 1, tzinfo=UTC))
    )
    assert later is not None
    assert later.options.count("atomicwrites") == 1


def test_a_newer_version_than_the_date_is_never_let_in() -> None:
    newer = SAID.replace("there are no versions of {name}", "only {name}<1.0 is available")
    assert admit_deleted(newer.format(name="atomicwrites"), MOMENT) is None
    assert admit_deleted("error: some other thing", MOMENT) is None


def project(*, extras: tuple[str, ...] = (), files: tuple[str, ...] = ()) -> Project:
    return Project(Declared(), "setup.py", extras, (), files, "python -m pytest")


def test_the_newest_runner_of_then_is_asked_for_before_any_is() -> None:
    assert list(ways(project(), (), "pytest==5.2.1")) == [
        Way("pytest==5.2.1", extras=False, files=False),
        Way("pytest", extras=False, files=False),
    ]
    assert list(ways(project(), (), None)) == [Way("pytest", extras=False, files=False)]


def test_requirement_files_go_before_extras_and_tools_last() -> None:
    found = list(
        ways(project(extras=("test",), files=("requirements-test.txt",)), ("tox",), "p==1")
    )
    assert [way.short_of(found[0]) for way in found[:6]] == [
        "",
        "the newest test runner of then",
        "the requirement files",
        "the newest test runner of then, the requirement files",
        "the test extras, the requirement files",
        "the newest test runner of then, the test extras, the requirement files",
    ]
    assert [way.tools for way in found] == [True] * 6 + [False] * 6
    assert len({*found}) == len(found)


def test_before_2019_a_runner_that_reports_and_setuptools_that_builds_are_let_in() -> None:
    early = Moment(datetime(2015, 7, 27, tzinfo=UTC), (("atomicwrites", "2022-07-09T00:00:00Z"),))
    assert "--exclude-newer-package setuptools=2019-02-07T00:00:00Z" in early.options
    assert "--exclude-newer-package pytest=2019-06-12T00:00:00Z" in early.options
    assert early.options.count("atomicwrites") == 1
    assert "exclude-newer-package" not in MOMENT.options
    assert early.backend_options.endswith("hatchling=2023-02-01T00:00:00Z")
