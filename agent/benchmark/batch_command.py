"""From the words of a command line to a batch that has ended."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from rich.console import Console

from agent.benchmark.batch import Batch, Redo, run_batch
from agent.config import Config
from agent.errors import EXIT_UNVERIFIED, EXIT_WORLD, UserError
from agent.show.batch_progress import Tally
from agent.trajectory.run_folder import RunFolder, new_run_id, versions

EXIT_OUT_OF_MONEY = EXIT_UNVERIFIED
SETTINGS = ("model", "planner", "attempts", "samples", "temperature", "seed")
"""What all finished instances of a run have in common: else its figures would mean nothing."""


def run(batch: Batch, config: Config, output: Path | None, console: Console, engine: str) -> int:
    """Work on a batch in a run folder, show how it goes, and return the exit code.

    Raises UserError, and Interrupted after the work so far was saved.
    """
    if engine != "local":
        raise UserError(f"--engine {engine} is not in this version", "leave it out")
    if batch.redo is not None and batch.redo not in get_args(Redo):
        raise UserError(f"--redo {batch.redo} means nothing", "give failed or all")
    if batch.max_usd is not None and not batch.max_usd > 0:
        raise UserError(f"--max-run-usd {batch.max_usd} is no amount", "give more than 0")
    if config.image or config.dockerfile:
        raise UserError("one image does not fit all instances", "leave out image and dockerfile")
    path = output or Path("runs") / new_run_id(datetime.now(UTC))
    tally = Tally(console)
    try:
        with (
            RunFolder.open(
                path,
                versions=versions(None),
                config=config.shown(),
                dataset=batch.dataset,
                same=SETTINGS,
            ) as folder,
            tally,
        ):
            try:
                run_batch(batch, config, folder, tally)
            except UserError:
                folder.discard_if_empty()
                raise
    finally:
        if tally.begun:  # whatever ended it, where the work is has to be known
            told = f"Everything is in {path}; repair-agent report {path}"
            for line in (tally.summary(), told):
                console.print(line, markup=False, highlight=False, soft_wrap=True)
    if tally.counts["failed"]:
        return EXIT_WORLD
    return EXIT_OUT_OF_MONEY if tally.counts["out of money"] else 0
