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
    """Return at most how many bytes the images that carry a label take.

    The engine tells of no layer whose it is. Both all layers less what others have for themselves,
    and the sum of the images, hold too much: the one what others share, the other what these do.
    """
    usage = _asked(ask)
    ours = others = 0
    for one in usage["Images"] or ():
        if label in (one.get("Labels") or {}):
            ours += one["Size"]
        else:
            others += max(0, one["Size"] - max(0, one["SharedSize"]))
    return min(ours, max(0, int(usage.get("LayersSize") or 0) - others))


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
