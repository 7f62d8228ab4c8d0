"""The report's figures of runs that are small enough to be worked out by hand."""

from __future__ import annotations

import io
import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.benchmark.report import command
from agent.benchmark.report.instance_figures import read_run
from agent.benchmark.report.resolved import repository
from agent.errors import UserError
from agent.records import Result
from agent.trajectory.encoding import encode
from agent.trajectory.run_info import read_record
from tests.recorded import HEADER
from tests.reported import Made, make_run

T, F = True, False
SMALL = (
    Made("a__x-1", "verified", T, (T, T, F), 0.9, seconds=10),
    Made("a__x-2", "unverified", F, (F, F, T), 0.4, seconds=20),
    Made("b__y-1", "disagree", F, (F, F, F), 0.4, seconds=60),
    Made("b__y-2", "verified", None, (T, None, F), 0.9, seconds=30),
    Made("b__y-3", "EngineError", F, (F, F, F)),
    Made("a__x-3", None, graded=False),
)
WARMTH = {1: 0.0, 2: 0.8, 3: 0.8}


def report(*folders: Path) -> Any:
    out = io.StringIO()
    assert command.run(folders, as_json=True, html=None, out=out) == 0
    return json.loads(out.getvalue())


def text(*folders: Path) -> str:
    out = io.StringIO()
    command.run(folders, as_json=False, html=None, out=out)
    return out.getvalue()


def words(shown: str) -> list[str]:
    return [" ".join(line.split()) for line in shown.splitlines()]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return make_run(tmp_path / "small", SMALL, samples=3, temperatures=WARMTH)


def test_counts_leave_failures_out_of_what_is_graded(small: Path) -> None:
    found = report(small)
    counts = ("instances", "finished", "failed", "unfinished", "graded", "ungraded", "resolved")
    assert [found[key] for key in counts] == [6, 4, 1, 1, 3, 1, 1]
    assert found["failures"] == {"EngineError": 1}
    assert found["statuses"] == {"verified": 2, "unverified": 1, "disagree": 1, "no_patch": 0}
    assert found["resolved_rate"] == pytest.approx(1 / 3)
    assert found["wilson_95"] == pytest.approx([0.0615, 0.7923], abs=5e-5)
    assert (found["environment"], found["samples"], found["harness"]) == ("official", 3, "5.0")
    assert (found["run"], found["model"], found["dataset"]) == ("small", "some-model", "lite")


def test_pass_at_k_is_the_mean_over_instances_with_as_many_graded_samples(small: Path) -> None:
    found = report(small)
    # 2 of 3, 1 of 3, 0 of 3 correct, and 1 of the 2 that could be graded.
    assert found["pass@k"] == pytest.approx(
        {"1": 1.5 / 4, "2": (1 + 2 / 3 + 0 + 1) / 4, "3": 2 / 3}
    )
    assert found["pass@k_instances"] == {"1": 4, "2": 4, "3": 3}
    low, high = found["pass@k_wilson_95"]["1"]
    assert 0 < low < 1.5 / 4 < high < 1
    by_temperature = found["pass@k_by_temperature"]
    assert set(by_temperature) == {"0", "0.8"}
    assert by_temperature["0"] == pytest.approx({"1": 2 / 4})
    assert by_temperature["0.8"] == pytest.approx({"1": 1 / 4, "2": 2 / 3})


def test_the_vote_stands_between_one_attempt_and_the_oracle_on_the_same_instances(
    small: Path,
) -> None:
    selection = report(small)["selection"]
    figures = [selection[key] for key in ("vote", "single_attempt", "oracle")]
    assert selection["instances"] == 3  # the fourth vote could not be graded
    assert figures == pytest.approx([1 / 3, (2 / 3 + 1 / 3 + 0) / 3, 2 / 3])


def test_abstention_trades_coverage_for_precision(small: Path) -> None:
    abstention = report(small)["abstention"]
    by_status = abstention["by_status"]
    assert by_status["verified"]["coverage"] == pytest.approx(1 / 3)
    assert [by_status[s]["precision"] for s in ("verified", "unverified", "disagree")] == [1, 0, 0]
    assert by_status["no_patch"]["precision"] is None
    rows = {row["threshold"]: row for row in abstention["by_confidence"]}
    assert [(rows[t]["instances"], rows[t]["resolved"]) for t in (0.0, 0.4, 0.5, 0.9)] == [
        (3, 1), (3, 1), (1, 1), (1, 1),
    ]  # fmt: skip
    assert rows[0.4]["precision"] == pytest.approx(1 / 3)
    assert abstention["risk_coverage"] == [pytest.approx([1 / 3, 0]), pytest.approx([1, 2 / 3])]


def test_all_that_was_spent_counts_also_on_what_failed(small: Path) -> None:
    found = report(small)
    # Four finished tasks, and three attempts at each of the two others.
    assert found["cost_usd"] == pytest.approx(4 * 0.5 + 6 * 0.125)
    assert found["cost_usd_median"] == 0.5
    tokens = found["tokens"]
    assert (tokens["prompt"], tokens["completion"]) == (4 * 1000 + 6 * 10, 4 * 100 + 6 * 5)
    assert tokens["total"] == tokens["prompt"] + tokens["completion"]
    assert tokens["cached_share"] == pytest.approx(4 * 250 / 4060)
    assert tokens["median"] == 1100
    assert found["seconds"] == {"total": 120, "median": 25}


def test_the_grade_of_a_patch_that_was_made_anew_does_not_count(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [Made("a__x-1", vote=True), Made("a__x-2", vote=True)])
    row = {"instance_id": "a__x-1", "model_name_or_path": "m", "model_patch": "another"}
    (run / "predictions.jsonl").write_text(json.dumps(row) + "\n")
    found = report(run)
    assert (found["instances"], found["graded"], found["resolved"]) == (2, 1, 1)


def test_each_repository_has_its_own_figures(small: Path) -> None:
    found = report(small)["by_repository"]
    assert list(found) == ["a/x", "b/y"]
    assert [found["a/x"][key] for key in ("instances", "graded", "resolved")] == [3, 2, 1]
    assert [found["b/y"][key] for key in ("instances", "graded", "resolved")] == [3, 1, 0]
    assert found["b/y"]["failures"] == {"EngineError": 1}


@pytest.mark.parametrize(
    ("instance", "name"),
    [
        ("scikit-learn__scikit-learn-10297", "scikit-learn/scikit-learn"),
        ("pytest-dev__pytest-5103", "pytest-dev/pytest"),
        ("a__b__c-1", "a/b__c"),
        ("mean-cc61aff2", "other"),
        ("__x-1", "other"),
        ("a__b", "other"),
    ],
)
def test_the_repository_is_read_from_the_instance(instance: str, name: str) -> None:
    assert repository(instance) == name


def test_what_is_not_known_is_null(tmp_path: Path) -> None:
    made = [Made("a__x-1", usd=None), Made("a__x-2")]
    found = report(make_run(tmp_path / "run", made, harness=None))
    unknown = ("cost_usd", "cost_usd_median", "resolved", "wilson_95", "graded", "pass@k",
               "selection", "abstention", "environment")  # fmt: skip
    assert {found[key] for key in unknown} == {None}
    assert found["environments"] == {}
    assert found["by_repository"]["a/x"]["resolved"] is None
    shown = text(tmp_path / "run")
    assert "not graded" in shown
    assert "price unknown" in shown


def test_a_run_without_samples_has_no_pass_at_k(tmp_path: Path) -> None:
    found = report(make_run(tmp_path / "run", [Made("a__x-1", vote=T)]))
    assert (found["resolved"], found["pass@k"], found["selection"]) == (1, None, None)
    assert "pass@k" not in text(tmp_path / "run")


def test_samples_alone_say_nothing_of_the_vote(tmp_path: Path) -> None:
    found = report(make_run(tmp_path / "run", [Made("a__x-1", samples=(T, F))], samples=2))
    assert found["pass@k"] == {"1": 0.5, "2": 1.0}
    assert (found["graded"], found["resolved"], found["wilson_95"]) == (0, None, None)


def test_official_and_built_images_are_never_one_figure(tmp_path: Path) -> None:
    built = [Made(f"a__x-{n}", vote=n < 3, environment="built") for n in range(4)]
    official = [Made("a__x-8", vote=F), Made("a__x-9", vote=T)]
    found = report(make_run(tmp_path / "run", [*built, *official]))
    assert (found["environment"], found["resolved"], found["wilson_95"]) == ("mixed", None, None)
    both = found["environments"]
    assert [(e["resolved"], e["graded"]) for e in (both["official"], both["built"])] == [
        (1, 2), (3, 4),
    ]  # fmt: skip
    assert found["by_repository"]["a/x"]["resolved"] is None
    assert found["by_repository"]["a/x"]["environments"]["built"]["resolved"] == 3
    rows = words(text(tmp_path / "run"))
    assert "resolved, official images 1/2 = 50.0 %" in rows
    assert "resolved, built images 3/4 = 75.0 %" in rows


def test_runs_are_compared_on_what_both_have_graded(tmp_path: Path) -> None:
    marks = {
        "a__x-1": (T, F),
        "a__x-2": (F, T),
        "a__x-3": (F, T),
        "a__x-4": (T, T),
        "a__x-5": (F, F),
        "a__x-6": (F, T),
        "a__x-7": (None, T),
    }
    first = [Made(key, vote=mark) for key, (mark, _) in marks.items()]
    second = [Made(key, vote=mark) for key, (_, mark) in marks.items()]
    second[4] = replace(second[4], environment="built")
    one = make_run(tmp_path / "one", [*first, Made("a__x-8", vote=T)])
    two = make_run(tmp_path / "two", second)
    found = report(one, two)
    assert [run["run"] for run in found["runs"]] == ["one", "two"]
    (pair,) = found["pairs"]
    assert (pair["a"], pair["b"], pair["environment"]) == ("one", "two", "official")
    counts = ("instances", "both", "neither", "only_a", "only_b")
    assert [pair[key] for key in counts] == [5, 1, 0, 1, 3]
    assert pair["mcnemar_p"] == pytest.approx(2 * (1 + 4) / 16)
    assert pair["flipped"] == {"only_a": ["a__x-1"], "only_b": ["a__x-2", "a__x-3", "a__x-6"]}
    assert "Only B: a__x-2, a__x-3, a__x-6" in text(one, two)


def test_runs_that_share_nothing_graded_have_no_p(tmp_path: Path) -> None:
    one = make_run(tmp_path / "one", [Made("a__x-1", vote=T)])
    two = make_run(tmp_path / "two", [Made("a__x-1", vote=T)], harness=None)
    (pair,) = report(one, two)["pairs"]
    assert (pair["environment"], pair["instances"], pair["mcnemar_p"]) == (None, 0, None)
    assert "No instance is graded in the same images in both." in text(one, two)


def test_every_run_has_a_name_of_its_own(tmp_path: Path) -> None:
    folders = []
    for place in ("x", "y"):
        (tmp_path / place).mkdir()
        folders.append(make_run(tmp_path / place / "run", [Made("a__x-1", vote=T)]))
    named = [run["run"] for run in report(*folders, folders[0])["runs"]]
    assert named == [str(folders[0]), str(folders[1]), f"{folders[0]} (2)"]


def test_the_tables_fit_80_columns(small: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / "20260801T101500-9f3a", SMALL, samples=3, temperatures=WARMTH)
    third = make_run(tmp_path / "20260801T101500-9f3b", SMALL, samples=3)
    for folders in ((small,), (small, other, third), (small, other, third, other)):
        shown = text(*folders)
        assert max(map(len, shown.splitlines())) <= 80
        assert "…" not in shown
        resolved = [row for row in words(shown) if row.startswith("resolved, official images")]
        assert " ".join(resolved).count("1/3 = 33.3 %") == len(folders)
    assert "verified 1 33.3 % 100.0 % 20.7 to 100.0 %" in words(text(small))


def test_one_task_of_a_run_is_reported_alone(small: Path) -> None:
    found = report(small / "a__x-1")
    assert (found["instances"], found["graded"], found["resolved"]) == (1, 1, 1)


def test_a_run_of_nothing_has_figures_all_the_same(tmp_path: Path) -> None:
    found = report(make_run(tmp_path / "run", []))
    assert (found["instances"], found["cost_usd"], found["seconds"]["median"]) == (0, 0, None)
    assert text(tmp_path / "run")


def test_damaged_or_newer_grades_are_one_clear_line(small: Path) -> None:
    grades = small / "grades.json"
    grades.write_text('{"harness": "9", "format": 99}')
    with pytest.raises(UserError, match="newer repair-agent"):
        report(small)
    grades.write_text('{"harness":')
    with pytest.raises(UserError, match=r"grades\.json: not JSON"):
        report(small)


def test_an_attempt_being_written_right_now_is_read_as_far_as_it_is(small: Path) -> None:
    log = small / "a__x-3" / "attempt-4.jsonl"
    log.write_bytes(encode(HEADER)[:20])
    assert report(small)["unfinished"] == 1


def test_memory_does_not_grow_with_what_tasks_hold(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [Made(f"a__x-{n}", vote=T) for n in range(60)])
    for path in run.glob("*/result.json"):
        result: Result = read_record(path, Result)
        path.write_bytes(encode(replace(result, errors=("x" * 1_000_000,))))
    read_run(run / "a__x-0")  # what is made once, such as converters, is made
    tracemalloc.start()
    try:
        record = read_run(run)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(record.instances) == 60
    assert peak < 8_000_000  # of 60 MB: one task's result in its forms
