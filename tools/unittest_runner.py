"""Test commands that run unittest: how they are recognised, and how tests are named to them."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

OWN_RUNNERS = ("runtests.py", "manage.py")
"""Scripts that Django and projects with Django run their tests with."""


@dataclass(frozen=True)
class UnittestCommand:
    """`python` is the interpreter with its options and variables, `program` what it runs.

    `base` is the folder from which tests are named by dots, "" for the repository's own.
    """

    python: str
    program: tuple[str, ...]
    base: str

    def line(self, report: str, root: str, tests: Sequence[str]) -> str:
        """Return the command that runs tests by path or id and writes a report."""
        more = ("--parallel=1",) if self.program[0] != "-m" else ()
        words = [*self.program, *more, *(self.label(test) for test in tests)]
        arguments = [reporter_beside(report), report, root, self.base, *words]
        return f"{self.python} {shlex.join(arguments)}"

    def label(self, test: str) -> str:
        """Return what a test is called: `app.tests.Case.test_it` for tests/app/tests.py::…

        A plain function is no name that unittest knows: its whole file is named.
        """
        path, *inside = test.split("::")
        path = posixpath.relpath(path, self.base) if self.base else path
        module = path.removesuffix(".py").rstrip("/").replace("/", ".")
        return (
            ".".join([module, *inside]) if len(inside) != 1 or inside[0][:4] != "test" else module
        )


def parsed(command: str) -> UnittestCommand | None:
    """Return a command that runs unittest's tests, None for another."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    at = next((n for n, word in enumerate(words) if _is_python(word)), None)
    if at is None or any("=" not in word for word in words[:at] if word != "env"):
        return None
    after = at + 1
    while after < len(words) and words[after].startswith("-") and words[after] != "-m":
        after += 1
    python, program = shlex.join(words[:after]), tuple(words[after:])
    if program[:2] == ("-m", "unittest"):
        return UnittestCommand(python, program, "")
    if program and posixpath.basename(program[0]) in OWN_RUNNERS:
        base = posixpath.dirname(posixpath.normpath(program[0]))
        return UnittestCommand(python, program, base)
    return None


def _is_python(word: str) -> bool:
    name = posixpath.basename(word)
    return name.removeprefix("python").replace(".", "").isdigit() or name == "python"


def reporter_beside(report: str) -> str:
    """Return where the program that writes a report is put."""
    return f"{report}.py"


def reporter() -> bytes:
    """Return the program that writes the report, for the sandbox's own Python."""
    return resources.files("tools.inside").joinpath("unittest_report.py").read_bytes()
