"""The commands under `repair-agent image`: options in, one call, exit code out."""

from __future__ import annotations

import sys
from typing import Annotated

from typer import Argument, Option, Typer

from agent.cli import options
from agent.cli.options import Text, config_of, console

app = Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Build or list environments.\n\nExample: repair-agent image build issue.md",
)


@app.command()
def build(
    task: Annotated[str, Argument(help="As for `solve`.")],
    repo: options.Repo = None,
    ref: Annotated[Text, Option(help="Branch, tag or commit.")] = None,
    dataset: Annotated[Text, Option(help="lite, verified or a file.")] = None,
    mirrors: options.Mirrors = None,
    image: Annotated[Text, Option(help="Image to put the code into.")] = None,
    dockerfile: options.Dockerfile = None,
    test_command: options.TestCommand = None,
    try_seconds: Annotated[
        float, Option(help="How long its tests are tried; 0 leaves it out.")
    ] = 60.0,
    debug: options.Debug = False,
) -> int:
    """Build the environment of a task and print its tag.

    The same that `solve` builds: it is kept, and found again. Its tests are tried once: what failed
    before any change and which were slowest is recorded with it. `image log TAG` shows all of it.

    Example: repair-agent image build issue.md --repo https://github.com/OWNER/REPO
    """
    config = config_of(locals())
    from agent.cli import image as images
    from agent.intake.issue import Options
    from agent.intake.task_argument import task_named

    issue = task_named(task, Options(repo, ref, dataset), config)
    return images.build(issue, config, console(), sys.stdout, try_seconds=try_seconds)


@app.command("list")
def list_images(as_json: options.BareJson = False, debug: options.Debug = False) -> int:
    """Show the environments that were built, and the room they take.

    Example: repair-agent image list
    """
    from agent.cli.image import show

    return show(config_of({}), sys.stdout, as_json=as_json)


@app.command()
def log(
    tag: Annotated[str, Argument(help="An image's tag, as `image build` prints it.")],
    debug: options.Debug = False,
) -> int:
    """Print how an image was made: every command and what it said.

    Example: repair-agent image log repair-agent/tool:0123456789abcdef
    """
    from agent.cli.image import print_log

    return print_log(tag, config_of({}), sys.stdout)
