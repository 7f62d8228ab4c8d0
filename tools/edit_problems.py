"""What an edit would break in a Python file, judged by the sandbox's own interpreter."""

from __future__ import annotations

from importlib import resources

from tools.python_query import ask
from tools.sandbox.protocol import Sandbox


def new_problems(sandbox: Sandbox, path: str, before: str | None, after: str) -> list[str] | None:
    """Return the syntax errors and undefined names that only `after` has, a line for each.

    None when nobody can tell: the sandbox has no working Python 3. A file that is no Python has
    no problems.
    """
    if not path.endswith(".py"):
        return []
    program = resources.files("tools.inside").joinpath("problems.py").read_text("utf-8")
    # Not in the repository: its modules must not stand in for the standard library's.
    given = {"before": before, "after": after}
    found = ask(sandbox, program, given, timeout=30, cwd="/")
    return None if found is None else [f"line {line}: {kind}: {text}" for kind, text, line in found]
