"""What a report keeps of a run: a few numbers of each instance, whatever its folder holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agent.errors import from_os_error
from agent.messages import Usage
from agent.records import Result, Status
from agent.trajectory.encoding import event_of
from agent.trajectory.events import Header, Step
from agent.trajectory.grades import Environment, Grade, read_grades
from agent.trajectory.predictions import predictions
from agent.trajectory.reader import Failure, load_run, read_events
from agent.trajectory.run_info import read_record


@dataclass(frozen=True, slots=True)
class Mark:
    """What a grade says: `resolved` is None where the harness could not tell.

    `sample` is the number of the attempt, None for the patch that was voted for; `temperature` is
    the attempt's, None where its log is not there.
    """

    environment: Environment
    resolved: bool | None
    sample: int | None = None
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """One task of a run: finished when it has a `status`, failed when it has a `failure`.

    `usage` is all that was spent on it, `seconds` the wall time of a finished one. `vote` and
    `samples` are grades of finished ones: those of others are no answers.
    """

    id: str
    status: Status | None
    confidence: float | None
    usage: Usage
    seconds: float | None
    failure: str | None
    vote: Mark | None = None
    samples: tuple[Mark, ...] = ()

    @property
    def resolved(self) -> bool:
        """Tell whether the patch that was voted for is known to resolve it."""
        return self.vote is not None and self.vote.resolved is True

    @property
    def environments(self) -> set[Environment]:
        """What it was graded in: the vote's, which is that of its samples, too."""
        marks = self.samples if self.vote is None else (self.vote,)
        return {mark.environment for mark in marks}


@dataclass(frozen=True)
class RunRecord:
    """A run as reports need it; `samples` is its --samples, `harness` None when it is not graded.

    `known_as` are the names under which it may be shown, the shortest first.
    """

    known_as: tuple[str, ...]
    model: str | None
    dataset: str | None
    samples: int | None
    harness: str | None
    instances: tuple[Instance, ...]


def read_run(path: Path) -> RunRecord:
    """Read a run folder, one task at a time; raises UserError for what is none of ours."""
    run = load_run(path)
    grades = read_grades(run.folder)
    info = run.info
    config = (info.resumed[-1].config if info.resumed else info.config) if info else {}
    samples = config.get("samples")
    patches = {(one.instance, one.sample): one.digest for one in predictions(run.folder)}
    by_instance: dict[str, list[Grade]] = {}
    for grade in grades.grades if grades is not None else ():
        patch = patches.get((grade.instance, grade.sample), grade.patch)
        if patch == grade.patch:  # else it is of a patch that is no more
            by_instance.setdefault(grade.instance, []).append(grade)
    return RunRecord(
        known_as=(info.id if info else run.folder.name, str(run.folder)),
        model=str(config["model"]) if config.get("model") else None,
        dataset=info.dataset if info else None,
        samples=samples if isinstance(samples, int) and samples > 0 else None,
        harness=grades.harness if grades is not None else None,
        instances=tuple(
            read_instance(folder, by_instance.get(folder.name, ())) for folder in run.task_folders
        ),
    )


def read_instance(folder: Path, grades: Iterable[Grade]) -> Instance:
    """Read what a report needs of a task's folder; a finished task's logs are not opened whole."""
    result: Result | None = read_record(folder / "result.json", Result)
    if result is None:
        failure: Failure | None = read_record(folder / "failure.json", Failure)
        kind = failure.error if failure is not None else None
        return Instance(folder.name, None, None, _spent(folder), None, kind)
    by_sample = {grade.sample: grade for grade in grades}  # the last one of a sample counts
    vote = by_sample.pop(None, None)
    count, usd = result.tokens, result.cost_usd
    if usd is None and not (count.prompt or count.completion):
        usd = 0.0
    return Instance(
        id=folder.name,
        status=result.status,
        confidence=result.confidence,
        usage=Usage(count.prompt, count.completion, count.cached, usd),
        seconds=result.seconds,
        failure=None,
        vote=Mark(vote.environment, vote.resolved) if vote is not None else None,
        samples=tuple(
            Mark(grade.environment, grade.resolved, number, _temperature(folder, number))
            for number, grade in sorted((n, g) for n, g in by_sample.items() if n is not None)
        ),
    )


def _spent(folder: Path) -> Usage:
    """Sum what a task without a result had cost, all starts; usd is None if any of it is."""
    logs = [*folder.glob("attempt-*.jsonl"), folder / "shared.jsonl"]
    steps = [event for log in logs for event in read_events(log) if isinstance(event, Step)]
    return total([step.usage for step in steps if not step.served and step.usage != Usage()])


def total(parts: list[Usage]) -> Usage:
    """Return the sum of what was used; usd is None if it is unknown of any part."""
    used = sum(parts, Usage(usd=0.0))
    known = all(part.usd is not None for part in parts)
    return Usage(used.prompt, used.completion, used.cached, used.usd if known else None)


def _temperature(folder: Path, number: int) -> float | None:
    """Return the temperature of an attempt.

    It follows from the attempt's number, so that starting it again does not change it: the first
    line is enough, and a log can be long.
    """
    path = folder / f"attempt-{number}.jsonl"
    try:
        with path.open("rb") as file:
            line = file.readline()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise from_os_error(error) from error
    header = event_of(line, f"{path} line 1") if line.endswith(b"\n") else None
    return header.temperature if isinstance(header, Header) else None
