"""`repair-agent inspect`: in the terminal, as text, JSON, a page, or in another agent's form."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.errors import UserError
from agent.inspector.opened_run import OpenedRun
from agent.inspector.opening import open_path
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
        _export(path, forms)
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
    elif forms.as_json or forms.plain or not (sys.stdout.isatty() and sys.stdin.isatty()):
        from agent.inspector.plain_text import json_text, lines

        text = json_text if forms.as_json else lines
        sys.stdout.writelines(f"{line}\n" for line in text(opened, beside))
    else:
        # What is loaded now stays; looking for garbage in it costs a tenth of the start.
        gc.disable()
        from agent.inspector.app import run as run_app

        gc.freeze()
        gc.enable()
        editor = variables.get("VISUAL") or variables.get("EDITOR") or "vi"
        run_app(opened, editor, beside)
    return 0


def _export(path: Path, forms: Forms) -> None:
    """Write an attempt in the forms of other programs: both can be made, or none is written."""
    from agent.inspector.exports import messages, trajectory

    options = (
        (forms.traj, trajectory, "--traj"),
        (forms.messages, messages, "--messages"),
    )
    exports = [(file, export(path), option) for file, export, option in options if file]
    for file, text, option in exports:
        if file.exists():
            raise UserError(f"{file} is there already", f"name a new file with {option}")
        if not file.parent.is_dir():
            raise UserError(f"there is no folder {file.parent}", f"name another file with {option}")
        write_whole(file, as_bytes(text))
