"""The disk space of a batch: checked before each instance, and freed after it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from agent.config import Config
from agent.environment.image_pruning import BASES, GIGABYTE, prune
from agent.errors import EngineError, WorldError
from agent.records import Image
from agent.trajectory.run_info import read_record
from tools.sandbox.container import ImageInfo
from tools.sandbox.engine import Engine


@dataclass(frozen=True)
class DiskSpace:
    """Keeps `free` bytes free where the run and the engine's data lie.

    `engine` is None where sandboxes are folders. `keep` leaves the images of the instances alone,
    as those are that were there before the batch began, at `since`. `working` are the folders of
    the instances that are worked on, `there` the rows' own images that were there before them: the
    date of one that is pulled says when somebody else made it.
    """

    engine: Engine | None
    folder: Path
    free: float
    keep: bool
    since: datetime
    working: set[Path] = field(default_factory=set)
    there: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, config: Config, free_gb: float, folder: Path, *, keep: bool) -> Self:
        """Return the disk space of a batch; raises EngineError where no engine answers."""
        engine = Engine(config.docker_host) if config.sandbox == "docker" else None
        return cls(engine, folder, free_gb * GIGABYTE, keep, datetime.now(UTC))

    def begin(self, folder: Path, row: str | None) -> None:
        """Record that work on an instance begins; `row` is the dataset's own image of it."""
        self.working.add(folder)
        if row and self.engine and self.engine.image(row):
            self.there.add(row)

    def check(self, say: Callable[[str], None]) -> None:
        """Raise WorldError when the disk is nearly full, after removing what the batch built."""
        if self._left() < self.free and self.engine and not self.keep:
            say("the disk is nearly full: removing images that this batch built")
            limit = self.engine.image_bytes() - (self.free - self._left())
            prune(self.engine, max(0.0, limit), self._stays, say)
        left = self._left()
        if left < self.free:
            raise WorldError(
                f"the disk is nearly full: {left / GIGABYTE:.1f} GB are free, "
                f"{self.free / GIGABYTE:.1f} are to stay free",
                "free some, or lower --min-free-gb; then start it again in the same folder",
            )

    def _stays(self, image: ImageInfo) -> bool:
        records = [read_record(folder / "image.json", Image) for folder in tuple(self.working)]
        used = {record.reference for record in records if record is not None}
        return self._is_older(image.created) or bool(used & set(image.tags))

    def _left(self) -> float:
        left = shutil.disk_usage(self.folder).free
        data = self.engine.free_bytes() if self.engine else None
        return min(left, data) if data is not None else left

    def give_back(self, folder: Path, row: str | None, say: Callable[[str], None]) -> None:
        """Remove the image of an instance that has ended; its layers stay for its neighbours.

        `row` is the dataset's own image of it, which goes as well where it was pulled.
        """
        self.working.discard(folder)
        image = read_record(folder / "image.json", Image)
        if self.keep or self.engine is None or image is None or image.made == "given":
            return
        for name in (image.reference, row if image.made == "pulled" else None):
            if name is None or name.startswith(BASES):
                continue
            try:
                found = self.engine.image(name)
                if found is None:
                    continue
                was_there = name in self.there if name == row else self._is_older(found.created)
                if not was_there:
                    self.engine.remove_image(name)
            except EngineError as error:  # another instance runs on it, or the engine is away
                say(f"{name} stays: {error.message}")

    def _is_older(self, created: str) -> bool:
        # The engine writes nanoseconds, which datetime cannot parse.
        return bool(created) and datetime.fromisoformat(created[:19] + "+00:00") < self.since
