"""Grades of a run's patches: each is graded once, and again only when the patch changes."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from agent.benchmark import harness
from agent.benchmark.harness import Outcome
from agent.config import Config
from agent.environment.environment import open_environment
from agent.errors import UserError, WorldError
from agent.intake import dataset
from agent.intake.issue import TaskFile
from agent.records import Image
from agent.trajectory.durable_files import write_whole
from agent.trajectory.encoding import encode
from agent.trajectory.grades import Environment, Grade, Grades
from agent.trajectory.predictions import Prediction, predictions
from agent.trajectory.run_info import read_record
from tools.sandbox.engine import Engine

FILE = "grades.json"


class Book:
    """The grades of a run, written whole after each; safe to share between threads."""

    def __init__(self, run: Path) -> None:
        self._path, self._lock = run / FILE, threading.Lock()
        known: Grades | None = read_record(self._path, Grades)
        grades = known.grades if known else ()
        self._grades = {(grade.instance, grade.sample): grade for grade in grades}

    def known(self, prediction: Prediction) -> Grade | None:
        """Return the grade that a patch has already, None for a changed patch or a failed try."""
        grade = self.of(prediction.instance, prediction.sample)
        known = grade and grade.patch == prediction.digest and grade.resolved is not None
        return grade if known else None

    def of(self, instance: str, sample: int | None = None) -> Grade | None:
        """Return the last grade of an instance's voted patch, or of a sample."""
        return self._grades.get((instance, sample))

    def add(self, grade: Grade) -> None:
        """Keep a grade in place of an earlier one."""
        with self._lock:
            self._grades[grade.instance, grade.sample] = grade
            order = sorted(self._grades, key=lambda key: (key[0], key[1] or 0))
            grades = Grades(harness.version(), tuple(self._grades[key] for key in order))
            write_whole(self._path, encode(grades, indent=2))


@dataclass(frozen=True)
class Grader:
    """Grades predictions of one run; `rows` are the dataset's, read whole: this is grading."""

    run: Path
    rows: Mapping[str, dict[str, Any]]
    book: Book
    docker_host: str | None = None
    seconds: int = harness.SECONDS

    def knows(self, instance: str) -> bool:
        """Tell whether all predictions of an instance are graded."""
        return all(self.book.known(one) for one in predictions(self.run, instance))

    def resolved(self, instance: str) -> bool | None:
        """Return what is known of the voted patch of an instance."""
        grade = self.book.of(instance)
        return grade.resolved if grade else None

    def grade(
        self,
        prediction: Prediction,
        image: Image,
        say: Callable[[str], None],
        ready: Callable[[], Image],
        check_halt: Callable[[], None] = lambda: None,
    ) -> Grade:
        """Return a prediction's grade, from the harness unless it is known; raises WorldError.

        `image` is the one on record; `ready` makes it again where it was removed, which may give
        another: the grade is of the one that ran. The harness ends when `check_halt` raises.
        """
        known = self.book.known(prediction)
        if known and known.environment == _environment(image):
            return known
        if not prediction.digest:
            return self.keep(prediction, image, Outcome(False, problem="there is no patch"))
        image = ready()
        started = monotonic()
        sample, instance = prediction.sample, prediction.instance
        say(f"grading {f'sample {sample}' if sample else 'the patch'} of {instance}")
        job = harness.Job(
            self.rows[instance],
            prediction.patch,
            None if _environment(image) == "official" else image.reference,
            f"{prediction.digest[:12]}-{secrets.token_hex(3)}",
            self.run / instance / "grading" / (f"sample-{sample}" if sample else "voted"),
        )
        outcome = harness.grade(
            job, docker_host=self.docker_host, seconds=self.seconds, check_halt=check_halt
        )
        return self.keep(prediction, image, outcome, job.id, monotonic() - started)

    def keep(
        self,
        prediction: Prediction,
        image: Image,
        outcome: Outcome,
        harness_run: str = "",
        seconds: float = 0.0,
    ) -> Grade:
        """Record and return the grade of a prediction; one without a verdict is tried again."""
        grade = Grade(
            prediction.instance, prediction.sample, prediction.digest, outcome.resolved,
            _environment(image), harness_run, outcome.failed, outcome.problem, round(seconds, 1),
        )  # fmt: skip
        self.book.add(grade)
        return grade


def _environment(image: Image) -> Environment:
    return "official" if image.made == "pulled" else "built"


def again(image: Image, issue: TaskFile, config: Config, say: Callable[[str], None]) -> Image:
    """Return an instance's environment, made again where it was removed; raises WorldError.

    SWE-bench's own is left to the harness, which pulls it.
    """
    if image.made == "pulled" or Engine(config.docker_host).image(image.reference):
        return image
    with open_environment(issue, config, say) as environment:
        return environment.image


def grader(run: Path, name: str, docker_host: str | None, seconds: int) -> Grader:
    """Return a grader of a run's predictions by a dataset; raises UserError."""
    harness.version()
    rows = {str(row.get("instance_id")): row for row in dataset.read(name, None)}
    if not any("FAIL_TO_PASS" in row for row in rows.values()):
        raise UserError(f"{name} holds no tests to grade by", "name SWE-bench's own dataset")
    return Grader(run, rows, Book(run), docker_host, seconds)


def grade_run(
    grader: Grader,
    ready: Callable[[str, Image], Image],
    only: Sequence[str],
    say: Callable[[str], None],
) -> list[Grade]:
    """Grade all predictions of a run, of the instances in `only` where it names any.

    `ready` returns an instance's environment by the one on record, made again where it was removed.
    Raises UserError.
    """
    grades = []
    unknown = sorted(set(only) - {prediction.instance for prediction in predictions(grader.run)})
    if unknown:
        raise UserError(f"the run predicts nothing for {', '.join(unknown)}", "check --instance")
    for prediction in predictions(grader.run):
        instance = prediction.instance
        if only and instance not in only:
            continue
        if instance not in grader.rows:
            raise UserError(f"the dataset has no {instance}", "name another with --dataset")
        image: Image | None = read_record(grader.run / instance / "image.json", Image)
        if image is None:
            raise UserError(f"{instance} has no image on record", "solve it first")
        try:
            grade = grader.grade(prediction, image, say, partial(ready, instance, image))
        except WorldError as error:  # the others may be graded all the same
            say(f"{instance} could not be graded: {error.message}")
            grade = grader.keep(prediction, image, Outcome(None, problem=error.message))
        grades.append(grade)
    return grades
