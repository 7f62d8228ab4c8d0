"""The room that the engine's data take; it answers one such question at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tools.base import EngineError

SECONDS, PAUSE = 120.0, 0.5
"""How long others are waited for: with many images an answer takes seconds."""
BUSY = "already running"
Ask = Callable[[], Any]
"""Asks the engine, or raises EngineError."""


def everything(ask: Ask) -> int:
    """Return the bytes of all layers, volumes and containers' own files."""
    usage = _asked(ask)
    sizes = [int(usage.get("LayersSize") or 0)]
    sizes += [item.get("SizeRw", 0) for item in usage["Containers"] or ()]
    sizes += [max(0, item["UsageData"]["Size"]) for item in usage["Volumes"] or ()]
    return sum(sizes)


def images(ask: Ask, label: str) -> int:
    """Return the bytes of the images that carry a label, shared layers counted once."""
    usage = _asked(ask)
    foreign: int = sum(
        max(0, one["Size"] - max(0, one["SharedSize"]))
        for one in usage["Images"] or ()
        if label not in (one.get("Labels") or {})
    )
    return max(0, int(usage.get("LayersSize") or 0) - foreign)


def _asked(ask: Ask) -> Any:
    """Ask for the usage, again while another process is being answered; raises EngineError."""
    until = time.monotonic() + SECONDS
    while True:
        try:
            return ask()
        except EngineError as error:
            if BUSY not in error.message or time.monotonic() > until:
                raise
            time.sleep(PAUSE)
