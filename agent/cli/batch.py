"""The commands that work on many instances; each imports its module when it is called."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]


def batch(
    dataset: Annotated[str, typer.Argument(help="lite, verified, or a .parquet, .jsonl or .json.")],
    instance: Annotated[
        list[str] | None, typer.Option("--instance", help="This one; may be repeated.")
    ] = None,
    pattern: Annotated[
        str | None, typer.Option("--filter", help="Those whose id holds this pattern.")
    ] = None,
    part: Annotated[str | None, typer.Option("--slice", help="A:B of what is left.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Instances at once. [1]")] = 1,
    engine: Annotated[
        str, typer.Option(help="local; ray is not in this version. [local]")
    ] = "local",
    samples: Annotated[
        int | None, typer.Option(help="Independent attempts, each graded: for pass@k.")
    ] = None,
    redo: Annotated[
        str | None, typer.Option(help="failed (also those without a patch), or all.")
    ] = None,
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Grade each patch as soon as it is there.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option("-m", "--model", help="Hosted name, local, local:GGUF, scripted:PATH."),
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="An OpenAI-compatible endpoint.")] = None,
    attempts: Annotated[str | None, typer.Option(help="Attempts at each instance. [4]")] = None,
    planner: Annotated[str | None, typer.Option(help="auto, free or guided. [auto]")] = None,
    temperature: Annotated[float | None, typer.Option(help="Of the first attempt. [0]")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the first attempt. [0]")] = None,
    max_usd: Annotated[float | None, typer.Option(help="US dollars for each instance. [3]")] = None,
    max_run_usd: Annotated[
        float | None, typer.Option(help="US dollars for all instances together.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Tokens for each instance.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="Steps of one attempt. [250]")] = None,
    time_limit: Annotated[float | None, typer.Option(help="Seconds for each. [3600]")] = None,
    mirror: Annotated[
        list[str] | None, typer.Option(help="Folder of git mirrors; may be repeated.")
    ] = None,
    keep_images: Annotated[
        bool, typer.Option("--keep-images", help="Leave each instance's image on the disk.")
    ] = False,
    min_free_gb: Annotated[float, typer.Option(min=0, help="Of the disk, to stay free. [5]")] = 5.0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Run folder: made, or resumed if ours.")
    ] = None,
    debug: Debug = False,
) -> int:
    """Solve many SWE-bench instances; started again in the same folder, it goes on.

    Exit codes: 0 all have ended, 2 wrong words, 3 the money of the run was used up before, 6 some
    failed because of the world (their failure.json says why), 130 and 143 stopped by a signal.

    Example: repair-agent batch lite --filter flask -m gpt-5-mini --evaluate -o runs/flask
    """
    from rich.console import Console

    from agent.benchmark.batch import Batch
    from agent.benchmark.batch_command import run
    from agent.benchmark.instances import Choice
    from agent.config import environment, read

    flags = {
        "model": model, "base_url": base_url, "attempts": attempts, "samples": samples,
        "planner": planner, "temperature": temperature, "seed": seed, "max_usd": max_usd,
        "max_tokens": max_tokens, "max_steps": max_steps, "time_limit": time_limit,
        "mirrors": mirror,
    }  # fmt: skip
    config = read(flags, environment(), Path.cwd())
    wanted = Batch(
        dataset, Choice(tuple(instance or ()), pattern, part), workers, redo, evaluate,
        max_run_usd, keep_images, min_free_gb,
    )  # fmt: skip
    return run(wanted, config, output, Console(stderr=True), engine)


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    dataset: Annotated[
        str | None, typer.Option(help="Where the run names none: lite, verified or a file.")
    ] = None,
    instance: Annotated[
        list[str] | None, typer.Option("--instance", help="This one; may be repeated.")
    ] = None,
    mirror: Annotated[
        list[str] | None, typer.Option(help="Folder of git mirrors; may be repeated.")
    ] = None,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds for one instance's tests.")] = 1800,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Grade a run's predictions with SWE-bench's own harness, into its grades.json.

    A patch that has its grade is not run again. Exit codes: 0 all are graded, 2 wrong words, 6 some
    could not be.

    Example: repair-agent evaluate runs/flask
    """
    from dataclasses import asdict

    from rich.console import Console

    from agent.benchmark.evaluate_command import run as grade
    from agent.config import environment, read

    config = read({"mirrors": mirror}, environment(), Path.cwd())
    console = Console(stderr=True)
    grades = grade(run, dataset, tuple(instance or ()), config, timeout, console)
    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in grades]) + "\n")
    return 6 if any(one.resolved is None for one in grades) else 0
