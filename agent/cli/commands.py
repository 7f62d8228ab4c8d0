"""The commands about one task, one run, or this machine: options in, one call, exit code out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from agent.cli import options
from agent.cli.options import File, Number, Text, config_of, console

LATER = "(not in this version)"


def solve(
    task: Annotated[
        str, Argument(help="Issue URL, owner/repo#N, .md or .toml file, SWE-bench id.")
    ],
    repo: options.Repo = None,
    ref: Annotated[Text, Option(help="Branch, tag or commit to repair.")] = None,
    image: Annotated[Text, Option(help="Image to use in place of a built one.")] = None,
    dockerfile: options.Dockerfile = None,
    test_command: options.TestCommand = None,
    sandbox: Annotated[Text, Option(help="docker, or local (no isolation).")] = None,
    unsafe: Annotated[
        bool | None, Option("--unsafe", help="Let a live model act without isolation.")
    ] = None,
    model: options.Model = None,
    base_url: options.BaseUrl = None,
    attempts: Annotated[Text, Option(help="Independent attempts, or auto. [4]")] = None,
    planner: options.Planner = None,
    temperature: options.Temperature = None,
    seed: options.Seed = None,
    max_usd: Annotated[Number, Option(help="US dollars for the task. [3]")] = None,
    max_tokens: Annotated[int | None, Option(help="Tokens for the task.")] = None,
    max_steps: options.MaxSteps = None,
    time_limit: Annotated[Number, Option(help="Seconds for the task. [3600]")] = None,
    at_issue_time: Annotated[
        bool, Option("--at-issue-time", help="Solve an open issue as of its opening.")
    ] = False,
    dataset: Annotated[Text, Option(help="Of the id: lite, verified or a file. [lite]")] = None,
    mirrors: options.Mirrors = None,
    apply: Annotated[bool, Option("--apply", help=f"Change the code {LATER}.")] = False,
    pr: Annotated[bool, Option("--pr", help=f"Open a draft pull request {LATER}.")] = False,
    output: Annotated[
        File, Option("-o", "--output", help="Run folder: made, or resumed if it is ours.")
    ] = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Repair one issue.

    Exit codes: 0 verified patch, 2 wrong words, 3 patch not verified, 4 candidates disagree,
    5 no patch, 6 the world is wrong, 130 and 143 stopped by a signal (work so far is saved).

    Example: repair-agent solve https://github.com/OWNER/REPO/issues/N -m gpt-5-mini
    """
    config = config_of(locals())
    if apply or pr:
        _refuse("--apply" if apply else "--pr")
    from agent.cli.solve import EXIT_CODES, run_solve
    from agent.intake.issue import Options
    from agent.intake.task_argument import task_named
    from agent.trajectory.encoding import encode

    issue = task_named(task, Options(repo, ref, dataset, at_issue_time), config)
    result = run_solve(issue, config, output, console())
    if as_json:
        sys.stdout.write(encode(result).decode())
    return EXIT_CODES[result.status]


def inspect(
    run: Annotated[
        Path, Argument(help="A run, a task, a folder of runs, a trajectory or predictions file.")
    ] = Path("runs"),
    other: Annotated[File, Argument(help="Another, to be put beside it.")] = None,
    plain: Annotated[bool, Option("--plain", help="Text that greps well.")] = False,
    html: Annotated[File, Option(help="Write one page to this file.")] = None,
    traj: Annotated[File, Option(help="Write RUN/TASK/attempt-1 as mini-swe-agent's file.")] = None,
    messages: Annotated[
        File, Option(help="Write RUN/TASK/attempt-1 as OpenAI messages (JSONL).")
    ] = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Show what a run did, step by step, and why its patch won; ? lists the keys.

    Also reads mini-swe-agent's .traj.json, SWE-agent's .traj, and SWE-bench predictions.

    Example: repair-agent inspect runs/20260801T101500-9f3a --plain | grep run_tests
    """
    from agent.config import environment
    from agent.inspector import command

    forms = command.Forms(plain, as_json, html, traj, messages)
    return command.run(run, other, forms, environment())


def report(
    runs: Annotated[list[Path], Argument(metavar="RUN..", help="Run folders.")],
    html: Annotated[File, Option(help="Also write one page with plots to this file.")] = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Report what runs came to: resolved with intervals, pass@k, abstention, cost, time.

    Several runs are put side by side and compared on the instances graded in both.

    Example: repair-agent report runs/20260801T101500-9f3a --html report.html
    """
    from agent.benchmark.report.command import run

    return run(runs, as_json=as_json, html=html, out=sys.stdout)


def replay(
    attempt: Annotated[Path, Argument(help="RUN/TASK/attempt-1, or a task that has one.")],
    image: Annotated[Text, Option(help="Image in place of the recorded one.")] = None,
    sandbox: Annotated[
        Text, Option(help="local: do again what was done without isolation.")
    ] = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Do a recorded attempt's actions again in a fresh sandbox, and say where it diverges.

    No model is asked. Exit codes: 0 the same came of it, but for times, addresses and temporary
    names, 3 it diverged, 2 wrong words, 6 the image is gone.

    Example: repair-agent replay runs/RUN/TASK/attempt-1
    """
    config = config_of(locals())
    from agent.trajectory.replay.command import run

    def say(text: str) -> None:
        sys.stderr.write(f"{text}\n")

    return run(attempt, config, as_json=as_json, out=sys.stdout, say=say)


def doctor(
    model: options.Model = None,
    base_url: options.BaseUrl = None,
    everything: Annotated[
        bool, Option("--all", help="Also show the settings that are as they are by default.")
    ] = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> int:
    """Check the engine, the disk, the keys and the model, with the remedy for each.

    The model is asked for one tiny call, which shows what it can do.

    Example: repair-agent doctor -m gpt-5-mini
    """
    config = config_of(locals())
    from agent.cli.doctor import run

    return run(config, every_setting=everything, as_json=as_json, out=sys.stdout)


def clean(
    images: Annotated[
        bool, Option("--images", help="Also remove built images and caches.")
    ] = False,
    debug: options.Debug = False,
) -> int:
    """Remove what a killed run left behind: containers and temporary folders.

    Example: repair-agent clean --images
    """
    from agent.cli.clean import run

    return run(config_of({}), images=images, out=sys.stdout)


def select(
    arguments: Annotated[list[str] | None, Argument()] = None, debug: options.Debug = False
) -> int:
    """Judge patches of any author. (not in this version)

    Example: repair-agent select *.patch --repo .
    """
    return _refuse("select")


def _refuse(name: str) -> int:
    from agent.errors import UserError

    raise UserError(f"{name} is not in this version", "repair-agent --help lists what is")


COMMANDS = (solve, inspect, report, replay, doctor, clean)
"""In the order of the help; `select` is declared apart, as it takes any words."""
