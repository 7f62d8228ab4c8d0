"""The options that several commands share, and what every command makes of its options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

if TYPE_CHECKING:
    from rich.console import Console

    from agent.config import Config

Text = str | None
Number = float | None
File = Path | None
Debug = Annotated[bool, Option("--debug", help="Show the traceback of an error.")]
Json = Annotated[bool, Option("--json", help="Print JSON, and nothing else, on stdout.")]
BareJson = Annotated[bool, Option("--json", help="Print JSON.")]

Repo = Annotated[Text, Option(help="The code: a path, a git URL, or pypi:NAME==VERSION.")]
Dockerfile = Annotated[Text, Option(help="The repository's Dockerfile or devcontainer.json.")]
TestCommand = Annotated[Text, Option(help="How the tests run.")]
Mirrors = Annotated[
    list[str] | None, Option("--mirror", help="Folder of git mirrors; may be repeated.")
]
Instances = Annotated[list[str] | None, Option("--instance", help="This one; may be repeated.")]

Model = Annotated[
    Text, Option("-m", "--model", help="Hosted name, local, local:GGUF, scripted:PATH.")
]
BaseUrl = Annotated[Text, Option(help="An OpenAI-compatible endpoint.")]
Planner = Annotated[Text, Option(help="auto, free or guided. [auto]")]
Temperature = Annotated[Number, Option(help="Of the first attempt. [0]")]
Seed = Annotated[int | None, Option(help="Of the first attempt. [0]")]
MaxSteps = Annotated[int | None, Option(help="Steps of one attempt. [250]")]


def config_of(parameters: Mapping[str, Any]) -> Config:
    """Return the configuration; a command's parameters with a setting's name are its options."""
    from agent.config import Config, environment, read

    names = {field.name for field in fields(Config)}
    flags = {name: value for name, value in parameters.items() if name in names}
    return read(flags, environment(), Path.cwd())


def console() -> Console:
    """Return where progress and verdicts are shown."""
    from rich.console import Console

    return Console(stderr=True)
