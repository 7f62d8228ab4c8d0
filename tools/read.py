"""The read tool: a file with line numbers, or a folder's entries."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from shlex import quote
from typing import Annotated

from pydantic import ConfigDict, Field

from tools.base import ToolError
from tools.clip import clip_lines
from tools.sandbox.protocol import Sandbox

MOST_LINES = 400
LONGEST_LINE = 500


@dataclass(frozen=True)
class Arguments:
    """What the model gives."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    path: Annotated[str, Field(min_length=1, description="A file or folder of the repository.")]
    start: Annotated[int, Field(ge=1, description="First line to show, counted from 1.")] = 1
    end: Annotated[int | None, Field(ge=1, description="Last line to show.")] = None


@dataclass(frozen=True)
class Read:
    """Shows a file's lines with their numbers, or what a folder holds."""

    sandbox: Sandbox
    name = "read"
    description = (
        f"Show a file with line numbers, at most {MOST_LINES} lines at once (give start and end "
        "for others), or the entries of a folder."
    )
    arguments = Arguments

    def __call__(self, arguments: Arguments) -> str:
        """Return numbered lines, or a folder's entries."""
        try:
            data = self.sandbox.read(arguments.path)
        except IsADirectoryError:
            return self._folder(arguments.path)
        except FileNotFoundError:
            raise ToolError(missing(self.sandbox, arguments.path)) from None
        except OSError as error:
            raise ToolError(f"{arguments.path} cannot be read: {error}.") from error
        if b"\0" in data[:8192]:
            raise ToolError(f"{arguments.path} is a binary file of {len(data):,} bytes.")
        return _numbered(arguments, data.decode("utf-8", "backslashreplace").splitlines())

    def _folder(self, path: str) -> str:
        listing = self.sandbox.run(f"ls -Ap -- {quote(path)}").output.splitlines()
        entries = [entry for entry in listing if entry not in (".git/", "__pycache__/")]
        return "\n".join([f"{path} holds:", *clip_lines(entries, MOST_LINES, "entries")])


def missing(sandbox: Sandbox, path: str) -> str:
    """Say that a path is not there, and name files of the repository that may be meant."""
    base = posixpath.basename(path.rstrip("/"))
    found = sandbox.run(f"git ls-files -- {quote(f':(glob)**/{base}')}").output.splitlines()
    if found:
        return f"There is no {path}. Files of that name: {', '.join(found[:8])}."
    return f"There is no {path}. Look with search, or read a folder."


def _numbered(arguments: Arguments, lines: list[str]) -> str:
    if not lines:
        return f"{arguments.path} is empty."
    if arguments.start > len(lines):
        raise ToolError(f"{arguments.path} has only {len(lines)} lines.")
    end = min(arguments.end or len(lines), len(lines), arguments.start + MOST_LINES - 1)
    if end < arguments.start:
        raise ToolError("end is before start.")
    width = len(str(end))
    shown = [
        f"{number:>{width}}  {line[:LONGEST_LINE]}{' [...]' if len(line) > LONGEST_LINE else ''}"
        for number, line in enumerate(lines[arguments.start - 1 : end], arguments.start)
    ]
    return "\n".join(
        [f"{arguments.path}, lines {arguments.start} to {end} of {len(lines)}:", *shown]
    )
