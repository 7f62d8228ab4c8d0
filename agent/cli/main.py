"""The command line: options and help; each command imports its module when it is called."""

from __future__ import annotations

import signal
import sys
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.main import get_group

from agent.cli import image as image_commands
from agent.cli import model as model_commands
from agent.cli.batch import batch, evaluate

if TYPE_CHECKING:
    from types import FrameType

    from agent.config import Config

app = typer.Typer(
    name="repair-agent",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    help="Turn an issue into a tested patch, and say how far the patch can be trusted.\n\n"
    "Example: repair-agent solve issue.md --repo . -m gpt-5-mini",
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Model = Annotated[
    str | None, typer.Option("-m", "--model", help="Hosted name, local, local:GGUF, scripted:PATH.")
]
BaseUrl = Annotated[str | None, typer.Option(help="An OpenAI-compatible endpoint.")]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="Run folder: made, or resumed if it is ours.")
]
LATER = "(not in this version)"


def _tell_version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        sys.stdout.write(f"repair-agent {metadata.version('repair-agent')}\n")
        raise typer.Exit


@app.callback(help=app.info.help)
def common(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", is_eager=True, callback=_tell_version
        ),
    ] = False,
) -> None:
    """Take what stands before a command."""


@app.command()
def solve(
    task: Annotated[
        str, typer.Argument(help="Issue URL, owner/repo#N, .md or .toml file, SWE-bench id.")
    ],
    repo: Annotated[
        str | None, typer.Option(help="The code: a path, a git URL, or pypi:NAME==VERSION.")
    ] = None,
    ref: Annotated[str | None, typer.Option(help="Branch, tag or commit to repair.")] = None,
    image: Annotated[str | None, typer.Option(help="Image to use in place of a built one.")] = None,
    dockerfile: Annotated[
        str | None, typer.Option(help="The repository's Dockerfile or devcontainer.json.")
    ] = None,
    test_command: Annotated[str | None, typer.Option(help="How the tests run.")] = None,
    sandbox: Annotated[str | None, typer.Option(help="docker, or local (no isolation).")] = None,
    unsafe: Annotated[
        bool | None, typer.Option("--unsafe", help="Let a live model act without isolation.")
    ] = None,
    model: Model = None,
    base_url: BaseUrl = None,
    attempts: Annotated[str | None, typer.Option(help="Independent attempts, or auto. [4]")] = None,
    planner: Annotated[str | None, typer.Option(help="auto, free or guided. [auto]")] = None,
    temperature: Annotated[float | None, typer.Option(help="Of the first attempt. [0]")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the first attempt. [0]")] = None,
    max_usd: Annotated[float | None, typer.Option(help="US dollars for the task. [3]")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Tokens for the task.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="Steps of one attempt. [250]")] = None,
    time_limit: Annotated[float | None, typer.Option(help="Seconds for the task. [3600]")] = None,
    at_issue_time: Annotated[
        bool, typer.Option("--at-issue-time", help="Solve an open issue as of its opening.")
    ] = False,
    dataset: Annotated[
        str | None, typer.Option(help="Of the id: lite, verified or a file. [lite]")
    ] = None,
    mirror: Annotated[
        list[str] | None, typer.Option(help="Folder of git mirrors; may be repeated.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help=f"Change the code {LATER}.")] = False,
    pr: Annotated[bool, typer.Option("--pr", help=f"Open a draft pull request {LATER}.")] = False,
    output: Output = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Repair one issue.

    Exit codes: 0 verified patch, 2 wrong words, 3 patch not verified, 4 candidates disagree,
    5 no patch, 6 the world is wrong, 130 and 143 stopped by a signal (work so far is saved).

    Example: repair-agent solve https://github.com/OWNER/REPO/issues/N -m gpt-5-mini
    """
    _refuse_later({"--apply": apply, "--pr": pr})
    from agent.cli.solve import EXIT_CODES, run_solve
    from agent.intake.task_argument import Options, task_named
    from agent.trajectory.encoding import encode

    flags = {
        "model": model,
        "base_url": base_url,
        "attempts": attempts,
        "planner": planner,
        "temperature": temperature,
        "seed": seed,
        "max_steps": max_steps,
        "max_usd": max_usd,
        "max_tokens": max_tokens,
        "time_limit": time_limit,
        "test_command": test_command,
        "sandbox": sandbox,
        "unsafe": unsafe,
        "image": image,
        "dockerfile": dockerfile,
        "mirrors": mirror,
    }
    config = _config(flags)
    issue = task_named(task, Options(repo, ref, dataset, at_issue_time), config)
    result = run_solve(issue, config, output, _console())
    if as_json:
        sys.stdout.write(encode(result).decode() + "\n")
    return EXIT_CODES[result.status]


@app.command()
def inspect(
    run: Annotated[
        Path,
        typer.Argument(help="A run, a task, a folder of runs, a trajectory or predictions file."),
    ] = Path("runs"),
    other: Annotated[Path | None, typer.Argument(help="Another, to be put beside it.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Text that greps well.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write one page to this file.")] = None,
    traj: Annotated[
        Path | None, typer.Option(help="Write RUN/TASK/attempt-1 as mini-swe-agent's file.")
    ] = None,
    messages: Annotated[
        Path | None, typer.Option(help="Write RUN/TASK/attempt-1 as OpenAI messages (JSONL).")
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Show what a run did, step by step, and why its patch won; ? lists the keys.

    Also reads mini-swe-agent's .traj.json, SWE-agent's .traj, and SWE-bench predictions.

    Example: repair-agent inspect runs/20260801T101500-9f3a --plain | grep run_tests
    """
    from agent.config import environment
    from agent.inspector.command import Forms
    from agent.inspector.command import run as show

    return show(run, other, Forms(plain, as_json, html, traj, messages), environment())


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN..", help="Run folders.")],
    html: Annotated[
        Path | None, typer.Option(help="Also write one page with plots to this file.")
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Report what runs came to: resolved with intervals, pass@k, abstention, cost, time.

    Several runs are put side by side and compared on the instances graded in both.

    Example: repair-agent report runs/20260801T101500-9f3a --html report.html
    """
    from agent.benchmark.report.command import run

    return run(runs, as_json=as_json, html=html, out=sys.stdout)


@app.command()
def replay(
    attempt: Annotated[Path, typer.Argument(help="RUN/TASK/attempt-1, or a task that has one.")],
    image: Annotated[str | None, typer.Option(help="Image in place of the recorded one.")] = None,
    sandbox: Annotated[
        str | None, typer.Option(help="local: do again what was done without isolation.")
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Do a recorded attempt's actions again in a fresh sandbox, and say where it diverges.

    No model is asked. Exit codes: 0 the same came of it, but for times, addresses and temporary
    names, 3 it diverged, 2 wrong words, 6 the image is gone.

    Example: repair-agent replay runs/RUN/TASK/attempt-1
    """
    from agent.trajectory.replay.command import run

    def say(text: str) -> None:
        sys.stderr.write(f"{text}\n")

    config = _config({"image": image, "sandbox": sandbox})
    return run(attempt, config, as_json=as_json, out=sys.stdout, say=say)


@app.command()
def doctor(
    model: Model = None, base_url: BaseUrl = None, as_json: Json = False, debug: Debug = False
) -> int:
    """Check the engine, the disk, the keys and the model, with the remedy for each.

    The model is asked for one tiny call, which shows what it can do.

    Example: repair-agent doctor -m gpt-5-mini
    """
    from agent.cli.doctor import run

    return run(_config({"model": model, "base_url": base_url}), as_json=as_json, out=sys.stdout)


@app.command()
def clean(
    images: Annotated[
        bool, typer.Option("--images", help="Also remove built images and caches.")
    ] = False,
    debug: Debug = False,
) -> int:
    """Remove what a killed run left behind: containers and temporary folders.

    Example: repair-agent clean --images
    """
    from agent.cli.clean import run

    return run(_config({}), images=images, out=sys.stdout)


def _not_yet(name: str, example: str, text: str) -> None:
    """List a command that is not there yet: it has help, and ends with exit code 2."""

    def command(
        arguments: Annotated[list[str] | None, typer.Argument()] = None, debug: Debug = False
    ) -> int:
        return _refuse_later({name: True})

    app.command(
        name,
        help=f"{text} {LATER}\n\nExample: repair-agent {example}",
        context_settings={"ignore_unknown_options": True},
    )(command)


for _name, _example, _text in (
    ("select", "select *.patch --repo .", "Judge patches of any author."),
):
    _not_yet(_name, _example, _text)
app.command()(batch)
app.command()(evaluate)
app.add_typer(image_commands.app, name="image")
app.add_typer(model_commands.app, name="model")


def _refuse_later(options: dict[str, Any]) -> int:
    from agent.errors import UserError

    for name, value in options.items():
        if value:
            raise UserError(f"{name} is not in this version", "repair-agent --help lists what is")
    return 0


def _config(flags: dict[str, Any]) -> Config:
    from agent.config import environment, read

    return read(flags, environment(), Path.cwd())


def _console() -> Any:
    from rich.console import Console

    return Console(stderr=True)


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    arguments = sys.argv[1:]
    code = 1
    try:
        code = get_group(_called(arguments))(arguments, standalone_mode=False) or 0
        sys.stdout.flush()
    except BaseException as error:
        if "--debug" in arguments and isinstance(error, Exception):
            raise
        from agent.cli.failure_lines import explain

        code = explain(error, "--json" in arguments)
    sys.exit(code)


def _called(arguments: list[str]) -> typer.Typer:
    """Return the command line with the one command that is called, whole where none is.

    Typer reads the annotations of all the commands that it has, for a sixth of a second.
    """
    name = arguments[0] if arguments else ""
    commands = [
        one for one in app.registered_commands
        if name in (one.name, one.callback.__name__ if one.callback else "")
    ]  # fmt: skip
    groups = [one for one in app.registered_groups if one.name == name]
    if not commands and not groups:
        return app
    narrow = copy(app)
    narrow.registered_commands, narrow.registered_groups = commands, groups
    return narrow


def _stop(number: int, frame: FrameType | None) -> None:
    """Ask the work to stop; what it started is cleaned up on the way out."""
    from agent.errors import Interrupted

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, _wait)
    sys.stderr.write("\nstopping: saving the work so far and cleaning up\n")
    raise Interrupted(number)


def _wait(number: int, frame: FrameType | None) -> None:
    """Let impatience not cut the saving short, but let it have its way the next time."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_DFL)
    sys.stderr.write("still saving; once more to give it up\n")
