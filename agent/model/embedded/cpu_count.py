"""How many cores there are for us: threads beyond them slow llama.cpp down."""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path

CPUS = Path("/sys/devices/system/cpu")
QUOTA = Path("/sys/fs/cgroup/cpu.max")


def cores(cpus: Path = CPUS, quota: Path = QUOTA) -> int:
    """Return the physical cores that this process may use, at least one."""
    allowed = os.sched_getaffinity(0)
    siblings = {_text(cpus / f"cpu{n}/topology/thread_siblings_list") or str(n) for n in allowed}
    return max(1, min(len(siblings), _limit(quota) or len(siblings)))


def _limit(quota: Path) -> int | None:
    """Return how many cores' time a container's limit is worth."""
    granted, _, period = _text(quota).partition(" ")
    return ceil(int(granted) / int(period)) if granted.isdigit() and period.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
