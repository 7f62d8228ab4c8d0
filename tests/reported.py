"""Run folders as a batch and its grading leave them, of any size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.messages import Sampling, Usage
from agent.records import Counts, Result, Status
from agent.trajectory.durable_files import write_whole
from agent.trajectory.encoding import encode
from agent.trajectory.events import End, Header, Step
from agent.trajectory.grades import Environment, Grade, Grades
from agent.trajectory.reader import Failure
from agent.trajectory.run_folder import RunFolder, versions
from agent.trajectory.task_log import attempt_name
from tests.recorded import log_events

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Made:
    """An instance: how it ended, what its vote and its samples were graded, what it cost.

    A `status` that is no status is the kind of a failure; None leaves it unfinished.
    """

    id: str
    status: str | None = "verified"
    vote: bool | None = None
    samples: tuple[bool | None, ...] = ()
    confidence: float | None = 0.5
    usd: float | None = 0.5
    seconds: float = 10.0
    environment: Environment = "official"
    graded: bool = True


def make_run(
    folder: Path,
    made: Iterable[Made],
    *,
    samples: int | None = None,
    temperatures: Mapping[int, float] | None = None,
    harness: str | None = "5.0",
) -> Path:
    """Write a run folder; without a `harness` it is not graded."""
    config: dict[str, Any] = {"model": "some-model"}
    config |= {} if samples is None else {"samples": samples}
    grades: list[Grade] = []
    with RunFolder.open(folder, versions=versions(None), config=config, dataset="lite") as run:
        for one in made:
            task = run.task(one.id)
            _write_end(task.path, one)
            for number, warmth in (temperatures or {}).items():
                name, used = attempt_name(number), Usage(10, 5, 0, 0.125)
                log_events(
                    task,
                    name,
                    Header(number, "free", "some-model", 0, warmth, "img", []),
                    Step("s1", name, (), {}, Sampling(), "", (), used, 0.5),
                    End("submitted", "", used, 1.0),
                )
            grades += _grades(one) if one.graded else ()
    if harness is not None:
        write_whole(folder / "grades.json", encode(Grades(harness, tuple(grades))))
    return folder


def _write_end(folder: Path, one: Made) -> None:
    if one.status in ("verified", "unverified", "disagree", "no_patch"):
        status: Status = one.status  # type: ignore[assignment]
        count = Counts(1000, 100, 250)
        result = Result(
            one.id, status, None, one.confidence, None, 1, 1, 1, count, one.usd, one.seconds,
            "some-model", "img",
        )  # fmt: skip
        write_whole(folder / "result.json", encode(result))
    elif one.status is not None:
        failure = Failure(one.status, "it broke", "", "", NOW)
        write_whole(folder / "failure.json", encode(failure))


def _grades(one: Made) -> Iterable[Grade]:
    yield Grade(one.id, None, "p", one.vote, one.environment)
    for number, resolved in enumerate(one.samples, 1):
        yield Grade(one.id, number, "p", resolved, one.environment)
