"""What went wrong, in one line that says what to do."""

from __future__ import annotations

import json
import sys

import typer

from agent.errors import EXIT_USER, EXIT_WORLD, Interrupted, WorldError, from_os_error
from tools.base import Explained


def explain(error: BaseException, as_json: bool) -> int:
    """Say in one line what went wrong and what to do; return the exit code."""
    if isinstance(error, Interrupted):
        return error.exit_code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, BrokenPipeError):
        sys.stderr.close()  # the reader of our output is gone, and nobody needs to hear of it
        return 0
    if isinstance(error, typer.TyperException):
        return _misused(error.format_message(), as_json)
    if isinstance(error, OSError):
        error = from_os_error(error)
    if isinstance(error, Explained):
        code = EXIT_WORLD if isinstance(error, WorldError) else EXIT_USER
        return _say(error.message, error.hint, code, as_json)
    bug = f"this is a bug in repair-agent: {type(error).__name__}: {error}"
    return _say(bug, "run it again with --debug and report what it prints", 1, as_json)


def _misused(told: str, as_json: bool) -> int:
    if told.startswith("Usage:"):  # nothing was asked for: this is the help
        sys.stderr.write(f"{told}\n")
        return EXIT_USER
    return _say(told, "repair-agent COMMAND --help lists the options", EXIT_USER, as_json)


def _say(message: str, hint: str, code: int, as_json: bool) -> int:
    if as_json and code != 1:
        sys.stdout.write(json.dumps({"error": message, "hint": hint, "exit_code": code}) + "\n")
    sys.stderr.write(f"error: {message}{f'; {hint}' if hint else ''}\n")
    return code
