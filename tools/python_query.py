"""Questions to the sandbox's own Python: a program that reads JSON and prints JSON last."""

from __future__ import annotations

import json
from shlex import quote
from typing import Any

from tools.sandbox.protocol import Sandbox


def ask(sandbox: Sandbox, program: str, given: Any, *, timeout: float, cwd: str = "") -> Any:
    """Return what the last line of a program's output says, None when it fails or says nothing."""
    done = sandbox.run(
        f"$(command -v python || command -v python3) -c {quote(program)}",
        stdin=json.dumps(given).encode("utf-8"),
        env={"PYTHONIOENCODING": "utf-8"},
        cwd=cwd,
        timeout=timeout,
    )
    try:
        return json.loads(done.output.strip().rpartition("\n")[2]) if done.ok else None
    except json.JSONDecodeError:
        return None
