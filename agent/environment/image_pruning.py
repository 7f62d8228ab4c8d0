"""The room that images take: kept below a limit by removing the oldest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tools.base import EngineError
from tools.sandbox.container import ImageInfo

TAGS, BASES = "repair-agent/", "repair-agent/base:"
GIGABYTE = 1e9


class Store(Protocol):
    """What is asked of the engine; see tools.sandbox.engine."""

    def images(self) -> list[ImageInfo]: ...

    def image_bytes(self) -> int: ...

    def remove_image(self, reference: str) -> None: ...


def prune(
    store: Store, limit: float, stays: Callable[[ImageInfo], bool], say: Callable[[str], None]
) -> list[str]:
    """Remove our oldest images and layers until all take less than `limit` bytes.

    What `stays` is true of stays, and so do base images and what a container uses. Returns what was
    removed; raises EngineError when the engine cannot be asked.
    """
    size = store.image_bytes()
    if size <= limit:
        return []
    removed: list[str] = []
    for image in sorted(store.images(), key=lambda one: one.created):
        if stays(image):
            continue
        for tag in image.tags:
            if not tag.startswith(TAGS) or tag.startswith(BASES):
                continue
            try:
                store.remove_image(tag)
            except EngineError:  # a container runs on it, or an image of somebody else's
                continue
            removed.append(tag)
        size = store.image_bytes() if removed else size
        if size <= limit:
            break
    if removed:
        say(f"removed {len(removed)} old images: all may take {limit / GIGABYTE:,.0f} GB")
    if size > limit:
        say(f"images take {size / GIGABYTE:,.1f} GB, and none is left that may be removed")
    return removed
