"""Commands that install a project as of a date."""

from __future__ import annotations

from datetime import UTC, datetime

from agent.intake.install import Moment, gone

MOMENT = Moment(datetime(2019, 11, 1, tzinfo=UTC))
SAID = """error: No solution found when resolving dependencies
cause: Because there are no versions of {name} and pytest depends on {name}>=1.0, we can conclude
hint: `{name}` was filtered by `exclude-newer` to only include packages uploaded before
2019-11-01T00:00:00Z. The latest version satisfying the requirement is v1.4.1, published at
2022-07-08T18:31:40.459Z. Consider using `exclude-newer-package` to override the cutoff.
"""


def test_a_package_that_was_uploaded_again_later_is_let_in() -> None:
    later = gone(SAID.format(name="atomicwrites"), MOMENT)
    assert later is not None
    assert later.options == (
        "--exclude-newer 2019-11-01T00:00:00Z "
        "--exclude-newer-package atomicwrites=2022-07-09T18:31:40Z"
    )
    assert later.options in later.backend_options
    assert gone(SAID.format(name="atomicwrites"), later) is None, "once is enough"
    both = gone(SAID.format(name="other"), later)
    assert both is not None
    assert [name for name, _ in both.late] == ["atomicwrites", "other"]


def test_a_newer_version_than_the_date_is_never_let_in() -> None:
    newer = SAID.replace("there are no versions of {name}", "only {name}<1.0 is available")
    assert gone(newer.format(name="atomicwrites"), MOMENT) is None
    assert gone("error: some other thing", MOMENT) is None
