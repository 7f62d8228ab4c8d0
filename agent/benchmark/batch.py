"""A batch: each instance is solved and graded, and its image removed.

Read `run_batch` first. Every thread works on one instance at a time; only the driver, which is
whoever called, writes what belongs to the whole run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from agent.benchmark.disk_space import DiskSpace
from agent.benchmark.engines import Engine, Threads
from agent.benchmark.grading import Grader, again, grader
from agent.benchmark.instances import Choice
from agent.benchmark.interruption import Halt, StoppingWatch
from agent.benchmark.models import Models, open_models
from agent.benchmark.sample_predictions import complete, predict
from agent.benchmark.stop_rule import StopRule
from agent.config import Config
from agent.errors import EngineError, Interrupted, ModelLost, ModelRefused, UserError, WorldError
from agent.intake import dataset
from agent.intake.issue import TaskFile
from agent.messages import Usage
from agent.model.run_budget import RunBudget, RunBudgetEmpty
from agent.records import Image, Result
from agent.show.batch_progress import OUT_OF_MONEY, Ended, Tally
from agent.show.progress import FileProgress
from agent.solve import solve
from agent.trajectory.predictions import predictions
from agent.trajectory.reader import read_log, read_task
from agent.trajectory.run_folder import ASIDE, RunFolder, TaskFolder
from agent.trajectory.run_info import read_record
from tools.base import Explained

Redo = Literal["failed", "all"]
LOG = "log.txt"


@dataclass(frozen=True)
class Batch:
    """The options of a batch.

    `max_usd` is for all instances together; `evaluate` grades each patch as soon as it is there;
    `keep_images` leaves environments on the disk, of which `min_free_gb` are kept free.
    """

    dataset: str
    choice: Choice = field(default_factory=Choice)
    workers: int = 1
    redo: str | None = None
    evaluate: bool = False
    max_usd: float | None = None
    keep_images: bool = False
    min_free_gb: float = 5.0
    grade_seconds: int = 1800


def run_batch(
    batch: Batch, config: Config, run: RunFolder, tally: Tally, engine: Engine | None = None
) -> None:
    """Work on all chosen instances that are not finished, and show how each ended.

    An instance that fails for the world's reasons has a `failure.json` and is tried again when the
    batch is started again. Raises UserError, and Interrupted after the work so far was saved.
    """
    tasks = batch.choice.of(dataset.tasks(batch.dataset))
    if config.samples:
        complete(run)
    grading = None
    if batch.evaluate:
        grading = grader(run.path, batch.dataset, config.docker_host, batch.grade_seconds)
    halt = Halt()
    engine = engine or Threads(batch.workers, halt.set)
    with open_models(config, tally.remark) as models:
        budget = _run_budget(batch, models, run.path)
        disk = DiskSpace.of(config, batch.min_free_gb, run.path, keep=batch.keep_images)
        work = Work(batch, config, run, models, budget, grading, halt, tally, disk)
        tally.begin(len(tasks))
        with closing(engine.run(work.to_do(tasks), work)) as ends:
            try:
                for ended in ends:
                    work.rule.hear(ended)
                    tally.model_is_away = work.rule.model_is_away
                    tally.end(ended)
            except Interrupted as signal:  # told to the threads before they are waited for
                halt.set(signal)
                raise


@dataclass(frozen=True)
class Work:
    """What every instance is worked on with; called with one, it solves and grades it."""

    batch: Batch
    config: Config
    run: RunFolder
    models: Models
    budget: RunBudget | None
    grader: Grader | None
    halt: Halt
    tally: Tally
    disk: DiskSpace
    rule: StopRule = field(default_factory=StopRule)

    def to_do(self, tasks: list[TaskFile]) -> Iterator[TaskFile]:
        """Yield what is left to do, one at a time, putting aside what is to be done again."""
        redo, grader = self.batch.redo, self.grader
        for task in tasks:
            if self.halt.is_set or self.rule.stops:
                return
            folder = self.run.path / task.id
            known: Result | None = read_record(folder / "result.json", Result)
            again = redo == "failed" and known is not None and known.status == "no_patch"
            if again or (redo == "all" and folder.is_dir()):
                self.run.put_aside(task.id)
                known = None
            if known is None or (grader and not grader.knows(task.id)):
                yield task
            else:
                resolved = grader.resolved(task.id) if grader else None
                self.tally.end(Ended(task.id, known.status, known, resolved, earlier=True))

    def __call__(self, task: TaskFile) -> Ended:
        """Solve one instance, grade it, and return how it ended; only signals are raised."""
        folder = self.run.task(task.id)
        with FileProgress(folder.path / LOG, self.tally.watch(task.id)) as log:
            watch = StoppingWatch(log, self.halt)
            try:
                self.disk.begin(folder.path, task.image)
                self.disk.check(watch.stage)
                result = folder.finished or self._solved(task, folder, watch)
                resolved = self._graded(task, folder, watch) if self.grader else None
            except RunBudgetEmpty as empty:
                return Ended(task.id, OUT_OF_MONEY, None, problem=empty.message)
            except Interrupted:
                return Ended(task.id, "stopped", None)
            except Exception as error:  # the one place where an instance's failure is recorded
                if self.halt.is_set and isinstance(error, EngineError):  # its build was ended
                    return Ended(task.id, "stopped", None)
                problem = error.message if isinstance(error, Explained) else repr(error)
                if folder.finished:  # its patch is there: what failed is its grading
                    problem = f"not graded: {problem}"
                else:
                    folder.fail(error)
                log.stage(f"failed: {problem}")
                lost = isinstance(error, ModelLost | ModelRefused)
                return Ended(task.id, "failed", None, problem=problem, lost=lost)
            finally:
                self.disk.give_back(folder.path, task.image, log.stage)
        return Ended(task.id, result.status, result, resolved=resolved)

    def _solved(self, task: TaskFile, folder: TaskFolder, watch: StoppingWatch) -> Result:
        result = solve(task, self.config, self.models.of(task.id), folder, watch, self.budget)
        if self.config.samples:
            predict(self.run, read_task(folder.path))
        return result

    def _graded(self, task: TaskFile, folder: TaskFolder, watch: StoppingWatch) -> bool | None:
        """Grade all patches of an instance; return whether the voted one resolves it."""
        assert self.grader is not None
        image, resolved = read_task(folder.path).image, None
        assert image is not None

        def ready() -> Image:
            return again(image, task, self.config, watch.stage)

        problem = ""
        for prediction in predictions(self.run.path, task.id):
            grade = self.grader.grade(prediction, image, watch.stage, ready, self.halt.check)
            resolved = grade.resolved if prediction.sample is None else resolved
            problem = problem or (grade.problem if grade.resolved is None else "")
        if problem:
            raise WorldError(problem, "start the batch again in the same folder")
        return resolved


def _run_budget(batch: Batch, models: Models, run: Path) -> RunBudget | None:
    """Return the budget of the run with what earlier starts spent, None without a limit."""
    if batch.max_usd is None:
        return None
    if models.opened is None or models.opened.cost(1, 1) is None:
        raise UserError(
            "the model's price is not known, so --max-run-usd can hold nothing",
            "name it with `prices` in the settings, or limit --max-tokens for each instance",
        )
    folders = (path for path in (*run.iterdir(), *run.glob(f"{ASIDE}/*")) if path.is_dir())
    used = sum((read_log(folder).usage for folder in folders), Usage())
    return RunBudget(batch.max_usd, (used.usd or 0.0) + (models.opened.opening.usd or 0.0))
