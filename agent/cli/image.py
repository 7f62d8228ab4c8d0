"""`repair-agent image`: environments built ahead, listed, and how they were made."""

from __future__ import annotations

from typing import Any, TextIO

from rich.console import Console
from rich.table import Table

from agent.config import Config
from agent.environment import baseline
from agent.environment.build import LOG
from agent.environment.environment import open_environment
from agent.environment.image_pruning import TAGS
from agent.environment.recipe import TEST_COMMAND, TOOLCHAIN
from agent.errors import UserError
from agent.intake.issue import TaskFile
from agent.show.progress import progress
from agent.trajectory.encoding import encode
from tools.sandbox.container import ImageInfo
from tools.sandbox.engine import Engine

PARTS = ("base", "layer")
"""Images that others are built on: they are no environments of a repository."""


def build(
    issue: TaskFile, config: Config, console: Console, out: TextIO, *, try_seconds: float
) -> int:
    """Build a task's environment, show how it goes, try its tests, and write its tag."""
    if config.sandbox != "docker":
        raise UserError("an image takes the Docker engine", "leave out sandbox = local")
    watch, first_run = progress(console), None
    try:
        with open_environment(issue, config, watch.stage) as environment:
            image = environment.image
            ours = image.reference.startswith(TAGS)  # nothing is recorded in somebody else's image
            if ours and image.test_command and try_seconds > 0:
                watch.stage(f"trying the tests, {try_seconds:.0f} seconds at most")
                engine = Engine(config.docker_host)
                first_run = baseline.measure(engine, image, environment.sandboxes, try_seconds)
    finally:
        watch.done()
    for line in first_run.lines() if first_run else ():
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    out.write(f"{image.reference}\n")
    return 0


def show(config: Config, out: TextIO, *, as_json: bool) -> int:
    """List the environments that are there, and the bytes of all."""
    rows: list[dict[str, Any]] = [
        {
            "tag": _tag(image),
            "bytes": image.size,
            "toolchain": image.labels.get(TOOLCHAIN),
            "test_command": image.labels.get(TEST_COMMAND),
            "first_run": baseline.recorded(image),
        }
        for image in Engine(config.docker_host).images()
        if _tag(image)
    ]
    if as_json:
        out.write(encode(rows, indent=2).decode())
        return 0
    table = Table(box=None, pad_edge=False)
    for name in ("TAG", "SIZE", "TOOLCHAIN", "TESTS"):
        table.add_column(name, no_wrap=True, justify="right" if name == "SIZE" else "left")
    for tag, size, toolchain, command, _ in (row.values() for row in rows):
        table.add_row(tag, f"{size / 1e6:,.0f} MB", toolchain or "", command or "")
    console = Console(file=out, width=160)
    console.print(table if rows else "no environments yet; build one with: image build TASK")
    if rows:
        console.print("Layers are shared: `repair-agent doctor` shows what all take together.")
    return 0


def print_log(tag: str, config: Config, out: TextIO) -> int:
    """Write the log of an image; raises UserError for one that is not there or not ours."""
    image = Engine(config.docker_host).image(tag)
    if image is None:
        raise UserError(f"there is no image {tag}", "repair-agent image list shows what there is")
    if LOG not in image.labels:
        raise UserError(f"{tag} holds no log", "it was not built here")
    out.write(image.labels[LOG].rstrip("\n") + "\n")
    first_run = baseline.recorded(image)
    for line in first_run.lines() if first_run else ():
        out.write(f"# {line}\n")
    return 0


def _tag(image: ImageInfo) -> str:
    """Return the tag of an environment, "" for other images."""
    tags = (tag for tag in image.tags if tag.startswith(TAGS))
    return next((tag for tag in tags if tag[len(TAGS) :].partition(":")[0] not in PARTS), "")
