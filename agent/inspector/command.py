"""`repair-agent inspect`: in the terminal, as text, JSON, a page, or in another agent's form."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.errors import UserError
from agent.inspector.opening import OpenedRun, open_path
from agent.trajectory.durable_files import write_whole
from agent.trajectory.encoding import as_bytes


@dataclass(frozen=True)
class Forms:
    """What is asked for in place of the terminal's interface."""

    plain: bool = False
    as_json: bool = False
    html: Path | None = None
    traj: Path | None = None
    messages: Path | None = None


def run(path: Path, other: Path | None, forms: Forms, variables: Mapping[str, str]) -> int:
    """Show or write what was asked for; raises UserError."""
    if forms.traj or forms.messages:
        from agent.inspector.exports import messages, trajectory

        made = [  # all of them before the first is written
            (file, make(path), option)
            for file, make, option in (
                (forms.traj, trajectory, "--traj"), (forms.messages, messages, "--messages"),
            )
            if file
        ]  # fmt: skip
        for file, text, option in made:
            _write(file, text, option)
        return 0
    opened = open_path(path)
    beside = open_path(other) if other is not None else None
    if beside is not None and not (isinstance(opened, OpenedRun) and isinstance(beside, OpenedRun)):
        raise UserError("two folders of runs cannot be compared", "name two runs or two tasks")
    assert beside is None or isinstance(beside, OpenedRun)
    if forms.html is not None:
        from agent.inspector.html_page import PAGE, page

        PAGE.refuse_foreign(forms.html)
        PAGE.write(forms.html, page(opened, beside))
    elif forms.as_json:
        from agent.inspector.plain_text import json_text

        _print(json_text(opened, beside))
    elif forms.plain or not (sys.stdout.isatty() and sys.stdin.isatty()):
        from agent.inspector.plain_text import lines

        _print(lines(opened, beside))
    else:
        # What is loaded now stays; looking for garbage in it costs a tenth of the start.
        gc.disable()
        from agent.inspector.app import run as run_app

        gc.freeze()
        gc.enable()
        editor = variables.get("VISUAL") or variables.get("EDITOR") or "vi"
        run_app(opened, editor, beside)
    return 0


def _print(found: Iterable[str]) -> None:
    for line in found:
        sys.stdout.write(line + "\n")


def _write(path: Path, text: str, option: str) -> None:
    if path.exists():
        raise UserError(f"{path} is there already", f"name a new file with {option}")
    if not path.parent.is_dir():
        raise UserError(f"there is no folder {path.parent}", f"name another file with {option}")
    write_whole(path, as_bytes(text))
