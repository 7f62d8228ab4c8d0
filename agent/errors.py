"""Exit codes, and the errors that carry them to the user.

Exception
├── UserError    (tools.base)   2    the user's words are wrong
│   └── ModelRefused            2    the model's server refused the key, name or request
├── WorldError   (tools.base)   6    the world is wrong: engine, registry, network, disk
│   └── ModelLost               6    the model's server is away or refuses; may have cost money
BaseException
└── Interrupted                 130 or 143: a signal asked us to stop; work so far is saved
"""

from __future__ import annotations

import errno
import signal

from agent.messages import Usage
from tools.base import EngineError, NetworkError, SandboxLost, UserError, WorldError

__all__ = ["EngineError", "NetworkError", "SandboxLost", "UserError", "WorldError"]

EXIT_VERIFIED = 0
EXIT_USER = 2
EXIT_UNVERIFIED = 3
EXIT_DIVERGED = 3
EXIT_DISAGREE = 4
EXIT_NO_PATCH = 5
EXIT_WORLD = 6


class ModelRefused(UserError):
    """The model's server refused the very first request: the key, the name, or what it asks."""


class ModelLost(WorldError):
    """The model can no longer be asked; `usage` is what the last request cost all the same.

    `too_late` when the server might have answered in time, had there been more of it.
    """

    def __init__(
        self, message: str, hint: str, usage: Usage | None = None, *, too_late: bool = False
    ) -> None:
        super().__init__(message, hint)
        self.usage = usage or Usage()
        self.too_late = too_late


class Interrupted(BaseException):
    """SIGINT or SIGTERM arrived; not an Exception, so that no broad handler can swallow it."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number, self.exit_code = number, 128 + number


def from_os_error(error: OSError) -> WorldError:
    """Return a disk error as the line that a user can act on."""
    where = f": {error.filename}" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return WorldError(f"the disk is full{where}", "free some, or choose another -o folder")
    if error.errno == errno.EROFS:
        return WorldError(f"the disk is read-only{where}", "choose another -o folder")
    if error.errno in (errno.EACCES, errno.EPERM):
        return WorldError(f"permission denied{where}", "choose a folder that you may write")
    return WorldError(f"{error.strerror or error}{where}")
