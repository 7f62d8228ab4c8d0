"""The one place that prints errors: what went wrong, in one line that says what to do."""

from __future__ import annotations

import json
import sys

import typer

from agent.errors import EXIT_USER, EXIT_WORLD, Interrupted, WorldError, from_os_error
from tools.base import Explained


def explain(error: BaseException, as_json: bool) -> int:
    """Print in one line what went wrong and what to do; return the exit code."""
    if isinstance(error, Interrupted):
        return error.exit_code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, BrokenPipeError):
        sys.stderr.close()  # the reader of our output is gone, and nobody needs to hear of it
        return 0
    if isinstance(error, OSError):
        error = from_os_error(error)
    if isinstance(error, typer.TyperException):
        message, hint = error.format_message(), "repair-agent COMMAND --help lists the options"
        if message.startswith("Usage:"):  # no command was named: Typer's message is the help
            sys.stderr.write(f"{message}\n")
            return EXIT_USER
        code = EXIT_USER
    elif isinstance(error, Explained):
        message, hint = error.message, error.hint
        code = EXIT_WORLD if isinstance(error, WorldError) else EXIT_USER
    else:
        message = f"this is a bug in repair-agent: {type(error).__name__}: {error}"
        hint, code = "run it again with --debug and report what it prints", 1
    if as_json and code != 1:
        sys.stdout.write(json.dumps({"error": message, "hint": hint, "exit_code": code}) + "\n")
    sys.stderr.write(f"error: {message}{f'; {hint}' if hint else ''}\n")
    return code
