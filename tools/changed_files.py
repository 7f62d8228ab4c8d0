"""Which of the repository's files an action changed: asked of the files, not guessed from words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tools.sandbox.protocol import Sandbox

LISTING = """\
{
    git diff -z --name-only --no-renames --ignore-submodules=dirty "$BASE" -- &&
    git ls-files -z --others --exclude-standard && printf '/\\0'
} 2> /dev/null | xargs -0 -r sh -c '
    printf "gone\t%s\n" "$@"; stat -c "%s %y %z\t%n" -- "$@" 2> /dev/null; true
' -"""
"""Each file that differs from the first commit or is new, with its size and times, or as gone; the
folder `/` comes last and tells that git got that far."""
LISTING_SECONDS = 20.0


@dataclass
class ChangedFiles:
    """Compares the work tree with what it was when it was last asked.

    A file counts as changed when its time or size differs; a file that went back to what is
    committed counts, too. What is only added to git's index or committed does not.
    """

    sandbox: Sandbox
    _base: str = ""
    _last: Mapping[str, str] | None = None
    _broken: bool = field(default=False)

    def start(self) -> None:
        """Note how the work tree is before the first action; later calls do nothing."""
        if self._last is None and not self._broken:
            head = self.sandbox.run("git rev-parse HEAD", timeout=LISTING_SECONDS)
            self._base = head.output.strip()
            self.since()

    def since(self) -> tuple[str, ...] | None:
        """Return the files that changed since the last call, None where git cannot tell."""
        if self._broken:
            return None
        done = self.sandbox.run(LISTING, timeout=LISTING_SECONDS, env={"BASE": self._base})
        stamps = (line.partition("\t") for line in done.output.splitlines())
        now = {name: stamp for stamp, _, name in stamps if name}  # the stamp of a file comes last
        if not done.ok or done.omitted or now.pop("/", None) is None:
            self._broken = True
            return None
        before, self._last = self._last or {}, now
        return tuple(sorted(n for n in before.keys() | now.keys() if before.get(n) != now.get(n)))
