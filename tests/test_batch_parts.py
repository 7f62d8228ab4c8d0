"""What batches are made of: choices, money, threads, the table; small, and flat over many."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from collections.abc import Iterator
from io import StringIO
from random import Random

import pytest
from rich.console import Console

from agent.batch.choice import Choice
from agent.batch.engine import Threads
from agent.errors import UserError
from agent.intake.issue import TaskFile
from agent.model.purse import Purse, PurseEmpty
from agent.records import Counts, Result, Usage
from agent.show.tally import Ended, Tally

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
    purse, chance, most = Purse(1.0), Random(7), [0.0]
    lock, refused = threading.Lock(), []

    def ask() -> None:
        for _ in range(200):
            dearest = chance.uniform(0.001, 0.01)
            try:
                with purse.holding(dearest):
                    purse.charge(chance.uniform(0, dearest))
                    with lock:
                        most[0] = max(most[0], purse.spent)
            except PurseEmpty as empty:
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
    with pytest.raises(PurseEmpty), Purse(1.0, spent=1.0).holding(None):
        pass
    with Purse(1.0, spent=0.5).holding(None):
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
