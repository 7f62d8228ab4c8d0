"""The commands about many instances of a dataset: options in, one call, exit code out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from agent.cli import options
from agent.cli.options import File, Number, Text, config_of, console


def batch(
    dataset: Annotated[str, Argument(help="lite, verified, or a .parquet, .jsonl or .json.")],
    instance: options.Instances = None,
    pattern: Annotated[Text, Option("--filter", help="Those whose id holds this pattern.")] = None,
    part: Annotated[Text, Option("--slice", help="A:B of what is left.")] = None,
    workers: Annotated[int, Option(min=1, help="Instances at once. [1]")] = 1,
    engine: Annotated[str, Option(help="local; ray is not in this version. [local]")] = "local",
    samples: Annotated[
        int | None, Option(help="Independent attempts, each graded: for pass@k.")
    ] = None,
    redo: Annotated[Text, Option(help="failed (also those without a patch), or all.")] = None,
    evaluate: Annotated[
        bool, Option("--evaluate", help="Grade each patch as soon as it is there.")
    ] = False,
    model: options.Model = None,
    base_url: options.BaseUrl = None,
    attempts: Annotated[Text, Option(help="Attempts at each instance. [4]")] = None,
    planner: options.Planner = None,
    temperature: options.Temperature = None,
    seed: options.Seed = None,
    max_usd: Annotated[Number, Option(help="US dollars for each instance. [3]")] = None,
    max_run_usd: Annotated[Number, Option(help="US dollars for all instances together.")] = None,
    max_tokens: Annotated[int | None, Option(help="Tokens for each instance.")] = None,
    max_steps: options.MaxSteps = None,
    time_limit: Annotated[Number, Option(help="Seconds for each. [3600]")] = None,
    mirrors: options.Mirrors = None,
    keep_images: Annotated[
        bool, Option("--keep-images", help="Leave each instance's image on the disk.")
    ] = False,
    min_free_gb: Annotated[float, Option(min=0, help="Of the disk, to stay free. [5]")] = 5.0,
    output: Annotated[
        File, Option("-o", "--output", help="Run folder: made, or resumed if ours.")
    ] = None,
    debug: options.Debug = False,
) -> int:
    """Solve many SWE-bench instances; started again in the same folder, it goes on.

    Exit codes: 0 all have ended, 2 wrong words, 3 the money of the run was used up before, 6 some
    failed because of the world (their failure.json says why), 130 and 143 stopped by a signal.

    Example: repair-agent batch lite --filter flask -m gpt-5-mini --evaluate -o runs/flask
    """
    config = config_of(locals())
    from agent.benchmark import command
    from agent.benchmark.batch import Batch
    from agent.benchmark.instances import Choice

    choice = Choice(tuple(instance or ()), pattern, part)
    wanted = Batch(dataset, choice, workers, redo, evaluate, max_run_usd, keep_images, min_free_gb)
    return command.batch(wanted, config, output, console(), engine)


def evaluate(
    run: Annotated[Path, Argument(help="A run folder.")],
    dataset: Annotated[
        Text, Option(help="Where the run names none: lite, verified or a file.")
    ] = None,
    instance: options.Instances = None,
    mirrors: options.Mirrors = None,
    timeout: Annotated[int, Option(min=1, help="Seconds for one instance's tests.")] = 1800,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Grade a run's predictions with SWE-bench's own harness, into its grades.json.

    A patch that has its grade is not run again. Exit codes: 0 all are graded, 2 wrong words, 6 some
    could not be.

    Example: repair-agent evaluate runs/flask
    """
    config = config_of(locals())
    from agent.benchmark import command

    wanted = command.Evaluation(run, dataset, tuple(instance or ()), timeout)
    return command.evaluate(wanted, config, console(), sys.stdout if as_json else None)
