"""How much disk the engine's data take; it answers one such question at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tools.base import EngineError

SECONDS, PAUSE = 120.0, 0.5
"""How long another process's answer is waited for: with many images it takes seconds."""
BUSY = "already running"
Ask = Callable[[], Any]
"""Asks the engine, or raises EngineError."""


def everything(ask: Ask) -> int:
    """Return the bytes of all layers, volumes and containers' own files."""
    usage = _ask_until_free(ask)
    sizes = [int(usage.get("LayersSize") or 0)]
    sizes += [item.get("SizeRw", 0) for item in usage["Containers"] or ()]
    sizes += [max(0, item["UsageData"]["Size"]) for item in usage["Volumes"] or ()]
    return sum(sizes)


def images(ask: Ask, label: str) -> int:
    """Return an upper bound of the bytes that the images with a label take.

    The engine does not say which image a layer belongs to. All layers less what other images have
    for themselves is too much by what those share; the sum of these images is too much by what
    these share. It is the smaller of both.
    """
    usage = _ask_until_free(ask)
    ours = others = 0
    for one in usage["Images"] or ():
        if label in (one.get("Labels") or {}):
            ours += one["Size"]
        else:
            others += max(0, one["Size"] - max(0, one["SharedSize"]))
    return min(ours, max(0, int(usage.get("LayersSize") or 0) - others))


def _ask_until_free(ask: Ask) -> Any:
    """Ask for the usage, again while another process is being answered; raises EngineError."""
    until = time.monotonic() + SECONDS
    while True:
        try:
            return ask()
        except EngineError as error:
            if BUSY not in error.answer or time.monotonic() > until:
                raise
            time.sleep(PAUSE)
