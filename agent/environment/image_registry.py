"""Images from registries: passing failures are tried again, a silent registry is left alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Semaphore
from time import monotonic, sleep

from tools.base import NetworkError
from tools.sandbox.container import ImageInfo
from tools.sandbox.engine import Engine

ABSENT = (
    "not found", "manifest unknown", "does not exist", "no such image", "denied",
    "invalid reference",
)  # fmt: skip
BUSY = ("too many requests", "toomanyrequests")
PASSING = (*BUSY, "timeout", "timed out", "connection reset", "eof")
PAUSES = (5.0, 20.0, 60.0)
"""Failures that pass by themselves, and the seconds before a pull is tried again."""
SILENT_SECONDS = 600.0
"""How long a registry that did not answer is not asked again: each time would cost minutes."""
_pulling = Semaphore(2)
"""Registries limit how much one address may pull at once."""
_silent_until: dict[str, float] = {}


def pull(
    engine: Engine, reference: str, note: Callable[[str], None], pauses: Sequence[float] = PAUSES
) -> ImageInfo:
    """Pull and return an image; raises NetworkError, which `is_absent` can classify."""
    registry = registry_of(reference)
    for pause in (*pauses, None):
        if monotonic() < _silent_until.get(registry, 0.0):
            reason = f"cannot pull {reference}: {registry} did not answer a while ago"
            raise NetworkError(reason, "check the network, then start it again")
        note(f"pulling {reference}")
        try:
            with _pulling:
                return engine.pull(reference)
        except NetworkError as error:
            if is_absent(error):
                raise
            if pause is None or not _answers(error, PASSING):
                if not _answers(error, BUSY):
                    _silent_until[registry] = monotonic() + SILENT_SECONDS
                raise
            note(f"{error.message}; once more in {pause:.0f} s")
            sleep(pause)
    raise AssertionError("the last pause is None")


def is_absent(error: NetworkError) -> bool:
    """Tell whether a registry answered that it has no such image, or none for us."""
    return _answers(error, ABSENT)


def registry_of(reference: str) -> str:
    """Return the host of an image's name, that of Docker Hub where it names none."""
    first, slash, _ = reference.partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost")
    return first if named else "docker.io"


def _answers(error: NetworkError, marks: tuple[str, ...]) -> bool:
    return any(mark in error.answer.lower() for mark in marks)
