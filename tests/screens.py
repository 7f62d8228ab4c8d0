"""Views of the inspector, after certain keys, as text of a fixed width and as pictures.

`python -m tests.screens` writes the texts that tests compare with, and the README's pictures.
"""

from __future__ import annotations

import asyncio
import html
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.inspector.app import Inspector
from agent.inspector.opened_run import OpenedRun
from agent.inspector.opening import RunShelf, open_path

PROJECT = Path(__file__).parent.parent
TEXTS = Path(__file__).parent / "data" / "screens"
PICTURES = PROJECT / ".github" / "pictures"
EXAMPLE = PROJECT / "tests" / "data" / "format-1" / "example"
OTHERS = Path(__file__).parent / "data" / "mini-swe-agent-2.4.6.traj.json"
CELL = 12.2
"""The width of a character in a picture."""
WIDE, NARROW, TINY = (110, 32), (60, 24), (24, 8)


@dataclass(frozen=True)
class View:
    """A screen: what is opened, which keys are pressed, how large the terminal is."""

    name: str
    opened: str
    keys: tuple[str, ...] = ()
    size: tuple[int, int] = WIDE
    beside: str = ""
    picture: bool = False


VIEWS = (
    View("runs", "runs"),
    View("runs-filtered", "runs", ("slash", *"exam")),
    View("tasks", "others"),
    View("tasks-sorted", "others", ("s", "s", "s", "S")),
    View("why", "example", size=(100, 41), picture=True),
    View("why-narrow", "example", size=NARROW),
    View("why-tiny", "example", size=TINY),
    View("steps", "example", ("2", "f"), picture=True),
    View("steps-narrow", "example", ("2", "j"), NARROW),
    View("steps-tiny", "example", ("2", "j"), TINY),
    View("patches", "example", ("3", "j", "j")),
    View("two-patches", "example", ("3", "d", "G", "d")),
    View("matrix", "example", ("4", "j"), picture=True),
    View("cost", "example", ("5",)),
    View("issue", "example", ("6",)),
    View("sent", "example", ("2", "m")),
    View("plan", "example", ("2", "p")),
    View("help", "example", ("question_mark",)),
    View("search", "example", ("slash", *"acsc", "enter")),
    View("compare", "example", ("c", "J"), picture=True),
    View("compare-runs", "example", ("J",), beside="example"),
    View("others-steps", "other", ("2", "e")),
)


def opened(name: str, folder: Path) -> OpenedRun | RunShelf:
    """Open what a view is of; a folder of runs and one of others' files are made in `folder`."""
    if name == "example":
        return open_path(EXAMPLE)
    if name == "other":
        return open_path(OTHERS)
    place = folder / name
    if not place.exists():
        place.mkdir()
        if name == "runs":
            for run in ("example", "again"):
                shutil.copytree(EXAMPLE, place / run)
        else:
            for number in (1, 2):
                shutil.copy(OTHERS, place / f"{number}.traj.json")
    return open_path(place)


async def _shown(view: View, folder: Path, *, svg: bool) -> str:
    beside = opened(view.beside, folder) if view.beside else None
    assert beside is None or isinstance(beside, OpenedRun)
    app = Inspector(opened(view.opened, folder), "true", beside)
    async with app.run_test(size=view.size) as pilot:
        await pilot.pause()
        await app.workers.wait_for_complete()
        for key in view.keys:
            await pilot.press(key)
            await pilot.pause()
        await pilot.pause(0.2)
        picture = app.export_screenshot(title="repair-agent inspect")
    # Any monospaced font does; one from elsewhere would not be loaded in a README.
    return re.sub(r"@font-face \{.*?\}", "", picture, flags=re.S) if svg else as_text(picture)


def shown(view: View, folder: Path, *, svg: bool = False) -> str:
    """Return what the terminal shows, as text or as a picture."""
    return asyncio.run(_shown(view, folder, svg=svg))


def as_text(svg: str) -> str:
    """Return the rows of a terminal's picture."""
    rows: dict[float, list[tuple[float, str]]] = defaultdict(list)
    pattern = r'<text class="[^"]*-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>'
    for x, y, text in re.findall(pattern, svg):
        rows[float(y)].append((float(x), html.unescape(text).replace("\xa0", " ")))
    lines = []
    for _, row in sorted(rows.items()):
        line = ""
        for x, text in sorted(row):
            line = line.ljust(round(x / CELL)) + text
        lines.append(line.rstrip())
    return "\n".join(lines).rstrip() + "\n"


def main(views: Sequence[View] = VIEWS) -> None:
    """Write the texts and the pictures."""
    TEXTS.mkdir(exist_ok=True)
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for view in views:
            (TEXTS / f"{view.name}.txt").write_text(shown(view, Path(folder)))
            if view.picture:
                picture = shown(view, Path(folder), svg=True)
                (PICTURES / f"{view.name}.svg").write_text(picture)


if __name__ == "__main__":
    main()
