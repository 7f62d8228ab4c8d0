"""The date as of which packages are resolved, as options of uv."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

BACKENDS = ("setuptools", "setuptools-scm", "wheel", "flit-core", "poetry-core", "hatchling")
EDITABLE_SINCE = datetime(2023, 2, 1, tzinfo=UTC)
"""From this date on, every build backend can install in place (PEP 660); older ones cannot."""

SCRIPTS_BUILT_SINCE = datetime(2019, 2, 7, tzinfo=UTC)
"""The day after setuptools 40.8.0, the first that builds a project of a setup.py alone by PEP 517;
no such project's needs can be read without it."""

REPORTING_SINCE = datetime(2019, 6, 12, tzinfo=UTC)
"""The day after pytest 4.6.3: older ones know neither the options by which results are read (`-o`,
`--rootdir`) nor `-rA`, for which SWE-bench's scripts ask."""
RUNNER_PACKAGES = (
    "pytest", "py", "pluggy", "attrs", "six", "more-itertools", "wcwidth", "packaging", "pyparsing",
    "importlib-metadata", "zipp", "pathlib2", "atomicwrites",
)  # fmt: skip
"""The runner, and what it needs itself."""


@dataclass(frozen=True)
class Moment:
    """The cut-off date of all packages; build backends have a later one.

    `late` are packages of which nothing that old is left in the index, with the date of what is.
    """

    cutoff: datetime
    late: tuple[tuple[str, str], ...] = ()

    @property
    def options(self) -> str:
        """The options that make uv resolve as of the date."""
        late = list(self.late)
        known = {name for name, _ in late}
        if self.cutoff < SCRIPTS_BUILT_SINCE:
            late.append(("setuptools", stamp(SCRIPTS_BUILT_SINCE)))
        if self.cutoff < REPORTING_SINCE:
            since = stamp(REPORTING_SINCE)
            late += [(name, since) for name in RUNNER_PACKAGES if name not in known]
        exceptions = [f"--exclude-newer-package {name}={date}" for name, date in late]
        return " ".join([f"--exclude-newer {stamp(self.cutoff)}", *exceptions])

    @property
    def backend_options(self) -> str:
        """The same, but for build backends, which must know how to install in place."""
        later = stamp(max(self.cutoff, EDITABLE_SINCE))
        exceptions = " ".join(f"--exclude-newer-package {name}={later}" for name in BACKENDS)
        return f"{self.options} {exceptions}"


def stamp(moment: datetime) -> str:
    """Return a moment as uv reads it: to the second, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
