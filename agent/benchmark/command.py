"""What `batch` and `evaluate` do, in a run folder, with the progress shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO, get_args

from rich.console import Console

from agent.benchmark.batch import Batch, Redo, run_batch
from agent.benchmark.grading import again, grade_run, grader
from agent.config import Config
from agent.errors import EXIT_UNVERIFIED, EXIT_WORLD, UserError
from agent.intake.issue import Options
from agent.intake.task_argument import task_named
from agent.records import Image
from agent.show.batch_progress import OUT_OF_MONEY, Tally
from agent.show.progress import progress
from agent.trajectory.encoding import encode
from agent.trajectory.grades import Grade
from agent.trajectory.predictions import predictions
from agent.trajectory.run_folder import RunFolder, new_run_id, versions
from agent.trajectory.run_info import read_info

EXIT_OUT_OF_MONEY = EXIT_UNVERIFIED
SETTINGS = ("model", "planner", "attempts", "samples", "temperature", "seed")
"""What all finished instances of a run have in common: else its figures would mean nothing."""


def batch(wanted: Batch, config: Config, output: Path | None, console: Console, engine: str) -> int:
    """Work on a batch in a run folder, show how it goes, and return the exit code.

    Raises UserError, and Interrupted after the work so far was saved.
    """
    if engine != "local":
        raise UserError(f"--engine {engine} is not in this version", "leave it out")
    if wanted.redo is not None and wanted.redo not in get_args(Redo):
        raise UserError(f"--redo {wanted.redo} means nothing", "give failed or all")
    if wanted.max_usd is not None and not wanted.max_usd > 0:
        raise UserError(f"--max-run-usd {wanted.max_usd} is no amount", "give more than 0")
    _refuse_one_image(config)
    path = output or Path("runs") / new_run_id(datetime.now(UTC))
    tally, facts = Tally(console), {"versions": versions(None), "config": config.shown()}
    try:
        with RunFolder.open(path, **facts, dataset=wanted.dataset, same=SETTINGS) as folder, tally:
            try:
                run_batch(wanted, config, folder, tally)
            except UserError:
                folder.discard_if_empty()
                raise
    finally:
        if tally.begun:  # whatever ended it, where the work is has to be known
            where = f"Everything is in {path}; repair-agent report {path}"
            for line in (tally.summary(), where):
                console.print(line, markup=False, highlight=False, soft_wrap=True)
    if tally.counts["failed"]:
        return EXIT_WORLD
    return EXIT_OUT_OF_MONEY if tally.counts[OUT_OF_MONEY] else 0


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` is asked for: `dataset` where the run names none, `instances` () for all."""

    run: Path
    dataset: str | None
    instances: Sequence[str]
    seconds: int


def evaluate(wanted: Evaluation, config: Config, console: Console, out: TextIO | None) -> int:
    """Grade a run's predictions, show how it goes, and return the exit code.

    The environment of an instance is made again where it was removed. The grades are written to
    `out` as JSON. Raises UserError, WorldError.
    """
    info = read_info(wanted.run)
    if info is None:
        raise UserError(f"{wanted.run} is no run folder", "name one; they are in runs/")
    name = wanted.dataset or info.dataset
    if name is None:
        raise UserError(f"{wanted.run} names no dataset to grade by", "name it with --dataset")
    if not any(predictions(wanted.run)):
        raise UserError(f"{wanted.run} predicts nothing yet", "run repair-agent batch first")
    _refuse_one_image(config)
    with RunFolder.open(wanted.run, versions=versions(None), config=None):
        grading = grader(wanted.run, name, config.docker_host, wanted.seconds)
        watch = progress(console)

        def ready(instance: str, image: Image) -> Image:
            issue = task_named(instance, Options(dataset=name), config)
            return again(image, issue, config, watch.stage)

        try:
            grades = grade_run(grading, ready, wanted.instances, watch.stage)
        finally:
            watch.done()
    _summarize(grades, wanted.run, console)
    if out is not None:
        out.write(encode(grades).decode())
    return EXIT_WORLD if any(grade.resolved is None for grade in grades) else 0


def _refuse_one_image(config: Config) -> None:
    if config.image or config.dockerfile:
        raise UserError("one image does not fit all instances", "leave out image and dockerfile")


def _summarize(grades: Sequence[Grade], run: Path, console: Console) -> None:
    voted = [grade for grade in grades if grade.sample is None]
    resolved = sum(grade.resolved is True for grade in voted)
    console.print(f"{resolved} of {len(voted)} resolved ({run / 'grades.json'})", soft_wrap=True)
    for grade in grades:
        if grade.resolved is None:
            text = f"{grade.instance} could not be graded: {grade.problem}"
            console.print(text, markup=False, soft_wrap=True)
