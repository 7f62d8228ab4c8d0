"""The search tool: a regular expression over the repository's files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from shlex import quote
from typing import Annotated

from pydantic import ConfigDict, Field

from tools.base import ToolError
from tools.sandbox.protocol import Sandbox

MOST_MATCHES = 60
LONGEST_LINE = 250


@dataclass(frozen=True)
class Arguments:
    """What the model gives."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    pattern: Annotated[
        str, Field(min_length=1, description="An extended regular expression (grep -E).")
    ]
    path: Annotated[
        str, Field(description="A file, folder or glob (such as '*.py') to stay within.")
    ] = "."
    ignore_case: Annotated[bool, Field(description="Let letters match in either case.")] = False


@dataclass(frozen=True)
class Search:
    """Finds lines that match, in tracked and in new files."""

    sandbox: Sandbox
    name = "search"
    description = (
        "Find lines that match a regular expression in the repository's text files. Shows "
        f"path:line: text, at most {MOST_MATCHES} of them; beyond that, the counts by file."
    )
    arguments = Arguments

    def __call__(self, arguments: Arguments) -> str:
        """Return the matching lines."""
        case = "i" if arguments.ignore_case else ""
        command = f"git grep --untracked -nIE{case} -e {quote(arguments.pattern)}"
        done = self.sandbox.run(f"{command} -- {quote(arguments.path)}")
        if done.timed_out:
            raise ToolError("The search took too long; give a path or a simpler pattern.")
        if done.exit_code not in (0, 1):
            raise ToolError(f"The search failed: {done.output.strip()[:500]}")
        lines = done.output.splitlines()
        if not lines:
            return (
                f"Nothing matches {arguments.pattern!r} in {arguments.path}. Try a shorter "
                "pattern, ignore_case, or another path."
            )
        return "\n".join(_clipped(lines, done.omitted))


def _clipped(lines: list[str], omitted: int) -> list[str]:
    shown = [line[:LONGEST_LINE] for line in lines[:MOST_MATCHES]]
    if len(lines) <= MOST_MATCHES:
        return shown
    counts = Counter(line.partition(":")[0] for line in lines[MOST_MATCHES:])
    more = f"{'at least ' if omitted else ''}{len(lines) - MOST_MATCHES} more matches"
    return [
        *shown,
        f"[{more}; narrow the pattern or the path]",
        *(f"{path}: {count} more" for path, count in counts.most_common(20)),
    ]
