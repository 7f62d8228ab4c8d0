"""What every tool is made of, and the errors of this layer.

Exception
├── ToolError       the model reads it and goes on
├── EpisodeOver     the attempt ends; its work is harvested
├── UserError       the user's words are wrong; exit code 2
└── WorldError      the world is wrong; exit code 6
    ├── EngineError     the Docker engine
    ├── SandboxLost     a sandbox that died under us; the attempt is retried once
    └── NetworkError    a registry, hub or git server
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

EndReason = Literal[
    "submitted",
    "steps",
    "seconds",
    "tokens",
    "usd",
    "no_reply",
    "format",
    "stuck",
    "refusal",
    "context",
    "model_lost",
    "interrupted",
    "sandbox_lost",
]
"""Why an attempt ended."""


class ToolError(Exception):
    """A mistake of the model's; the text tells it what to do next."""


class EpisodeOver(Exception):
    """The end of an attempt: `reason` is recorded, `detail` explains it."""

    def __init__(self, reason: EndReason, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason
        self.detail = detail


class Explained(Exception):
    """An error that is shown to the user as one line and, where there is one, a remedy."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UserError(Explained):
    """The user must change an option, a file or an id."""


class WorldError(Explained):
    """The user must mend something outside the program: engine, network, disk.

    `answer` is what an engine or a registry said, in its own words.
    """

    def __init__(self, message: str, hint: str = "", *, answer: str = "") -> None:
        super().__init__(message, hint)
        self.answer = answer


class EngineError(WorldError):
    """The Docker engine is away or refused."""


class SandboxLost(WorldError):
    """The sandbox died while it was in use; never the model's fault."""


class NetworkError(WorldError):
    """A registry, hub or git server did not answer as it should."""


@dataclass(frozen=True)
class ToolCall:
    """A call as the model wrote it: `arguments` is the JSON text, not yet checked."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class TestCounts:
    """How many tests of one run ended in each way."""

    __test__ = False  # the name is the field's; pytest is not to collect it

    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0

    @property
    def green(self) -> bool:
        """True when tests ran and none failed."""
        return not self.failed and not self.errors and self.passed > 0


@dataclass(frozen=True, kw_only=True)
class ToolResult:
    """What came of a tool call.

    `text` is what the model sees, clipped. `error` marks a call that was refused. `exit_code` and
    `timed_out` are of the command that ran, `tests` of the tests that ran. `changed` are the
    repository's files that it changed, None where that is not known. `seconds` is wall time.
    """

    text: str
    error: bool = False
    exit_code: int | None = None
    timed_out: bool = False
    tests: TestCounts | None = None
    changed: tuple[str, ...] | None = None
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """True when the call was refused, its command ended badly, or one of its tests failed."""
        bad_end = self.timed_out or self.exit_code not in (None, 0)
        return self.error or bad_end or (self.tests is not None and not self.tests.green)


class Tool(Protocol):
    """One tool: `arguments` is a frozen dataclass whose fields make the JSON schema."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def arguments(self) -> type[Any]: ...

    def __call__(self, arguments: Any) -> str | ToolResult:
        """Act and return what came of it, or its text alone; raise ToolError or EpisodeOver."""
