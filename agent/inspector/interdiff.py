"""How what one patch makes differs from what another makes, told from the patches alone."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchedFile, PatchSet

PLAIN_FILE = "new file mode 100644"


@dataclass
class Change:
    """What a patch does to one file, by the lines of the file before, counted from 1.

    `facts` are what git says of the file beside its lines: mode, former name, binary content.
    """

    old: dict[int, str] = field(default_factory=dict)
    """The lines before that the patch shows."""
    removed: set[int] = field(default_factory=set)
    added: dict[int, list[str]] = field(default_factory=dict)
    """New lines, by the line before which they stand."""
    facts: list[str] = field(default_factory=list)

    def after(self, lines: Sequence[int], old: dict[int, str]) -> list[str]:
        """Return what becomes of a run of lines."""
        found: list[str] = []
        for number in lines:
            found += self.added.get(number, [])
            if number not in self.removed:
                found.append(old[number])
        return found + self.added.get(lines[-1] + 1 if lines else 1, [])


def interdiff(one: str, other: str) -> str:
    """Return what the files that two patches of one commit make differ in, as a unified diff.

    Both patches tell the lines that they show; what neither shows is the same in both. Of a file
    whose mode, name or binary content differs, the facts of each stand in front of its lines. A
    patch that cannot be read is compared as text. The result is "" where both make the same.
    """
    try:
        ours, theirs = _changes(one), _changes(other)
    except UnidiffParseError:
        lines = difflib.unified_diff(one.splitlines(), other.splitlines(), lineterm="", n=3)
        return "\n".join(lines)
    pairs = [(path, ours.get(path, Change()), theirs.get(path, Change())) for path in ours | theirs]
    return "\n".join(line for pair in sorted(pairs, key=_path) for line in _file(*pair))


def _path(pair: tuple[str, Change, Change]) -> str:
    return pair[0]


def _changes(patch: str) -> dict[str, Change]:
    return {file.path: _change(file) for file in PatchSet(patch)}


def _change(file: PatchedFile) -> Change:
    change = Change(facts=_facts(file))
    for hunk in file:
        following = hunk.source_start if hunk.source_length else hunk.source_start + 1
        for line in hunk:
            text = line.value.removesuffix("\n")
            if line.is_added:
                change.added.setdefault(following, []).append(text)
            elif line.is_removed or line.is_context:
                change.old[following] = text
                if line.is_removed:
                    change.removed.add(following)
                following += 1
    return change


def _facts(file: PatchedFile) -> list[str]:
    """Return what git writes of a file before its lines; what these say themselves is left out."""
    head = [str(line).rstrip("\n") for line in file.patch_info or ()]
    facts = [line for line in head if line.startswith(("new mode", "rename from", "copy from"))]
    facts += [line for line in head if line.startswith("new file mode")
              and (line != PLAIN_FILE or not len(file))]  # fmt: skip
    if not len(file):
        facts += [line for line in head if line.startswith("deleted file mode")]
    if file.is_binary_file:
        contents = [line.split("..")[-1] for line in head if line.startswith("index ")]
        identity = contents[0] if contents else sha256("\n".join(head).encode()).hexdigest()
        facts.append(f"binary content {identity[:12]}")
    return facts


def _file(path: str, ours: Change, theirs: Change) -> Iterator[str]:
    lines = list(_lines(ours, theirs))
    if lines or ours.facts != theirs.facts:
        yield from (f"--- a/{path}", f"+++ b/{path}")
    if ours.facts != theirs.facts:
        for sign, facts in (("-", ours.facts), ("+", theirs.facts)):
            yield f"{sign} {', '.join(facts) or 'as before'}"
    yield from lines


def _lines(ours: Change, theirs: Change) -> Iterator[str]:
    old = ours.old | theirs.old
    shifts = [0, 0]
    for run in _runs(old):
        first = run[0] if run else 1
        sides = [one.after(run, old) for one in (ours, theirs)]
        for line in list(difflib.unified_diff(sides[0], sides[1], lineterm="", n=3))[2:]:
            yield _renumber(line, [first - 1 + shift for shift in shifts])
        shifts = [shift + len(side) - len(run) for shift, side in zip(shifts, sides, strict=True)]


def _runs(old: dict[int, str]) -> list[list[int]]:
    """Return the numbers of lines that follow on each other, run by run; one of none for none."""
    found: list[list[int]] = []
    for number in sorted(old):
        if found and found[-1][-1] == number - 1:
            found[-1].append(number)
        else:
            found.append([number])
    return found or [[]]


def _renumber(line: str, by: Sequence[int]) -> str:
    """Return a hunk's head with the numbers of the whole files; other lines as they are."""
    head = re.match(r"@@ -(\d+)(\S*) \+(\d+)(\S*) @@", line)
    if head is None:
        return line
    return f"@@ -{int(head[1]) + by[0]}{head[2]} +{int(head[3]) + by[1]}{head[4]} @@"
