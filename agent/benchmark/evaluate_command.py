"""From the words of a command line to the grades of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from agent.benchmark.grading import again, evaluate, grader
from agent.config import Config
from agent.errors import UserError
from agent.intake.task_argument import Options, task_named
from agent.records import Image
from agent.show.progress import progress
from agent.trajectory.grades import Grade
from agent.trajectory.predictions import predictions
from agent.trajectory.run_folder import RunFolder, versions
from agent.trajectory.run_info import read_info


def run(
    path: Path,
    dataset: str | None,
    only: Sequence[str],
    config: Config,
    seconds: int,
    console: Console,
) -> list[Grade]:
    """Grade a run's predictions, show how it goes, and return their grades.

    The environment of an instance is made again where it was removed. Raises UserError, WorldError.
    """
    info = read_info(path)
    if info is None:
        raise UserError(f"{path} is no run folder", "name one; they are in runs/")
    name = dataset or info.dataset
    if name is None:
        raise UserError(f"{path} names no dataset to grade by", "name it with --dataset")
    if not any(predictions(path)):
        raise UserError(f"{path} predicts nothing yet", "run repair-agent batch first")
    if config.image or config.dockerfile:
        raise UserError("one image does not fit all instances", "leave out image and dockerfile")
    with RunFolder.open(path, versions=versions(None), config=None):
        grading = grader(path, name, config.docker_host, seconds)
        watch = progress(console)

        def ready(instance: str, image: Image) -> Image:
            issue = task_named(instance, Options(dataset=name), config)
            return again(image, issue, config, watch.stage)

        try:
            grades = evaluate(grading, ready, only, watch.stage)
        finally:
            watch.done()
    resolved = sum(one.resolved is True for one in grades if one.sample is None)
    voted = [one for one in grades if one.sample is None]
    console.print(f"{resolved} of {len(voted)} resolved ({path / 'grades.json'})", soft_wrap=True)
    for one in grades:
        if one.resolved is None:
            console.print(
                f"{one.instance} could not be graded: {one.problem}", markup=False, soft_wrap=True
            )
    return grades
