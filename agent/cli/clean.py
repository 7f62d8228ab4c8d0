"""Removes what crashed runs left behind: containers, folders and, on demand, images and volumes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from agent.config import Config
from agent.errors import EngineError
from tools.process_owner import OWNER_FILE, PREFIX, owner_lives
from tools.sandbox.container import ContainerInfo, ImageInfo
from tools.sandbox.engine import Engine

TAGS = "repair-agent/"


@dataclass(frozen=True)
class Cleaned:
    """What was removed; `kept` says why the rest was not. `bytes` is what that freed."""

    containers: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    bytes: int = 0


def run(config: Config, *, images: bool, out: TextIO) -> int:
    """Clean up, say what was removed, and return the exit code."""
    cleaned = clean(
        Engine(config.docker_host), images=images, temporary=Path(tempfile.gettempdir())
    )
    out.writelines(f"{line}\n" for line in lines(cleaned))
    return 0


def clean(engine: Engine, *, images: bool, temporary: Path) -> Cleaned:
    """Remove what belongs to no living process: containers, and sandbox folders in `temporary`.

    With `images`, also the images, layers and volumes that were made here, unless another process
    of ours lives that may need them. Raises EngineError when the engine cannot be asked.
    """
    before = engine.data_bytes()
    folders, freed, kept = remove_folders(temporary)
    dead, living = by_life(engine.containers())
    for container in dead:
        engine.remove(container.name)
    kept += [f"container {one.name}: its process lives" for one in living]
    gone_images: tuple[str, ...] = ()
    gone_volumes: tuple[str, ...] = ()
    if images and kept:
        kept.append("images and volumes: a living process may need them")
    elif images:
        gone_images, in_use = remove_images(engine, removable(engine.images()))
        gone_volumes, mounted = remove_volumes(engine, engine.volumes())
        kept += [*in_use, *mounted]
    return Cleaned(
        tuple(container.name for container in dead),
        folders,
        gone_images,
        gone_volumes,
        tuple(kept),
        freed + max(0, before - engine.data_bytes()),
    )


def by_life(
    containers: Iterable[ContainerInfo],
) -> tuple[list[ContainerInfo], list[ContainerInfo]]:
    """Split our containers into those whose process is dead and those whose process lives.

    One without an owner is somebody else's: it has our label from an image of ours.
    """
    ours = [container for container in containers if container.owner]
    dead = [container for container in ours if not owner_lives(container.owner)]
    return dead, [container for container in ours if container not in dead]


def remove_folders(temporary: Path) -> tuple[tuple[str, ...], int, list[str]]:
    """Remove the folders that this user's dead processes left.

    Returns the folders removed, their bytes, and why others were kept.
    """
    removed: list[str] = []
    kept: list[str] = []
    freed = 0
    for folder in sorted(temporary.glob(f"{PREFIX}*")):
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            owner = (folder / OWNER_FILE).read_text(encoding="utf-8")
            if owner_lives(owner):
                kept.append(f"folder {folder}: its process lives")
                continue
            size = sum(path.lstat().st_size for path in folder.rglob("*"))
            shutil.rmtree(folder)
        except (FileNotFoundError, NotADirectoryError):
            continue  # no sandbox, or one that its own process removes at this moment
        except (OSError, UnicodeDecodeError) as error:
            kept.append(f"folder {folder}: {error}")
            continue
        removed.append(str(folder))
        freed += size
    return tuple(removed), freed, kept


def removable(images: Sequence[ImageInfo]) -> list[str]:
    """Return the tags of ours, and the untagged images that carry our label.

    A label is inherited: an image that somebody built from one of ours keeps its own tags.
    """
    tags = [tag for image in images for tag in image.tags if tag.startswith(TAGS)]
    return tags + [image.digest for image in images if not image.tags]


def remove_images(
    engine: Engine, references: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Remove images, each after those built on it; return their names, and why others stay."""
    removed: list[str] = []
    left = list(references)
    while left:
        refused: dict[str, str] = {}
        for reference in left:
            if engine.image(reference) is None:
                continue  # it went with the image that was built on it
            try:
                engine.remove_image(reference)
                removed.append(reference)
            except EngineError as error:
                refused[reference] = error.message
        if len(refused) == len(left):
            return tuple(removed), tuple(f"image {name}: {why}" for name, why in refused.items())
        left = list(refused)
    return tuple(removed), ()


def remove_volumes(engine: Engine, names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Remove volumes; return their names, and why others stay."""
    removed, kept = [], []
    for name in names:
        try:
            engine.remove_volume(name)
            removed.append(name)
        except EngineError as error:
            kept.append(f"volume {name}: {error.message}")
    return tuple(removed), tuple(kept)


def lines(cleaned: Cleaned) -> Iterator[str]:
    """Yield what was removed, what was kept and why, and the room that this made."""
    groups = {
        "container": cleaned.containers,
        "folder": cleaned.folders,
        "image": cleaned.images,
        "volume": cleaned.volumes,
    }
    for kind, names in groups.items():
        yield from (f"removed {kind} {name}" for name in names)
    yield from (f"kept {reason}" for reason in cleaned.kept)
    count = sum(map(len, groups.values()))
    yield f"{count} removed, {cleaned.bytes / 1e6:,.1f} MB freed" if count else "nothing to remove"
