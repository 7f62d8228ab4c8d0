"""What batches are made of: choices, money, threads, the table; small, and flat over many."""

from __future__ import annotations

import gc
import json
import threading
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
from rich.console import Console

from agent.benchmark.disk_space import DiskSpace
from agent.benchmark.engines import Threads
from agent.benchmark.grading import Book, Grader
from agent.benchmark.harness import Outcome
from agent.benchmark.instances import Choice
from agent.benchmark.sample_predictions import complete
from agent.errors import EngineError, Interrupted, UserError, WorldError
from agent.intake.issue import TaskFile
from agent.messages import Usage
from agent.model.run_budget import RunBudget, RunBudgetEmpty
from agent.records import Counts, Image, Result
from agent.show.batch_progress import Ended, Tally
from agent.trajectory.encoding import encode
from agent.trajectory.grades import Grade
from agent.trajectory.predictions import Prediction, predictions
from tests import recorded
from tools.sandbox.container import ImageInfo

SIMULATED = 10_000


def tasks(*ids: str) -> dict[str, TaskFile]:
    return {
        one: TaskFile(
            id=one, source="", title="", body="", repository=one.partition("-")[0], ref="x"
        )
        for one in ids
    }


def test_what_is_chosen_keeps_repositories_together() -> None:
    known = tasks("a-1", "b-1", "a-2", "c-1", "b-2")
    assert [one.id for one in Choice().of(known)] == ["a-1", "a-2", "b-1", "b-2", "c-1"]
    assert [one.id for one in Choice(pattern="^a|c").of(known)] == ["a-1", "a-2", "c-1"]
    assert [one.id for one in Choice(part="1:3").of(known)] == ["b-1", "a-2"]
    assert [one.id for one in Choice(ids=("c-1", "a-1"), part="-1:").of(known)] == ["c-1"]
    with pytest.raises(UserError, match="no instance is left"):
        Choice(part="9:").of(known)


def test_calls_in_flight_never_go_over_the_limit() -> None:
    purse, chance, most = RunBudget(1.0), Random(7), [0.0]
    lock, refused = threading.Lock(), []

    def ask() -> None:
        for _ in range(200):
            dearest = chance.uniform(0.001, 0.01)
            try:
                with purse.holding(dearest):
                    purse.charge(chance.uniform(0, dearest))
                    with lock:
                        most[0] = max(most[0], purse.spent)
            except RunBudgetEmpty as empty:
                refused.append(empty.message)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused, "there was more to ask for than money"
    assert 0.9 < most[0] <= 1.0
    assert "limit of $1 has" in refused[0]


def test_money_of_earlier_starts_counts_and_an_unpriced_call_is_let_through() -> None:
    with pytest.raises(RunBudgetEmpty), RunBudget(1.0, spent=1.0).holding(None):
        pass
    with RunBudget(1.0, spent=0.5).holding(None):
        pass


def test_threads_take_a_job_when_they_have_a_place_for_it() -> None:
    taken, gate = [], threading.Event()

    def jobs() -> Iterator[int]:
        for number in range(6):
            taken.append(number)
            yield number

    def work(number: int) -> int:
        gate.wait(10)
        return number

    ends = Threads(2, lambda _: None).run(jobs(), work)
    early: list[int] = []

    def open_gate() -> None:
        early.append(len(taken))
        gate.set()

    threading.Timer(0.2, open_gate).start()
    assert sorted(ends) == list(range(6))
    assert early == [2], "no more than it runs"


def test_what_work_raises_is_raised_to_the_driver() -> None:
    def work(number: int) -> int:
        raise ValueError(number)

    with pytest.raises(ValueError, match="1"):
        list(Threads(1, lambda _: None).run([1, 2], work))


def result(number: int) -> Result:
    return Result(
        f"owner__tool-{number}", "verified", None, 0.5, 0.0, 1, 1, 1, Counts(100, 10, 0), 0.01, 1.0,
        "model", "image",
    )  # fmt: skip


def test_ten_thousand_instances_leave_the_driver_as_small_as_a_hundred() -> None:
    tally = Tally(Console(file=StringIO()))
    tally.begin(SIMULATED)

    def work(number: int) -> Ended:
        name = f"owner__tool-{number}"
        tally.watch(name).step(1, "bash", Usage(100, 10))
        return Ended(name, "verified", result(number), resolved=True)

    sizes = []
    tracemalloc.start()
    for ended in Threads(4, lambda _: None).run(range(SIMULATED), work):
        tally.end(ended)
        if sum(tally.counts.values()) in (100, SIMULATED // 2, SIMULATED):
            tally._console.file.truncate(0)  # what was printed is the terminal's, not ours
            tally._console.file.seek(0)
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert tally.summary() == "10000 verified; 10000 of 10000 graded resolved"
    assert sizes[2] - sizes[0] < 200_000, sizes


def test_the_table_says_how_it_goes() -> None:
    out = StringIO()
    console = Console(file=out, width=100, force_terminal=True, color_system=None)
    clock = iter([0.0] + [100.0] * 20)
    tally = Tally(console, lambda: next(clock))
    tally._all = 4
    tally.watch("owner__tool-2").step(3, "bash ls", Usage(1000, 200, 0, 0.5))
    tally._working = dict(tally._working)
    tally.counts.update({"verified": 1, "failed": 1})
    console.print(tally)
    shown = out.getvalue()
    assert "2 of 4" in shown
    assert "1,200 tokens" in shown
    assert "$0.5000" in shown
    assert "owner__tool-2 step 3: bash ls" in shown
    assert "waiting  working  verified  failed" in shown


def test_after_an_error_the_other_threads_are_told_to_stop() -> None:
    told: list[object] = []
    stop = threading.Event()

    def halt(by: Interrupted) -> None:
        told.append(by)
        stop.set()

    def work(number: int) -> int:
        if number == 1:
            raise ValueError("the engine is away")
        return number if stop.wait(10) else -1

    with pytest.raises(ValueError, match="away"):
        list(Threads(2, halt).run([0, 1], work))
    assert len(told) == 1


@dataclass
class Full:
    """An engine whose disk is full, with the images of some dates; `away` after that."""

    dates: dict[str, str]
    away: bool = False
    free: float = 1e9

    def images(self) -> list[ImageInfo]:
        return [ImageInfo((tag,), tag, 1, created=date) for tag, date in self.dates.items()]

    def image(self, reference: str) -> ImageInfo | None:
        if self.away:
            raise EngineError("the engine does not answer")
        return next((one for one in self.images() if reference in one.tags), None)

    def image_bytes(self) -> int:
        return len(self.dates) * 10**9

    def free_bytes(self) -> int:
        return int(self.free)

    def remove_image(self, reference: str) -> None:
        del self.dates[reference]
        self.free += 1e9


OLD, MINE, BUSY = "repair-agent/tool:old", "repair-agent/tool:mine", "repair-agent/tool:busy"
SINCE = datetime(2026, 1, 2, tzinfo=UTC)


def full() -> Full:
    return Full({OLD: "2026-01-01T00:00:00.123456789Z", MINE: "2026-01-03T00:00:00Z",
                 BUSY: "2026-01-03T00:00:00Z"})  # fmt: skip


def recorded_image(folder: Path, reference: str, made: Any) -> None:
    image = Image(reference, "sha256:0", made, "Python 3.9.2", None)
    (folder / "image.json").write_bytes(encode(image))


@pytest.mark.parametrize(("keep", "left"), [(False, {OLD, BUSY}), (True, {OLD, MINE, BUSY})])
def test_a_full_disk_takes_nothing_but_what_the_batch_built(
    tmp_path: Path, keep: bool, left: set[str]
) -> None:
    engine: Any = full()
    (tmp_path / "task").mkdir()
    recorded_image(tmp_path / "task", BUSY, "built")
    room = DiskSpace(engine, tmp_path, 5e9, keep, SINCE, {tmp_path / "task"})
    with pytest.raises(WorldError, match="the disk is nearly full"):
        room.check(lambda said: None)
    assert set(engine.dates) == left


def test_an_engine_that_is_away_when_an_image_is_given_back_is_said(tmp_path: Path) -> None:
    engine: Any = full()
    engine.away = True
    said: list[str] = []
    recorded_image(tmp_path, MINE, "built")
    DiskSpace(engine, tmp_path, 0, False, SINCE).give_back(tmp_path, None, said.append)
    assert said == [f"{MINE} stays: the engine does not answer"]
    engine.away = False
    DiskSpace(engine, tmp_path, 0, False, SINCE).give_back(tmp_path, None, said.append)
    assert MINE not in engine.dates


@pytest.mark.parametrize("before", [True, False])
def test_a_pulled_image_goes_again_however_old_it_is(tmp_path: Path, before: bool) -> None:
    engine: Any = full()
    row = "swebench/sweb.eval.x86_64.owner_1776_tool-1:latest"
    made_by_others = {row: "2024-08-01T00:00:00Z"}
    engine.dates |= made_by_others if before else {}
    room = DiskSpace(engine, tmp_path, 0, False, SINCE)
    room.begin(tmp_path, row)
    engine.dates |= made_by_others
    recorded_image(tmp_path, row, "pulled")
    room.give_back(tmp_path, row, print)
    assert (row in engine.dates) is before
    assert room.working == set()


def test_a_grade_that_the_harness_could_not_give_is_asked_for_again(tmp_path: Path) -> None:
    patch = Prediction("owner__tool-1", None, "diff")
    line = {"instance_id": "owner__tool-1", "model_name_or_path": "m", "model_patch": "diff"}
    (tmp_path / "predictions.jsonl").write_text(json.dumps(line) + "\n")
    grading = Grader(tmp_path, {}, Book(tmp_path))
    image = Image("repair-agent/tool:1", "sha256:0", "built", "Python 3.9.2", None)
    grading.keep(patch, image, Outcome(None, problem="the container did not start"))
    assert not grading.knows("owner__tool-1")
    grading.book.add(Grade("owner__tool-1", None, patch.digest, False, "built"))
    assert grading.knows("owner__tool-1")


def test_an_attempt_that_was_not_made_predicts_nothing(tmp_path: Path) -> None:
    with recorded.opened(tmp_path) as run:
        folder = run.task("owner__tool-1")
        recorded.log_events(folder, "attempt-1", recorded.HEADER)
        folder.finish(recorded.result(folder.id), "")
        complete(run)
        complete(run)
    assert [(one.instance, one.sample) for one in predictions(tmp_path)] == [
        ("owner__tool-1", None), ("owner__tool-1", 1),
    ]  # fmt: skip
