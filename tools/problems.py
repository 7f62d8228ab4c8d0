"""What an edit would break in a Python file, judged by the sandbox's own interpreter."""

from __future__ import annotations

import json
from importlib import resources
from shlex import quote

from tools.sandbox import Sandbox


def new_problems(sandbox: Sandbox, path: str, before: str | None, after: str) -> list[str] | None:
    """Return the syntax errors and undefined names that only `after` has, a line for each.

    None when nobody can tell: the sandbox has no working Python 3. A file that is no Python has
    no problems.
    """
    if not path.endswith(".py"):
        return []
    given = json.dumps({"before": before, "after": after})
    program = resources.files("tools.inside").joinpath("problems.py").read_text("utf-8")
    done = sandbox.run(
        f"$(command -v python || command -v python3) -c {quote(program)}",
        stdin=given.encode("utf-8"),
        env={"PYTHONIOENCODING": "utf-8"},
        cwd="/",  # the repository's own modules must not stand in for the standard library's
        timeout=30,
    )
    try:
        found = json.loads(done.output.strip().rpartition("\n")[2]) if done.ok else None
    except json.JSONDecodeError:
        found = None
    return None if found is None else [f"line {line}: {kind}: {text}" for kind, text, line in found]
