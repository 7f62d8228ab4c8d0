"""Images are kept below a limit: the oldest go, and never what is needed."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.environment.image_pruning import prune
from tools.base import EngineError
from tools.sandbox.container import ImageInfo


@dataclass
class Store:
    """An engine with images of a size each."""

    sizes: dict[str, int]
    created: dict[str, str]
    used: set[str] = field(default_factory=set)

    def images(self) -> list[ImageInfo]:
        return [ImageInfo((tag,), tag, size, created=self.created[tag])
                for tag, size in self.sizes.items()]  # fmt: skip

    def image_bytes(self) -> int:
        return sum(self.sizes.values())

    def remove_image(self, reference: str) -> None:
        if reference in self.used:
            raise EngineError(f"{reference} is in use")
        del self.sizes[reference]


BASE, NEW = "repair-agent/base:a", "repair-agent/tool:new"
OLD, USED, LAYER = "repair-agent/tool:old", "repair-agent/tool:used", "repair-agent/layer:a"
THEIRS = "somebody/else:1"


def store() -> Store:
    tags = [BASE, THEIRS, USED, OLD, LAYER, NEW]
    dates = {tag: f"2026-01-0{day}T00:00:00Z" for day, tag in enumerate(tags, 1)}
    return Store(dict.fromkeys(tags, 10), dates, {USED})


def is_new(image: ImageInfo) -> bool:
    return NEW in image.tags


def test_below_the_limit_nothing_is_removed() -> None:
    full = store()
    assert prune(full, 60, is_new, print) == []
    assert len(full.sizes) == 6


def test_the_oldest_go_until_there_is_room() -> None:
    full = store()
    said: list[str] = []
    assert prune(full, 50, is_new, said.append) == [OLD]
    assert said == ["removed 1 old images: all may take 0 GB"]


def test_what_is_needed_stays_and_the_rest_is_said() -> None:
    full = store()
    said: list[str] = []
    assert prune(full, 1, is_new, said.append) == [OLD, LAYER]
    assert set(full.sizes) == {BASE, THEIRS, USED, NEW}
    assert "none is left that may be removed" in said[-1]
