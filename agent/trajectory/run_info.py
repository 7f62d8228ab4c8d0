"""What a run folder says of the run as a whole, and how its records are read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.errors import UserError
from agent.records import FORMAT
from agent.trajectory.encoding import decode


@dataclass(frozen=True)
class RunStart:
    """One later start of a run: when, with which programs and configuration."""

    started: datetime
    versions: dict[str, str]
    config: dict[str, Any]


@dataclass(frozen=True)
class RunInfo:
    """The content of run.json; `resumed` has one entry for each time the run was taken up again."""

    format: int
    id: str
    started: datetime
    versions: dict[str, str]
    config: dict[str, Any]
    dataset: str | None = None
    resumed: tuple[RunStart, ...] = ()


def read_bytes(path: Path) -> bytes | None:
    """Return a file's content, None when it is not there; raises UserError when it is no file."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(*unreadable(path, error)) from error


def unreadable(path: Path, error: OSError) -> tuple[str, str]:
    """Say that a file cannot be read, and what to do."""
    why = (error.strerror or str(error)).lower()
    return f"{path} cannot be read: {why}", "let it be read, or restore it from a copy of the run"


def read_record(path: Path, kind: Any) -> Any:
    """Return the record in a JSON file, None when the file is not there."""
    data = read_bytes(path)
    return None if data is None else decode(kind, data, str(path))


def read_info(folder: Path) -> RunInfo | None:
    """Return a run folder's run.json, None when it has none; a newer format is a UserError."""
    path = folder / "run.json"
    data = read_bytes(path)
    if data is None:
        return None
    version = decode(dict[str, Any], data, str(path)).get("format")
    if isinstance(version, int) and version > FORMAT:
        raise UserError(
            f"{folder} was written by a newer repair-agent (format {version}, known: {FORMAT})",
            "update repair-agent",
        )
    info: RunInfo = decode(RunInfo, data, str(path))
    return info


def runs_in(folder: Path) -> list[tuple[Path, RunInfo]]:
    """Return the run folders directly inside a folder, the latest last."""
    found = [(path.parent, read_info(path.parent)) for path in folder.glob("*/run.json")]
    runs = [(path, info) for path, info in found if info is not None]
    return sorted(runs, key=lambda run: (run[1].started, run[0].name))
