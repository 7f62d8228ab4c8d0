"""The commands under `repair-agent image`; each imports its module when it is called."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Build or list environments.\n\nExample: repair-agent image build issue.md",
)
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@app.command()
def build(
    task: Annotated[str, typer.Argument(help="As for `solve`.")],
    repo: Annotated[
        str | None, typer.Option(help="The code: a path, a git URL, or pypi:NAME==VERSION.")
    ] = None,
    ref: Annotated[str | None, typer.Option(help="Branch, tag or commit.")] = None,
    dataset: Annotated[str | None, typer.Option(help="lite, verified or a file.")] = None,
    mirror: Annotated[
        list[str] | None, typer.Option(help="Folder of git mirrors; may be repeated.")
    ] = None,
    image: Annotated[str | None, typer.Option(help="Image to put the code into.")] = None,
    dockerfile: Annotated[
        str | None, typer.Option(help="The repository's Dockerfile or devcontainer.json.")
    ] = None,
    test_command: Annotated[str | None, typer.Option(help="How the tests run.")] = None,
    try_seconds: Annotated[
        float, typer.Option(help="How long its tests are tried; 0 leaves it out.")
    ] = 60.0,
    debug: Debug = False,
) -> int:
    """Build the environment of a task and print its tag.

    The same that `solve` builds: it is kept, and found again. Its tests are tried once: what failed
    before any change and which were slowest is recorded with it. `image log TAG` shows all of it.

    Example: repair-agent image build issue.md --repo https://github.com/OWNER/REPO
    """
    from rich.console import Console

    from agent.cli.images import build as run
    from agent.config import environment, read
    from agent.intake.task_argument import Options, task_named

    flags = {
        "image": image,
        "dockerfile": dockerfile,
        "test_command": test_command,
        "mirrors": mirror,
    }
    config = read(flags, environment(), Path.cwd())
    named = task_named(task, Options(repo, ref, dataset), config)
    return run(named, config, Console(stderr=True), sys.stdout, try_seconds=try_seconds)


@app.command("list")
def list_images(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    debug: Debug = False,
) -> int:
    """Show the environments that were built, and the room they take.

    Example: repair-agent image list
    """
    from agent.cli.images import show
    from agent.config import environment, read

    return show(read({}, environment(), Path.cwd()), sys.stdout, as_json=as_json)


@app.command()
def log(
    tag: Annotated[str, typer.Argument(help="An image's tag, as `image build` prints it.")],
    debug: Debug = False,
) -> int:
    """Print how an image was made: every command and what it said.

    Example: repair-agent image log repair-agent/tool:0123456789abcdef
    """
    from agent.cli.images import tell
    from agent.config import environment, read

    return tell(tag, read({}, environment(), Path.cwd()), sys.stdout)
