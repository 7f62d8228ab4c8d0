"""The edit tool: replace one exact passage, or make a new file."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Annotated

from pydantic import ConfigDict, Field

from tools.base import ToolError
from tools.edit_problems import new_problems
from tools.quick_tests import QuickTests
from tools.read import missing
from tools.sandbox.protocol import Sandbox


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """What the model gives."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    path: Annotated[str, Field(min_length=1, description="The file, relative to the repository.")]
    old: Annotated[
        str,
        Field(
            description="The passage to replace, exactly as it stands, long enough to occur only "
            "once. Left out: make a new file."
        ),
    ] = ""
    new: Annotated[str, Field(description="What stands there afterwards.")]


@dataclass(frozen=True)
class Edit:
    """Replaces a passage unless that would add a syntax error or an undefined name."""

    sandbox: Sandbox
    tests: QuickTests | None = None
    name = "edit"
    description = (
        "Replace one passage of a file: `old` must occur exactly once. Without `old`, make a new "
        "file of `new`. An edit that adds a syntax error or an undefined name is refused."
    )
    arguments = Arguments

    def __call__(self, arguments: Arguments) -> str:
        """Return the changed lines with their numbers."""
        before = self._before(arguments)
        after = arguments.new if before is None else replace(before, arguments)
        if before is None and after and not after.endswith("\n"):
            after += "\n"
        remark = self._refuse_new_problems(arguments.path, before, after)
        if self.tests:
            self.tests.before(arguments.path)
        try:
            self.sandbox.write(arguments.path, after.encode("utf-8", "surrogateescape"))
        except OSError as error:
            raise ToolError(f"{arguments.path} cannot be written: {error}.") from error
        outcome = self.tests.after(arguments.path) if self.tests else ""
        return "\n".join(filter(None, (f"{_shown(arguments, before, after)}{remark}", outcome)))

    def _before(self, arguments: Arguments) -> str | None:
        try:
            data = self.sandbox.read(arguments.path)
        except FileNotFoundError:
            if arguments.old:
                raise ToolError(missing(self.sandbox, arguments.path)) from None
            return None
        except OSError as error:
            raise ToolError(f"{arguments.path} cannot be read: {error}.") from error
        if not arguments.old:
            raise ToolError(
                f"{arguments.path} exists already. To change it, give what to replace as old."
            )
        return data.decode("utf-8", "surrogateescape")

    def _refuse_new_problems(self, path: str, before: str | None, after: str) -> str:
        new = new_problems(self.sandbox, path, before, after)
        if new is None:
            return "\n[not checked for syntax: the sandbox has no working Python 3]"
        if new:
            raise ToolError(
                "Not done: the edit would add these problems.\n"
                + "\n".join(f"- {problem}" for problem in new)
                + "\nThe file is as it was. Call edit again with them mended."
            )
        return ""


def replace(before: str, arguments: Arguments) -> str:
    """Return the text with the one passage replaced; raises ToolError that says where to look."""
    old, new = arguments.old, arguments.new
    if old == new:
        raise ToolError("old and new are the same; nothing would change.")
    if "\r\n" in before and "\r\n" not in old + new:  # keep the file's line ends
        old, new = old.replace("\n", "\r\n"), new.replace("\n", "\r\n")
    count = before.count(old)
    if count == 1:
        return before.replace(old, new)
    if count > 1:
        lines = [str(before.count("\n", 0, at) + 1) for at in _places(before, old)]
        raise ToolError(
            f"old occurs {count} times in {arguments.path} (lines {', '.join(lines[:10])}). Take "
            "more of the lines around the one you mean."
        )
    raise ToolError(f"old does not occur in {arguments.path}.{_closest(before, old)}")


def _places(text: str, passage: str) -> list[int]:
    found, at = [], text.find(passage)
    while at >= 0:
        found.append(at)
        at = text.find(passage, at + 1)
    return found


def _closest(text: str, passage: str) -> str:
    """Show the lines most like the passage: most misses are white space or one wrong word."""
    lines = text.splitlines()
    wanted = passage.splitlines() or [passage]
    key = max(wanted, key=lambda line: len(line.strip())).strip()
    scored = [
        (SequenceMatcher(None, key, line.strip(), autojunk=False).quick_ratio(), number)
        for number, line in enumerate(lines)
        if line.strip()
    ]
    if not scored or not key:
        return ""
    best = sorted(scored, reverse=True)[:50]
    _, number = max(
        (SequenceMatcher(None, key, lines[at].strip(), autojunk=False).ratio(), -at)
        for _, at in best
    )
    at = max(0, -number - wanted.index(next(w for w in wanted if w.strip() == key)))
    shown = [f"{i + 1}  {lines[i]}" for i in range(at, min(len(lines), at + len(wanted) + 1))]
    return " The lines most like it are:\n" + "\n".join(shown[:40])


def _shown(arguments: Arguments, before: str | None, after: str) -> str:
    if before is None:
        return f"Made {arguments.path} with {len(after.splitlines())} lines."
    start = next(
        (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b),
        min(len(before), len(after)),
    )
    first = max(0, after.count("\n", 0, start) - 3)
    last = after.count("\n", 0, start) + arguments.new.count("\n") + 4
    lines = after.splitlines()[first:last]
    shown = [f"{number}  {line}" for number, line in enumerate(lines, first + 1)]
    return "\n".join([f"Changed {arguments.path}; it now reads:", *shown[:60]])
