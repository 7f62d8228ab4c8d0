"""Removes what crashed runs left behind: containers, folders and, on demand, images and volumes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from agent.config import Config
from agent.environment.image_pruning import TAGS
from agent.errors import EngineError
from tools.process_owner import OWNER_FILE, PREFIX, owner_lives
from tools.sandbox.container import ContainerInfo, ImageInfo
from tools.sandbox.engine import Engine


@dataclass
class Cleaned:
    """What was removed, as kind and name, the bytes that freed, and why the rest was kept."""

    removed: list[tuple[str, str]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    bytes: int = 0


def run(config: Config, *, images: bool, out: TextIO) -> int:
    """Clean up, print what was removed, and return the exit code."""
    engine, temporary = Engine(config.docker_host), Path(tempfile.gettempdir())
    out.writelines(f"{line}\n" for line in lines(clean(engine, images, temporary)))
    return 0


def clean(engine: Engine, images: bool, temporary: Path) -> Cleaned:
    """Remove what belongs to no living process: containers, and sandbox folders in `temporary`.

    With `images`, also the images, layers and volumes that were made here, unless another process
    of ours lives that may need them. Raises EngineError when the engine cannot be asked.
    """
    before, cleaned = engine.data_bytes(), Cleaned()
    remove_folders(temporary, cleaned)
    dead, living = by_life(engine.containers())
    for container in dead:
        engine.remove(container.name)
        cleaned.removed.append(("container", container.name))
    cleaned.kept += [f"container {container.name}: its process lives" for container in living]
    if images and cleaned.kept:
        cleaned.kept.append("images and volumes: a living process may need them")
    elif images:
        remove_images(engine, removable(engine.images()), cleaned)
        remove_volumes(engine, engine.volumes(), cleaned)
    cleaned.bytes += max(0, before - engine.data_bytes())
    return cleaned


def by_life(containers: Iterable[ContainerInfo]) -> tuple[list[ContainerInfo], list[ContainerInfo]]:
    """Split our containers into those whose process is dead and those whose process lives.

    One without an owner is somebody else's: it has our label from an image of ours.
    """
    ours = [container for container in containers if container.owner]
    dead = [container for container in ours if not owner_lives(container.owner)]
    return dead, [container for container in ours if container not in dead]


def remove_folders(temporary: Path, cleaned: Cleaned) -> None:
    """Remove the folders that this user's dead processes left."""
    for folder in sorted(temporary.glob(f"{PREFIX}*")):
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            if owner_lives((folder / OWNER_FILE).read_text(encoding="utf-8")):
                cleaned.kept.append(f"folder {folder}: its process lives")
                continue
            size = sum(path.lstat().st_size for path in folder.rglob("*"))
            shutil.rmtree(folder)
        except (FileNotFoundError, NotADirectoryError):
            continue  # no sandbox, or one that its own process removes at this moment
        except (OSError, UnicodeDecodeError) as error:
            cleaned.kept.append(f"folder {folder}: {error}")
            continue
        cleaned.removed.append(("folder", str(folder)))
        cleaned.bytes += size


def removable(images: Sequence[ImageInfo]) -> list[str]:
    """Return the tags of ours, and the untagged images that carry our label.

    A label is inherited: an image that somebody built from one of ours keeps its own tags.
    """
    tags = [tag for image in images for tag in image.tags if tag.startswith(TAGS)]
    return tags + [image.digest for image in images if not image.tags]


def remove_images(engine: Engine, references: Sequence[str], cleaned: Cleaned) -> None:
    """Remove images, each after those built on it."""
    left, tried = list(references), 0
    while len(left) != tried:
        tried, refused = len(left), {}
        for reference in left:
            if engine.image(reference) is None:
                continue  # it went with the image that was built on it
            try:
                engine.remove_image(reference)
                cleaned.removed.append(("image", reference))
            except EngineError as error:
                refused[reference] = f"image {reference}: {error.message}"
        left = list(refused)
    cleaned.kept += refused.values()


def remove_volumes(engine: Engine, names: Sequence[str], cleaned: Cleaned) -> None:
    """Remove volumes."""
    for name in names:
        try:
            engine.remove_volume(name)
            cleaned.removed.append(("volume", name))
        except EngineError as error:
            cleaned.kept.append(f"volume {name}: {error.message}")


def lines(cleaned: Cleaned) -> Iterator[str]:
    """Yield what was removed, what was kept and why, and the bytes that this freed."""
    yield from (f"removed {kind} {name}" for kind, name in cleaned.removed)
    yield from (f"kept {reason}" for reason in cleaned.kept)
    count = len(cleaned.removed)
    yield f"{count} removed, {cleaned.bytes / 1e6:,.1f} MB freed" if count else "nothing to remove"
