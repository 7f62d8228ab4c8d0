"""The command line: what can be typed, and how the process starts and ends.

The options of a command stand in a `*commands.py`, and what it does in the module that it calls.
"""

from __future__ import annotations

import logging
import signal
import sys
import warnings
from copy import copy
from typing import TYPE_CHECKING, Annotated, NoReturn

from typer import Exit, Option, Typer
from typer.main import get_group

from agent.cli import benchmark_commands, commands, image_commands, model_commands

if TYPE_CHECKING:
    from types import FrameType

app = Typer(
    name="repair-agent",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    help="Turn an issue into a tested patch, and say how far the patch can be trusted.\n\n"
    "Example: repair-agent solve issue.md --repo . -m gpt-5-mini",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        sys.stdout.write(f"repair-agent {metadata.version('repair-agent')}\n")
        raise Exit


@app.callback(help=app.info.help)
def common(
    version: Annotated[
        bool,
        Option(
            "--version", help="Show the version and exit.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """Take the options before a command."""


for _command in commands.COMMANDS:
    app.command()(_command)
app.command(context_settings={"ignore_unknown_options": True})(commands.select)
app.command()(benchmark_commands.batch)
app.command()(benchmark_commands.evaluate)
app.add_typer(image_commands.app, name="image")
app.add_typer(model_commands.app, name="model")


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    if not debug:  # retries and redirects that libraries log are not for the user
        logging.disable()
        warnings.simplefilter("ignore")
    code = 1
    try:
        code = get_group(_narrowed(arguments))(arguments, standalone_mode=False) or 0
        sys.stdout.flush()
    except BaseException as error:
        if debug and isinstance(error, Exception):
            raise
        from agent.cli.failure_lines import explain

        code = explain(error, "--json" in arguments)
    sys.exit(code)


def _narrowed(arguments: list[str]) -> Typer:
    """Return the command line with the one command that is called, whole where none is.

    Typer reads the annotations of all the commands that it has, for a sixth of a second.
    """
    name = arguments[0] if arguments else ""
    called = [
        one for one in app.registered_commands if one.callback and one.callback.__name__ == name
    ]
    groups = [one for one in app.registered_groups if one.name == name]
    if not called and not groups:
        return app
    narrow = copy(app)
    narrow.registered_commands, narrow.registered_groups = called, groups
    return narrow


def _stop(number: int, frame: FrameType | None) -> None:
    """Ask the work to stop; what it started is cleaned up on the way out."""
    from agent.errors import Interrupted

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, _wait)
    sys.stderr.write("\nstopping: saving the work so far and cleaning up\n")
    raise Interrupted(number)


def _wait(number: int, frame: FrameType | None) -> None:
    """Ignore the second signal, so that the work is saved; the third one ends the process."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_DFL)
    sys.stderr.write("still saving; once more to give it up\n")
