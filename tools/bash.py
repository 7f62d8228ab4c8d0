"""The bash tool: any command, in the repository's folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import ConfigDict, Field

from tools.base import ToolResult
from tools.sandbox.protocol import COMMAND_SECONDS, Completed, Sandbox


@dataclass(frozen=True)
class Arguments:
    """What the model gives."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    command: Annotated[str, Field(min_length=1, description="A bash command line or script.")]
    timeout: Annotated[
        float, Field(gt=0, le=1800, description="Seconds after which it is killed.")
    ] = COMMAND_SECONDS


@dataclass(frozen=True)
class Bash:
    """Runs a command; each one starts anew in the repository's folder."""

    sandbox: Sandbox
    name = "bash"
    description = (
        "Run a shell command in the repository's folder. Each call is a fresh shell: a `cd` or a "
        "variable does not last. There is no network. Output and exit code come back together."
    )
    arguments = Arguments

    def __call__(self, arguments: Arguments) -> ToolResult:
        """Return the output and how the command ended."""
        done = self.sandbox.run(arguments.command, timeout=arguments.timeout)
        lines = done.output.removesuffix("\n")
        text = "\n".join(part for part in (lines, ending(done)) if part)
        return ToolResult(text=text, exit_code=done.exit_code, timed_out=done.timed_out)


def ending(done: Completed) -> str:
    """Say in one line how a command ended and, where that was not by itself, what to do."""
    if done.timed_out:
        return (
            f"[killed after {done.seconds:.1f} s with everything it started; run less at once, or "
            "give a larger timeout]"
        )
    if done.out_of_memory:
        return f"[exit code {done.exit_code}: it was killed because memory ran out; use less]"
    return f"[exit code {done.exit_code}, {done.seconds:.1f} s]"
