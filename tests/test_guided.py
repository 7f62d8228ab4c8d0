"""The guided planner: from an issue to a verdict, with scripts, in local sandboxes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.config import Config
from agent.inspector.opened_run import open_task
from agent.inspector.task_text import task_lines
from agent.localization.index import Index
from agent.messages import Message
from agent.model.protocol import Capabilities
from agent.planner.guided.planner import MOST_UNPROVEN, Agenda, Sample, handed_in
from agent.planner.guided.trial import Trial
from agent.records import Location, Result
from agent.task_run import planner_of
from agent.trajectory.attempt import Attempt
from agent.trajectory.events import Action, Note, Outcome
from agent.trajectory.reader import RecordedTask, read_task
from tests.samples import ISSUE, commit
from tests.test_solve import NEW, OLD, WROTE, Bench

SHOWN = ISSUE + "\n`mean([])` should be `0.0`\n"
MEAN = "calc.py mean"


def block(old: str, new: str) -> str:
    return f"<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"


RIGHT = block(OLD, NEW)
TWIN = block(OLD, f"{NEW}  # the mean of nothing")
OTHER = block(OLD, "    if not values:\n        return 0.0\n" + OLD)
BREAKS = block(OLD, "    return 0.0")
USELESS = block(OLD, "    return sum(values) * 1.0 / len(values)")
NO_SYNTAX = block(OLD, "    return (")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    (tmp_path / "mean.md").write_text(SHOWN)
    return made


def solve(bench: Bench, script: dict[str, Any], **more: Any) -> tuple[Result, RecordedTask]:
    result = bench.solve({"localize": [MEAN], **script}, planner="guided", **more)
    return result, read_task(bench.task)


def ends(recorded: RecordedTask) -> list[str | None]:
    return [one.end.reason if one.end else None for one in recorded.attempts]


def rejected(attempt: Attempt) -> int:
    assert attempt.end is not None
    return attempt.end.rejected


def tried(attempt: Attempt) -> list[tuple[Action, Outcome]]:
    """Return the changes that were proposed, each with what came of it."""
    acts = [act for turn in attempt.turns for act in turn.acts]
    assert all(act.action.name == "change" for act in acts)
    return [(act.action, act.outcome) for act in acts if act.outcome is not None]


def test_a_change_that_holds_is_verified_by_the_issues_own_snippet(bench: Bench) -> None:
    result, recorded = solve(bench, {"attempt-1.1": [[USELESS, RIGHT, TWIN]]})
    assert result.status == "verified"
    assert recorded.matrix is not None
    (check,) = [one for one in recorded.matrix.checks if one.issue]
    assert (check.origin, check.author, check.base) == ("probe", None, "fail")
    assert recorded.reproduction is not None
    assert not recorded.reproduction.tests, "a small model is not asked for what is shown already"
    assert ends(recorded) == ["submitted"]
    assert recorded.attempts[0].header.planner == "guided"
    assert [location.name for location in recorded.locations] == ["mean"]


def test_what_an_attempt_rejects_lowers_the_confidence(bench: Bench) -> None:
    _, recorded = solve(bench, {"attempt-1.1": [[USELESS, RIGHT, NO_SYNTAX]]})
    assert len(recorded.candidates) == 1
    assert rejected(recorded.attempts[0]) == 2
    assert recorded.verdict is not None
    assert recorded.verdict.confidence == pytest.approx(2 / (1 + 2 + 2))
    assert any("rejected 2 more" in one for one in recorded.verdict.sentences)


def test_samples_that_hold_are_candidates_and_one_that_does_not_goes_along(bench: Bench) -> None:
    result, recorded = solve(bench, {"attempt-1.1": [[RIGHT, OTHER, USELESS]]})
    assert result.status == "verified"
    by_end = {one.patch.count("* 1.0"): one for one in recorded.candidates}
    assert set(by_end) == {0, 1}, "two hold, and the third shows what the check tells apart"
    script = {"attempt-1.1": [[RIGHT, TWIN, OTHER, USELESS]]}
    result, recorded = solve(bench, {**script, "attempt-2.1": [[RIGHT, OTHER, TWIN]]})
    assert recorded.verdict is not None
    assert recorded.verdict.status == "verified"
    merged = {twin for one in recorded.candidates for twin in one.merged}
    assert merged, "textual twins stand as one"


def test_what_fails_is_shown_and_the_next_change_may_hold(bench: Bench) -> None:
    result, recorded = solve(bench, {"attempt-1.1": [[USELESS], [RIGHT]]})
    assert result.status == "verified"
    assert recorded.verdict is not None
    (chosen,) = [one for one in recorded.candidates if one.id == recorded.verdict.chosen]
    assert chosen.root == "1.1", "a refinement of the first sample"
    asked = [one.content for one in recorded.attempts[0].messages if one.role == "user"]
    assert "ZeroDivisionError" in asked[0]
    assert "ZeroDivisionError" in asked[-1]
    assert "assert (mean([])) == (0.0)" in asked[0]


def test_when_nothing_holds_the_best_are_handed_in_and_are_not_verified(bench: Bench) -> None:
    result, recorded = solve(bench, {"attempt-1.1": [[BREAKS, NO_SYNTAX, "no block"]]})
    assert result.status == "unverified"
    assert recorded.candidates[0].patch.count("return 0.0") == 1
    seen = {one.trial: one for attempt in recorded.attempts for _, one in tried(attempt)}
    assert set(seen) == {"breaks", "problems", "unusable"}
    assert "test_mean" in seen["breaks"].text
    assert "syntax" in seen["problems"].text
    assert seen["unusable"].text == "no change that can be applied"
    assert all(one.failed for one in seen.values())


def test_what_changes_only_white_space_or_comments_is_no_patch(bench: Bench) -> None:
    idle = [block(OLD, f"{OLD}  # mended"), block(OLD, OLD.replace("return ", "return  "))]
    result, recorded = solve(bench, {"attempt-1.1": [idle]})
    assert result.status == "no_patch"
    assert rejected(recorded.attempts[0]) == 3


def test_no_change_at_all_is_no_patch(bench: Bench) -> None:
    result, _ = solve(bench, {"attempt-1.1": [["I cannot"]]})
    assert result.status == "no_patch"


def test_once_a_change_held_unproven_ones_are_not_handed_in(bench: Bench) -> None:
    script = {"attempt-1.1": [[RIGHT]], "attempt-2.1": [[USELESS]], "attempt-2.2": [[USELESS]]}
    result, recorded = solve(bench, script)
    assert result.status == "verified"
    assert {one.attempt for one in recorded.candidates} == {1}
    assert rejected(recorded.attempts[1]) > 0


def test_a_place_that_held_is_looked_at_again(bench: Bench) -> None:
    script = {"attempt-1.1": [[RIGHT]], "attempt-2.1": [[OTHER]]}
    result, recorded = solve(bench, script)
    assert result.status == "verified"
    assert {one.attempt for one in recorded.candidates} == {1, 2}


def test_without_a_snippet_the_model_writes_the_test(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "mean.md").write_text(ISSUE)
    result, recorded = solve(bench, {**WROTE, "attempt-1.1": [[RIGHT]]})
    assert result.status == "verified"
    assert recorded.reproduction is not None
    assert recorded.reproduction.tests
    (test,) = recorded.reproduction.tests.values()
    assert test.startswith("from calc import mean\n"), "with the names of the nearest tests"


def test_a_limit_ends_an_attempt_and_its_work_is_harvested(bench: Bench) -> None:
    result, recorded = solve(bench, {"attempt-1.1": [[USELESS], [RIGHT]]}, max_steps=1)
    assert ends(recorded) == ["steps"]
    assert result.candidates == 1
    assert result.status == "unverified"


def test_what_held_before_a_limit_is_known_to_the_next_attempt(bench: Bench) -> None:
    more = bench.project / "more.py"
    more.write_text("def mean_of(values):\n    return sum(values) / len(values)\n")
    (bench.project / "calc.py").write_text(
        (bench.project / "calc.py").read_text().replace(OLD, f"    count = len(values)\n\n{OLD}")
    )
    commit(bench.project, "more")
    script = {"attempt-1.1": [[RIGHT]], "attempt-2.1": [[OTHER]]}
    _, recorded = solve(bench, script, max_steps=1)
    assert ends(recorded) == ["steps", "steps"]
    assert {(one.attempt, one.files) for one in recorded.candidates} == {
        (1, ("calc.py",)),
        (2, ("calc.py",)),
    }


def test_a_place_too_long_for_the_window_is_passed_over(bench: Bench) -> None:
    body = "".join(f"    values = list(values)  # mean {n} of nothing\n" for n in range(60))
    path = bench.project / "calc.py"
    path.write_text(path.read_text().replace(OLD, f"{body}{OLD}"))
    commit(bench.project, "long")
    _, recorded = solve(bench, {"attempt-1.1": [RIGHT]}, window=1200)
    (attempt,) = recorded.attempts
    assert ends(recorded) == ["submitted"], "the location is given up, not the attempt"
    (note,) = [one for one in attempt.events if isinstance(one, Note)]
    assert "do not fit" in note.text
    assert any(note.text in line for line in task_lines(open_task(bench.task)))


def test_the_log_tells_it_all(bench: Bench) -> None:
    solve(bench, {"attempt-1.1": [[USELESS, RIGHT]]})
    text = "\n".join(task_lines(open_task(bench.task)))
    for wanted in ("probe ", "location 1: calc.py:4-6 mean", "holds", "planner guided"):
        assert wanted in text, wanted


def test_each_change_is_on_record_with_what_came_of_it(bench: Bench) -> None:
    idle = block(OLD, f"{OLD}  # mended")
    _, recorded = solve(bench, {"attempt-1.1": [[USELESS, "no block", idle], [RIGHT]]})
    (attempt,) = recorded.attempts
    (useless, fails), (none, unusable), (_, unchanged), *more = tried(attempt)
    replies = [reply for step in attempt.steps for reply in step.replies]
    assert [one.id for one in replies][:2] == [useless.id, none.id]
    assert (useless.name, useless.arguments, useless.sample, useless.root) == ("change", "", 1, 1)
    assert (useless.location, none.location) == (recorded.locations[0],) * 2
    assert (fails.trial, fails.failed, fails.message) == ("fails", True, None)
    assert "ZeroDivisionError" in fails.text
    assert fails.seconds > 0
    assert (none.sample, unusable.trial, unusable.changed) == (None, "unusable", ())
    assert (unchanged.trial, unchanged.changed) == ("unchanged", ())
    right = next(action for action, outcome in more if outcome.trial == "holds")
    assert (right.root, fails.changed) == (1, ("calc.py",)), "a refinement of the first sample"


def sample(number: int, passes: bool, wrongs: int = 1) -> Sample:
    trial = Trial("holds") if passes else Trial("fails", failing=tuple("x" * wrongs))
    return Sample(number, "p", str(number), trial, number, Message("m", "assistant", ""))


def test_a_recorded_run_can_be_played_again(bench: Bench) -> None:
    first, recorded = solve(bench, {"attempt-1.1": [[USELESS, RIGHT]], "attempt-2.1": [[OTHER]]})
    again = bench.solve({}, model=f"scripted:{bench.task}", attempts=2)
    played = read_task(bench.task)
    assert again.status == first.status == "verified"
    assert [one.header.planner for one in played.attempts] == ["guided", "guided"]
    patches = [[one.patch for one in task.candidates] for task in (recorded, played)]
    assert patches[0] == patches[1] != []
    bench.solve({}, model=f"scripted:{bench.task}", attempts=2, seed=99)
    (end, _) = (one.end for one in read_task(bench.task).attempts)
    assert end is not None
    assert "no reply to this" in end.detail, "without a grammar the seed tells questions apart"


def test_what_is_handed_in() -> None:
    held = [sample(number, True) for number in range(1, 7)]
    failed = [sample(7, False, 2), sample(8, False, 1), sample(9, False, 1)]
    assert [one.number for one in handed_in([*held, *failed])] == [1, 2, 3, 4, 5, 6, 8]
    assert [one.number for one in handed_in([*held[:2], *failed])] == [1, 2, 8]
    assert [one.number for one in handed_in([*held[:1], *failed])] == [1]
    assert [one.number for one in handed_in(failed)] == [8, 9, 7]
    assert len(handed_in([sample(n, False) for n in range(9)])) == MOST_UNPROVEN
    assert handed_in([]) == []
    broken = replace(failed[0], trial=Trial("problems"))
    assert handed_in([broken]) == [], "what does not compile is no patch"


def test_line_ends_stay_as_they_are(bench: Bench) -> None:
    file = bench.project / "calc.py"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    commit(bench.project, "windows")
    result, recorded = solve(bench, {"attempt-1.1": [[RIGHT]]})
    assert result.status == "verified"
    changed = [x for x in recorded.candidates[0].patch.splitlines(keepends=True) if x[0] in "+-"]
    assert changed[2:] == [f"-{OLD}\r\n", f"+{NEW}\r\n"]


def test_what_is_not_changed_stays_byte_for_byte(bench: Bench) -> None:
    file = bench.project / "calc.py"
    head = b"# -*- coding: latin-1 -*-\n"
    file.write_bytes(head + file.read_bytes().replace(b"Return the mean.", b"Le caf\xe9."))
    commit(bench.project, "latin-1")
    _, recorded = solve(bench, {"attempt-1.1": [[RIGHT]]})
    index = Index({"calc.py": file.read_bytes().decode("utf-8", "replace")})
    assert "\ufffd" in index.sources["calc.py"]
    ((action, outcome), *_) = tried(recorded.attempts[0])
    assert (action.sample, outcome.trial) == (1, "holds")
    assert "\ufffd" not in recorded.candidates[0].patch


def test_without_checks_each_attempt_looks_at_another_place(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "mean.md").write_text(ISSUE)
    more = bench.project / "more.py"
    more.write_text("def mean_of(values):\n    return sum(values) / len(values)\n")
    commit(bench.project, "more")
    script = {f"attempt-{k}.{place}": [[USELESS]] for k in (1, 2) for place in (1, 2)}
    _, recorded = solve(bench, script)
    assert {one.files for one in recorded.candidates} == {("calc.py",), ("more.py",)}


def test_an_agenda_looks_at_new_places_and_again_at_proven_ones() -> None:
    given = [Location("p", str(number), number, number) for number in range(5)]
    agenda = Agenda(given)
    assert agenda.of(1) == agenda.of(1) == [given[0], given[4]]
    assert agenda.of(2) == [given[1]]
    agenda.proven.append(given[1])
    assert agenda.of(1) == [given[1], given[0]]
    assert agenda.of(2) == [given[1]]
    assert agenda.of(3) == [given[1], given[2]]
    assert agenda.of(9) == [given[1]]


@pytest.mark.parametrize(
    ("able", "planner"),
    [
        (Capabilities(parameters=1.5e9, context=32_000), "guided"),
        (Capabilities(parameters=70e9, context=32_000), "free"),
        (Capabilities(context=4096), "guided"),
        (Capabilities(), "free"),
        (Capabilities(parameters=1e9, prepared=True), "free"),
    ],
)
def test_auto_chooses_by_what_the_model_can_do(able: Capabilities, planner: str) -> None:
    assert planner_of(Config(), able) == planner
    assert planner_of(replace(Config(), planner="free"), able) == "free"
    assert planner_of(replace(Config(), planner="guided"), able) == "guided"
