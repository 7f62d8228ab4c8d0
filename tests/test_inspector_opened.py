"""What the inspector opens: runs, whole and damaged, other agents' files, and what is neither."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from agent.errors import UserError
from agent.inspector import step_pages, task_pages
from agent.inspector.costs import costs_page
from agent.inspector.episode import LoggedEpisode, writer_of
from agent.inspector.exports import trajectory
from agent.inspector.html_page import page as html_page
from agent.inspector.opened_run import OpenedRun
from agent.inspector.opening import RunShelf, open_path
from agent.inspector.plain_text import json_text, lines
from agent.inspector.search import find
from agent.inspector.step_view import WRITING, gist
from agent.inspector.titles import episode_words
from agent.show.markdown import markdown
from agent.show.terminal import text_of
from agent.trajectory.attempt import latest_start
from agent.trajectory.indexed_log import IndexedLog
from agent.trajectory.reader import read_events
from tests.screens import EXAMPLE, OTHERS

TASK = "sympy-14774-c10de226"
DATA = OTHERS.parent


@pytest.fixture
def run(tmp_path: Path) -> Path:
    shutil.copytree(EXAMPLE, tmp_path / "run")
    return tmp_path / "run"


def opened_run(path: Path) -> OpenedRun:
    found = open_path(path)
    assert isinstance(found, OpenedRun)
    return found


def episode_of(path: Path) -> LoggedEpisode:
    return LoggedEpisode(IndexedLog(path), "attempt 1")


def test_steps_are_those_of_the_log() -> None:
    episode = episode_of(EXAMPLE / TASK / "attempt-1.jsonl")
    attempt = latest_start(read_events(EXAMPLE / TASK / "attempt-1.jsonl"))
    assert attempt is not None
    assert len(episode) == len(attempt.steps) == 3
    for number, turn in enumerate(attempt.turns, 1):
        assert episode.log.turn(number) == turn
        step = episode.step(number)
        assert step.usage == turn.step.usage
        assert [act.text for act in step.acts] == [reply.content for reply in turn.step.replies]
        assert [one.id for one in episode.sent(number)] == list(turn.step.sent)
    assert [episode.step(number).failed for number in (1, 2, 3)] == [False, True, True]
    assert [episode.step(number).edits for number in (1, 2, 3)] == [True, False, True]
    assert episode.about.end.startswith("submitted, 4 changes")


def test_a_start_again_hides_what_was_before(run: Path) -> None:
    log = run / TASK / "attempt-1.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole.split(b"\n")[0] + b"\n" + whole.split(b"\n")[1] + b"\n" + whole)
    episode = episode_of(log)
    assert (len(episode), episode.about.restarts) == (3, 1)
    assert episode.sent(1)[0].content.startswith("This issue was reported")


def test_a_cut_line_counts_once_it_is_whole(run: Path) -> None:
    log = run / TASK / "attempt-1.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole[: len(whole) // 2])
    episode = episode_of(log)
    before = len(episode)
    assert before < 3
    assert not episode.refresh()
    log.write_bytes(whole)
    assert episode.refresh()
    assert len(episode) == 3
    log.write_bytes(whole[:100])
    assert episode.refresh(), "a log that was cut is read anew"
    assert len(episode) == 0


DAMAGES = {
    "not JSON": b"{", "empty": b"", "another form": b"[1, 2]", "no UTF-8": b'{"a": "\xff\xfe"}',
    "null": b"null",
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("name", [
    "task.json", "image.json", "candidates.json", "matrix.json", "verdict.json", "result.json",
    "places.json", "reproduction.json",
])  # fmt: skip
def test_a_damaged_file_is_told_and_all_else_shown(run: Path, name: str, damage: bytes) -> None:
    (run / TASK / name).write_bytes(damage)
    found = opened_run(run)
    task = found.task(TASK)
    assert len(task.episodes) == 5
    if damage != b"null":
        assert [name in problem for problem in task.problems] == [True]
        assert name in markdown(task_pages.overview(task))
    told = list(lines(found))
    assert any(line.startswith("attempt 4 step 3") for line in told)
    json.loads("\n".join(json_text(found)))
    for page in (task_pages.issue_page(task), costs_page(task)):
        markdown(page)


def test_a_search_finds_what_the_costs_say() -> None:
    task = opened_run(EXAMPLE).task(TASK)
    places = [hit.line for hit in find(task, "attempt 4") if hit and hit.tab == "cost"]
    said = markdown(costs_page(task)).splitlines()
    assert places == [line for line in said if "attempt 4" in line]
    assert len(places) > 1


@pytest.mark.parametrize("name", ["task.json", "image.json", "candidates.json", "matrix.json",
                                  "verdict.json", "shared.jsonl", "attempt-2.jsonl",
                                  "candidate-1.1.patch"])  # fmt: skip
def test_a_missing_file_is_told_and_all_else_shown(run: Path, name: str) -> None:
    (run / TASK / name).unlink()
    found = opened_run(run)
    (told,) = found.task(TASK).problems
    assert told.startswith(f"{name} is missing")
    assert told in markdown(task_pages.overview(found.task(TASK)))
    assert told in json.loads("\n".join(json_text(found)))["problems"]
    assert f"problem: {told}" in lines(found)


def test_a_task_without_its_result_is_unfinished_and_misses_nothing(run: Path) -> None:
    (run / TASK / "result.json").unlink()
    task = opened_run(run).task(TASK)
    assert not task.problems
    assert "problem" not in markdown(task_pages.overview(task))
    assert next(opened_run(run).lines()).status == "unfinished"


def test_a_run_without_its_run_json_opens_and_is_listed(run: Path) -> None:
    (run / "run.json").unlink()
    found = opened_run(run)
    assert found.ids == (TASK,)
    assert found.problems == ("run.json is missing: how the run was set up is not known",)
    assert next(lines(found)) == f"problem: {found.problems[0]}"
    shelf = open_path(run.parent)
    assert isinstance(shelf, RunShelf)
    assert [(one.path.name, one.problem) for one in shelf.runs] == [("run", found.problems[0])]
    assert not opened_run(run / TASK).problems, "a task may be looked at by itself"


@pytest.mark.parametrize(("damage", "told"), [
    (b'{"kind":"obser', "attempt-1.jsonl: the last line was cut and is left out"),
    (b'{"kind":"observation","text":"\xff\xfe"}\n', "cannot be read"),
    (b"garbage\n", "cannot be read"),
])  # fmt: skip
def test_a_damaged_log_is_told_in_front_and_beside_its_attempt(
    run: Path, damage: bytes, told: str
) -> None:
    with (run / TASK / "attempt-1.jsonl").open("ab") as log:
        log.write(damage)
    task = opened_run(run).task(TASK)
    (problem,) = task.problems
    assert told in problem
    assert problem in markdown(task_pages.overview(task))
    assert [one.about.damaged for one in task.episodes] == [True, False, False, False, False]
    assert task.episodes[0].about.end.startswith("submitted")
    assert "damaged" in text_of(episode_words(task.episodes[0].about, 3)).plain


@pytest.mark.parametrize("line", [b"garbage", b'{"kind":"call","id":1}', b'{"kind":"novel"}',
                                  b"\xff\xfe\x00", b""])  # fmt: skip
def test_a_damaged_line_is_told_in_its_step(run: Path, line: bytes) -> None:
    log = run / TASK / "attempt-1.jsonl"
    whole = log.read_bytes().split(b"\n")
    calls = [n for n, one in enumerate(whole) if one.startswith(b'{"kind":"call"')]
    whole[calls[1] + 1 : calls[1] + 1] = [line]
    log.write_bytes(b"\n".join(whole))
    found = opened_run(run)
    episode = found.task(TASK).episodes[0]
    told = [episode.step(n).remarks for n in range(1, len(episode) + 1)]
    assert any("attempt-1.jsonl line" in one for remarks in told for one in remarks)
    assert any(one.startswith("problem: ") for one in lines(found))


def test_run_json_of_a_newer_version_is_told(run: Path) -> None:
    (run / "run.json").write_text('{"format": 99, "id": "x"}')
    found = opened_run(run)
    assert "newer repair-agent" in found.problems[0]
    assert found.task(TASK).record.verdict is not None


def test_an_observation_of_100_megabytes_is_shown_clipped(run: Path) -> None:
    log = run / TASK / "attempt-1.jsonl"
    whole = log.read_bytes().split(b"\n")
    place = next(n for n, one in enumerate(whole) if one.startswith(b'{"kind":"observation"'))
    seen = json.loads(whole[place])
    seen["text"] = "x" * 99 + "\n" * 1 + "0123456789" * 10_000_000
    whole[place] = json.dumps(seen).encode()
    log.write_bytes(b"\n".join(whole))
    episode = opened_run(run).task(TASK).episodes[0]
    page = step_pages.step_page(episode.step(1), "attempt 1")
    assert len(markdown(page)) < 3 * task_pages.SHOWN
    assert "characters left out" in markdown(page)


def test_a_folder_of_runs_has_the_latest_first(run: Path) -> None:
    shutil.copytree(run, run.parent / "later")
    told = json.loads((run / "run.json").read_text())
    told["started"] = "2030-01-01T00:00:00Z"
    (run.parent / "later" / "run.json").write_text(json.dumps(told))
    (run.parent / "broken").mkdir()
    (run.parent / "broken" / "run.json").write_text("{")
    found = open_path(run.parent)
    assert isinstance(found, RunShelf)
    assert [one.path.name for one in found.runs] == ["later", "run", "broken"]
    assert found.runs[2].problem
    text = list(lines(found))
    assert len(text) == 5
    assert text[1] == f"  {TASK} verified 0.48 price unknown 5 min 44 s"


def test_predictions_are_tasks_with_a_patch(tmp_path: Path) -> None:
    file = tmp_path / "preds.jsonl"
    row = {
        "instance_id": "a__b-1",
        "model_name_or_path": "m",
        "model_patch": "diff --git a/x b/x\n",
    }
    file.write_text(json.dumps(row) + '\n{"instance_id": "a__b')
    found = opened_run(file)
    assert found.ids == ("a__b-1",)
    assert len(found.problems) == 1
    assert found.task("a__b-1").record.candidates[0].patch == "diff --git a/x b/x\n"
    (task,) = json.loads("\n".join(json_text(found)))["tasks"]
    assert (task["id"], task["patch"]) == ("a__b-1", "diff --git a/x b/x\n")
    assert "task a__b-1" in lines(found)
    assert "diff --git a/x b/x" in html_page(found)


def test_another_agents_file_reads_step_by_step() -> None:
    found = opened_run(OTHERS)
    episode = found.task(found.ids[0]).episodes[0]
    assert len(episode) == 6
    assert [n for n in range(1, 7) if episode.step(n).failed] == [3, 5]
    assert [n for n in range(1, 7) if episode.step(n).edits] == [2]
    assert sum(line.startswith("attempt 1 step 2 ") for line in lines(found)) > 3
    assert len(list(episode.sent(3))) > len(list(episode.sent(2))) > 1


@pytest.mark.parametrize("path", sorted(DATA.glob("*.traj*")), ids=lambda path: path.name)
def test_another_agents_file_is_written_in_each_form(path: Path) -> None:
    found = opened_run(path)
    identity = found.ids[0]
    episode = found.task(identity).episodes[0]
    (task,) = json.loads("\n".join(json_text(found)))["tasks"]
    (recorded,) = task["trajectories"]
    assert (task["id"], recorded["path"]) == (identity, str(path))
    assert len(recorded["turns"]) == len(episode) > 0
    assert f"task {identity}" in lines(found)
    assert html_page(found).count('<details class="step') == len(episode)


def test_several_files_of_one_instance_are_told_apart(tmp_path: Path) -> None:
    for name in ("a.traj.json.gz", "b.traj.json.gz"):
        shutil.copy(DATA / "sympy-13480.traj.json.gz", tmp_path / name)
    (tmp_path / "c.traj.json").write_text("{")
    found = opened_run(tmp_path)
    assert [identity.rpartition(" ")[2] for identity in found.ids] == [
        "(a.traj.json.gz)", "(b.traj.json.gz)",
    ]  # fmt: skip
    assert len(set(found.ids)) == len(found.ids)
    told = json.loads("\n".join(json_text(found)))
    assert [task["id"] for task in told["tasks"]] == list(found.ids)
    assert len(told["problems"]) == 1


@pytest.mark.parametrize("name", ["matrix.json", "attempt-2.jsonl", "shared.jsonl"])
def test_a_folder_in_place_of_a_file_is_told_and_all_else_shown(run: Path, name: str) -> None:
    (run / TASK / name).unlink()
    (run / TASK / name).mkdir()
    found = opened_run(run)
    (told,) = found.task(TASK).problems
    assert told == f"{run / TASK / name} cannot be read: is a directory"
    assert told in "\n".join(lines(found))
    assert told in json.loads("\n".join(json_text(found)))["problems"]
    assert told in html_page(found)


def test_grades_that_cannot_be_read_are_told(run: Path) -> None:
    (run / "grades.json").write_text("{")
    assert ["grades.json" in told for told in opened_run(run).problems] == [True]


def test_the_sums_of_the_costs_add_up() -> None:
    page = markdown(costs_page(opened_run(EXAMPLE).task(TASK)))
    *rows, last = [line.split(" | ") for line in page.splitlines() if line.count(" | ") == 3][2:]
    assert last[0] == "| together"

    def seconds(cell: str) -> float:
        minutes, _, rest = cell.strip(" |s").rpartition("min ")
        return int(minutes or 0) * 60 + float(rest)

    assert seconds(last[3]) == pytest.approx(sum(seconds(row[3]) for row in rows), abs=2)


def test_the_gist_of_a_change_is_what_becomes_other() -> None:
    block = "<<<<<<< SEARCH\n    a = 1\n    b\n=======\n    a = 2\n    b\n>>>>>>> REPLACE"
    assert gist(block) == "+ a = 2"
    assert gist(block.replace("    a = 2\n", "")) == "- a = 1"
    assert gist("<<<<<<< SEARCH\nelse:\n") == "else:", "one that was cut"
    assert gist("ls -l\n") == "ls -l"


def test_an_attempt_that_is_not_there_is_said() -> None:
    with pytest.raises(UserError, match=r"there is no attempt .*attempt-9"):
        open_path(EXAMPLE / TASK / "attempt-9")


@pytest.mark.parametrize(("name", "data", "told"), [
    ("empty.json", b"{}", "holds no predictions"),
    ("notes.txt", b"hello", "is neither a run folder nor a trajectory nor a file of predictions"),
])  # fmt: skip
def test_a_file_that_holds_nothing_to_look_at_is_said(
    tmp_path: Path, name: str, data: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=told):
        open_path(tmp_path / name)


@pytest.mark.parametrize("name", ["attempt-2", "attempt-2.jsonl"])
def test_an_attempt_opens_as_its_task(name: str) -> None:
    assert opened_run(EXAMPLE / TASK / name).ids == (TASK,)


def test_which_of_several_attempts_is_written_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    trajectory(EXAMPLE)
    assert capsys.readouterr().err.startswith(
        "attempt 1 of 4 is written, whose patch was chosen; for another name "
    )
    trajectory(EXAMPLE / TASK / "attempt-2")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_what_cannot_be_opened_is_said_in_a_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError) as told:
        open_path(tmp_path / name)
    assert "\n" not in told.value.message
    assert told.value.hint


def test_the_step_that_wrote_a_line_is_found() -> None:
    episode = opened_run(EXAMPLE).task(TASK).episodes[0]
    line = '            inv_trig_table = ["asin", "acos", "atan", "acsc", "asec", "acot"]'
    assert writer_of(episode, line, "sympy/printing/latex.py") == 1
    assert writer_of(episode, "no step wrote this", "other.py") is None


@pytest.mark.parametrize("command", [
    "sed -i 's/a/b/' x.py", "cat > x.py <<'E'\nE", "echo a >> x.py", "cd /t && git apply p.diff",
    "python -c \"open('x','w').write('a')\"", "patch -p1 < d", "echo x | tee y",
])  # fmt: skip
def test_commands_that_look_as_if_they_write(command: str) -> None:
    assert WRITING.search(command)


@pytest.mark.parametrize("command", [
    "sed -n 1,5p x.py", "ls 2>/dev/null", "grep -r '->' .", "python t.py 2>&1 | head", "cat x.py",
    "echo a > /tmp/b", "python -c 'print(1 >= 0)'", "git diff",
])  # fmt: skip
def test_commands_that_only_look(command: str) -> None:
    assert not WRITING.search(command)
