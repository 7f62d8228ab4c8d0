"""What a report keeps of a run: a few numbers of each instance, whatever its folder holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agent.errors import from_os_error
from agent.records import Result, Status, Usage
from agent.trajectory.encoding import event_of
from agent.trajectory.events import Header, Step
from agent.trajectory.grades import Environment, Grade, read_grades
from agent.trajectory.predictions import predictions
from agent.trajectory.reader import Failure, Run, load_run, read_events
from agent.trajectory.run_info import RunInfo, read_record


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
    config = _config(run.info)
    samples = config.get("samples")
    patches = {(one.instance, one.sample): one.digest for one in predictions(run.folder)}
    marks: dict[str, list[Grade]] = {}
    for grade in grades.grades if grades is not None else ():
        of = grade.instance, grade.sample
        if patches.get(of, grade.patch) == grade.patch:  # else it is of a patch that is no more
            marks.setdefault(grade.instance, []).append(grade)
    return RunRecord(
        known_as=(run.info.id if run.info else run.folder.name, str(run.folder)),
        model=str(config["model"]) if config.get("model") else None,
        dataset=run.info.dataset if run.info else None,
        samples=samples if isinstance(samples, int) and samples > 0 else None,
        harness=grades.harness if grades is not None else None,
        instances=tuple(_instances(run, marks)),
    )


def _config(info: RunInfo | None) -> dict[str, object]:
    if info is None:
        return {}
    return info.resumed[-1].config if info.resumed else info.config


def _instances(run: Run, grades: dict[str, list[Grade]]) -> Iterable[Instance]:
    for folder in run.task_folders:
        yield read_instance(folder, grades.get(folder.name, ()))


def read_instance(folder: Path, grades: Iterable[Grade]) -> Instance:
    """Read what a report needs of a task's folder; a finished task's logs are not opened whole."""
    result: Result | None = read_record(folder / "result.json", Result)
    if result is None:
        failure: Failure | None = read_record(folder / "failure.json", Failure)
        kind = failure.error if failure is not None else None
        return Instance(folder.name, None, None, _spent(folder), None, kind)
    marks = {grade.sample: grade for grade in grades}  # the last one of a sample counts
    vote = marks.pop(None, None)
    return Instance(
        id=folder.name,
        status=result.status,
        confidence=result.confidence,
        usage=_usage(result),
        seconds=result.seconds,
        failure=None,
        vote=Mark(vote.environment, vote.resolved) if vote is not None else None,
        samples=tuple(
            Mark(grade.environment, grade.resolved, number, _temperature(folder, number))
            for number, grade in sorted((n, g) for n, g in marks.items() if n is not None)
        ),
    )


def _usage(result: Result) -> Usage:
    count = result.tokens
    nothing = not (count.prompt or count.completion)
    usd = 0.0 if nothing and result.cost_usd is None else result.cost_usd
    return Usage(count.prompt, count.completion, count.cached, usd)


def _spent(folder: Path) -> Usage:
    """Sum what a task without a result had cost, all starts; usd is None if any of it is."""
    logs = [*folder.glob("attempt-*.jsonl"), folder / "shared.jsonl"]
    steps = [event for log in logs for event in read_events(log) if isinstance(event, Step)]
    return total(step.usage for step in steps if not step.served and step.usage != Usage())


def total(parts: Iterable[Usage]) -> Usage:
    """Return the sum of what was used; usd is None if it is unknown of any part."""
    prompt = completion = cached = 0
    usd: float | None = 0.0
    for part in parts:
        prompt, completion = prompt + part.prompt, completion + part.completion
        cached += part.cached
        usd = None if usd is None or part.usd is None else usd + part.usd
    return Usage(prompt, completion, cached, usd)


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
