"""Which of the repository's files an action changed: asked of the files, not guessed from words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tools.sandbox.protocol import Sandbox

LISTING = (
    "git ls-files -z --modified --others --exclude-standard | xargs -0 -r stat -c '%Y %Z %s %n'"
)
"""Each file that differs from the index or is new, with its times and size."""
LISTING_SECONDS = 20.0


@dataclass
class ChangedFiles:
    """Compares the work tree with what it was when it was last asked.

    A file counts as changed when its time or size differs; a file that went back to what is
    committed counts, too.
    """

    sandbox: Sandbox
    _last: Mapping[str, str] | None = None
    _broken: bool = field(default=False)

    def start(self) -> None:
        """Note how the work tree is before the first action; later calls do nothing."""
        if self._last is None and not self._broken:
            self.since()

    def since(self) -> tuple[str, ...] | None:
        """Return the files that changed since the last call, None where git cannot tell."""
        if self._broken:
            return None
        done = self.sandbox.run(LISTING, timeout=LISTING_SECONDS)
        if not done.ok:
            self._broken = True
            return None
        now = {}
        for line in done.output.splitlines():
            modified, changed, size, name = line.split(" ", 3)
            now[name] = f"{modified} {changed} {size}"
        before, self._last = self._last or {}, now
        return tuple(sorted(n for n in before.keys() | now.keys() if before.get(n) != now.get(n)))
