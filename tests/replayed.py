"""Replays a recorded run on its repository and compares the patch with the recorded one.

python tests/replayed.py TRAJECTORY ISSUE.md REPOSITORY REF OUTPUT [more options of solve]
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from agent.trajectory.formats.loader import load
from agent.trajectory.reader import load_task


def by_file(patch: str) -> dict[str, str]:
    """Return the part of each file, without the names of blobs: they have no fixed length."""
    parts = re.split(r"^diff --git a/.+ b/(.+)\n", patch, flags=re.MULTILINE)[1:]
    bare = (re.sub(r"^index .*\n", "", part, flags=re.MULTILINE) for part in parts[1::2])
    return dict(zip(parts[::2], bare, strict=True))


def compared(trajectory: Path, output: Path) -> list[str]:
    """Return one line for each file of either patch."""
    task = load_task(output)
    left = next(iter(task.candidates), None)
    ours = by_file(left.patch if left else "")
    dropped = {item.path: item.reason for item in left.dropped} if left else {}
    theirs = by_file(load(trajectory).submission)
    lines = []
    for path in sorted(ours | theirs | dropped):
        if path in dropped:
            where = "in the recorded patch" if path in theirs else "not in the recorded patch"
            lines.append(f"left out: {path}, {where}: {dropped[path]}")
        else:
            word = "equal" if ours.get(path) == theirs.get(path) else "DIFFERENT"
            lines.append(f"{word}: {path}")
    made = task.attempts[0]
    ended = made.end.reason if made.end else "not at all"
    head = f"{len(made.steps)} steps, ended: {ended}"
    return [head, *(lines or ["equal: neither patch changes a file"])]


def main() -> int:
    """Replay, compare, and return 1 when a program file differs."""
    trajectory, issue, repository, ref, output, *more = sys.argv[1:]
    command = ["repair-agent", "solve", issue, "--repo", repository, "--ref", ref, "--attempts=1"]
    command += ["-m", f"scripted:{trajectory}", "-o", output, *more]
    subprocess.run(command, check=False)
    lines = compared(Path(trajectory), Path(output))
    print(*lines, sep="\n")
    return int(any(line.startswith("DIFFERENT") for line in lines))


if __name__ == "__main__":
    sys.exit(main())
