"""The values that flow from stage to stage, and their form on disk (`runs/README.md`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Literal

FORMAT = 2
"""The version of the run folder's format; a reader refuses a larger one."""

Status = Literal["verified", "unverified", "disagree", "no_patch"]
Origin = Literal["existing", "reproduction", "probe"]
TestResult = Literal["pass", "fail", "error", "timeout", "tampered"]


@dataclass(frozen=True)
class Comment:
    """One comment on an issue; `edited_at` is when `body` was last changed, where it is known."""

    author: str
    created_at: datetime | None
    body: str
    edited_at: datetime | None = None


@dataclass(frozen=True)
class Task:
    """An issue and the code it is about.

    `source` is where the issue came from (URL, file, dataset row); `repository` is what the user
    named (path, git URL, `pypi:NAME==VERSION`), without credentials; `base_commit` is a full SHA;
    `created_at` bounds what the environment may contain; `notes` say how commit and comments
    were chosen. `dataset` is the one of which the task is a row.
    """

    id: str
    source: str
    repository: str
    base_commit: str
    title: str
    body: str
    comments: tuple[Comment, ...] = ()
    created_at: datetime | None = None
    test_command: str | None = None
    notes: tuple[str, ...] = ()
    dataset: str | None = None

    @property
    def text(self) -> str:
        """The issue as a model reads it: title, body, comments."""
        parts = [self.title, self.body]
        parts += [f"Comment by {comment.author}:\n{comment.body}" for comment in self.comments]
        return "\n\n".join(part.strip() for part in parts if part.strip())


@dataclass(frozen=True)
class Image:
    """The environment that a task's sandboxes are opened from.

    `made` tells how it came about; `local` is a folder on the host without isolation. `toolchain`
    names the interpreter (`Python 3.9.2`). `test_command` runs the tests in the repository's
    folder, None when there are none. `commit` is what changes are taken against where that is not
    the task's: SWE-bench's own images hold what installing changed committed above it.
    """

    reference: str
    digest: str
    made: Literal["pulled", "built", "given", "local"]
    toolchain: str
    test_command: str | None
    log: str = ""
    seconds: float = 0.0
    commit: str = ""


@dataclass(frozen=True)
class Location:
    """Lines of a file, `first` to `last` counted from 1, in which a repair may belong.

    `name` and `signature` are of the definition that stands there, "" where there is none.
    """

    path: str
    name: str
    first: int
    last: int
    signature: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.first}-{self.last} {self.name}".rstrip()


@dataclass(frozen=True)
class Reproduction:
    """Tests made of the issue alone, by path, each of which fails on the clean base for its reason.

    `probes` are the issue's own snippets, `tests` were written by a model that saw no patch;
    `remark` says why there are none of these.
    """

    tests: dict[str, str] = field(default_factory=dict)
    remark: str = ""
    probes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Dropped:
    """A file left out of a patch, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Candidate:
    """A patch as it would be handed over.

    `id` is `<attempt>.<sample>`; `root` is the sample that this one refines, or its own id.
    `key` is equal for textual twins. `tests` maps paths of tests that the attempt wrote to their
    content: they judge other attempts. `merged` are ids of twins that this one stands for.
    """

    id: str
    attempt: int
    root: str
    patch: str
    files: tuple[str, ...]
    dropped: tuple[Dropped, ...] = ()
    key: str = ""
    tests: dict[str, str] = field(default_factory=dict)
    merged: tuple[str, ...] = ()
    applies: bool = True


@dataclass(frozen=True)
class Check:
    """One test id that every candidate runs.

    `author` is the attempt that wrote it, None for tests of the project and for test writers that
    saw no patch. `base` is its result on the clean base. An issue check fails there for the
    issue's reason, given in `reason`.
    """

    id: str
    origin: Origin
    author: int | None = None
    base: TestResult = "pass"
    issue: bool = False
    reason: str = ""


BASE = "base"
"""The clean repository's name where a matrix names candidates."""


@dataclass(frozen=True)
class CheckResult:
    """What one check did with one candidate; `candidate` is BASE for the clean repository.

    `output` is the whole of what it printed when it failed, clipped; "" where it passed, and where
    it failed as on the clean base.
    """

    candidate: str
    check: str
    result: TestResult
    digest: str = ""
    message: str = ""
    seconds: float = 0.0
    output: str = ""

    @property
    def behaviour(self) -> tuple[TestResult, str]:
        """Equal for outcomes that do not set two candidates apart."""
        return self.result, self.digest


@dataclass(frozen=True)
class Matrix:
    """Candidates x checks, and the checks that were dropped as unstable.

    `twins` maps a candidate to those that are textually the same, for which it stands;
    `inapplicable` are candidates that do not apply to a clean checkout.
    """

    checks: tuple[Check, ...]
    outcomes: tuple[CheckResult, ...]
    unstable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    twins: dict[str, tuple[str, ...]] = field(default_factory=dict)
    inapplicable: tuple[str, ...] = ()

    @property
    def candidates(self) -> tuple[str, ...]:
        """The ids of the candidates in the order of their rows, without BASE."""
        return tuple(name for name in self._rows if name != BASE)

    def row(self, candidate: str) -> dict[str, CheckResult]:
        """Return the outcomes of a candidate, or of BASE, by the id of the check."""
        return self._rows.get(candidate, {})

    def column(self, check: str) -> dict[str, CheckResult]:
        """Return the outcomes of a check by the id of the candidate, BASE among them."""
        return {name: row[check] for name, row in self._rows.items() if check in row}

    def outcome(self, candidate: str, check: str) -> CheckResult | None:
        """Return what a check did with a candidate, None where it did not run."""
        return self.row(candidate).get(check)

    @cached_property
    def _rows(self) -> dict[str, dict[str, CheckResult]]:
        rows: dict[str, dict[str, CheckResult]] = {}
        for outcome in self.outcomes:
            rows.setdefault(outcome.candidate, {})[outcome.check] = outcome
        return rows


@dataclass(frozen=True)
class BehaviourClass:
    """Candidates that did the same on every check; `mass` is their share of the samples."""

    candidates: tuple[str, ...]
    mass: float
    issue_checks_passed: int
    regressions: tuple[str, ...]
    tampered: bool = False


@dataclass(frozen=True)
class Risk:
    """Something in the added lines that a reviewer should look at."""

    kind: str
    path: str
    line: int
    text: str


@dataclass(frozen=True)
class Verdict:
    """Which candidate was chosen and how far to trust it.

    `confidence` is 0 to 1, `entropy` is in bits over the classes; both None without a candidate.
    """

    status: Status
    chosen: str | None
    classes: tuple[BehaviourClass, ...]
    confidence: float | None
    entropy: float | None
    risks: tuple[Risk, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Counts:
    """Token counts of a result."""

    prompt: int
    completion: int
    cached: int


@dataclass(frozen=True)
class Result:
    """The summary of one task: what `--json` prints and `result.json` holds."""

    task_id: str
    status: Status
    patch: str | None
    confidence: float | None
    entropy: float | None
    attempts: int
    candidates: int
    classes: int
    tokens: Counts
    cost_usd: float | None
    seconds: float
    model: str
    image: str
    errors: tuple[str, ...] = ()
