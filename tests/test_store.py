"""The run folder: what is written is whole, and what was written reads back."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from agent.errors import NetworkError, UserError, WorldError
from agent.records import Candidate
from agent.trajectory.reader import load_task
from agent.trajectory.run_folder import RunFolder, new_run_id, versions
from agent.trajectory.run_info import read_info
from tests.recorded import HEADER, PATCH, log_events, opened, result


def everything_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_run_id_is_utc_time_and_four_hex_digits() -> None:
    in_delhi = datetime(2026, 11, 23, 7, 4, 55, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert re.fullmatch(r"20261123T013455-[0-9a-f]{4}", new_run_id(in_delhi))


def test_a_run_is_made_with_its_parents_and_taken_up_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "runs" / "one"
    with opened(path, seed=1) as first:
        started = first.info.started
    with opened(path, seed=2):
        info = read_info(path)
    assert info is not None
    assert (info.format, info.id, info.started) == (2, "one", started)
    assert info.versions["docker"] == "20.10"
    assert info.versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert info.config == {"seed": 1}
    assert [session.config for session in info.resumed] == [{"seed": 2}]


def test_a_made_but_empty_folder_is_taken(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        assert run.path == tmp_path


def foreign() -> Iterator[Any]:
    newer = json.dumps({"format": 3, "novelty": []}).encode()
    yield pytest.param({"run": b"x"}, "run", "is a file, not a run folder", id="a file")
    yield pytest.param({"f": b"x"}, "f/run", "f is a file, so", id="below a file")
    yield pytest.param({"run/notes.txt": b"x"}, "run", "not empty", id="a folder of others")
    yield pytest.param({"run/run.json": newer}, "run", "newer repair-agent", id="a newer format")
    yield pytest.param({"run/run.json": b"{"}, "run", "cannot read", id="a damaged run.json")
    yield pytest.param({"run/run.json": b"[]"}, "run", "cannot read", id="another run.json")
    yield pytest.param({"run/run.json": b"{}"}, "run", "cannot read", id="an empty run.json")


@pytest.mark.parametrize(("files", "out", "message"), list(foreign()))
def test_what_is_not_ours_is_refused_and_left_alone(
    tmp_path: Path, files: dict[str, bytes], out: str, message: str
) -> None:
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=message) as caught:
        opened(tmp_path / out)
    assert caught.value.hint
    assert everything_in(tmp_path) == files


HOLDING = """
import sys, time
from pathlib import Path
from agent.trajectory.run_folder import RunFolder
run = RunFolder.open(Path(sys.argv[1]), versions={}, config={})
print("held", flush=True)
time.sleep(600)
"""


def test_two_processes_cannot_work_in_one_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDING, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=rf"in use by another process \(pid {holder.pid}\)"):
            opened(tmp_path)
        holder.kill()
        holder.wait()
    with opened(tmp_path) as run:
        assert len(run.info.resumed) == 1


def test_a_finished_task_has_a_prediction_and_no_failure(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        folder = run.task("o__r-1")
        assert folder.finished is None
        folder.fail(NetworkError("the registry is away", "try later"))
        failure = load_task(tmp_path).failure
        assert failure is not None
        assert (failure.error, failure.message) == ("NetworkError", "the registry is away")
        assert (failure.hint, failure.trace) == ("try later", "")
        folder.write_patch(Candidate("1.1", 1, "1.1", PATCH, ("x.py",)))
        folder.finish(result("o__r-1", str(folder.path / "candidate-1.1.patch")), PATCH)
        run.task("o__r-2").finish(result("o__r-2"), "")
        assert run.task("o__r-1").finished == result(
            "o__r-1", str(folder.path / "candidate-1.1.patch")
        )
    assert not (folder.path / "failure.json").exists()
    lines = (tmp_path / "predictions.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"instance_id": "o__r-1", "model_name_or_path": "scripted", "model_patch": PATCH},
        {"instance_id": "o__r-2", "model_name_or_path": "scripted", "model_patch": ""},
    ]


def test_a_bug_is_recorded_with_its_trace(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        try:
            raise KeyError("lost")
        except KeyError as error:
            run.task("t-1").fail(error)
    failure = load_task(tmp_path).failure
    assert failure is not None
    assert failure.error == "KeyError"
    assert "test_a_bug_is_recorded_with_its_trace" in failure.trace
    assert str(Path.home() / "x")[:-1] not in failure.trace


def test_a_prediction_whose_task_was_killed_is_made_again(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        run.task("o__r-1").finish(result("o__r-1"), "")
        run.task("o__r-2")
        run.predict("o__r-2", "scripted", "killed before the result was written")
        with (tmp_path / "predictions.jsonl").open("ab") as file:
            file.write(b'{"instance_id":"o__')
    with opened(tmp_path) as run:
        run.task("o__r-2").finish(result("o__r-2"), "")
    text = (tmp_path / "predictions.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["instance_id"], line["model_patch"]) for line in lines] == [
        ("o__r-1", ""),
        ("o__r-2", ""),
    ]


def test_what_a_killed_writer_left_is_swept_and_no_reason_to_refuse(tmp_path: Path) -> None:
    (tmp_path / ".run.json.1a2b3c4d.tmp").write_text("{")
    (tmp_path / ".lock").touch()
    with opened(tmp_path) as run:
        (run.task("t-1").path / ".task.json.1a2b3c4d.tmp").write_text("{")
        run.task("t-1")
    assert set(everything_in(tmp_path)) == {".lock", "run.json"}


@pytest.mark.parametrize(
    "task_id",
    ["", ".", "..", "../x", "a/b", "/etc", ".hidden", "-x", "a\nb", "a\0b", "x" * 201, "run.json",
     "predictions.jsonl", "predictions-1.jsonl", "grades.json", "\x1b[31m"],
)  # fmt: skip
def test_a_task_id_that_is_no_folder_name_is_refused(tmp_path: Path, task_id: str) -> None:
    with opened(tmp_path) as run, pytest.raises(UserError, match="cannot be a task id"):
        run.task(task_id)
    assert set(everything_in(tmp_path)) == {".lock", "run.json"}


@pytest.mark.parametrize("task_id", ["sympy__sympy-14774", "Fehler in ü-1a2b3c4d", "x" * 200])
def test_odd_but_good_task_ids_are_kept(tmp_path: Path, task_id: str) -> None:
    with opened(tmp_path) as run:
        run.task(task_id).finish(result(task_id), "")
    assert load_task(tmp_path).id == task_id


def test_bytes_of_a_patch_come_back(tmp_path: Path) -> None:
    patch = b"+caf\xe9 \xff\n".decode("utf-8", "surrogateescape")
    with opened(tmp_path) as run:
        folder = run.task("t-1")
        candidate = Candidate("1.1", 1, "1.1", patch, ("x",))
        log_events(folder, "attempt-1", HEADER, candidate)
        folder.write_patch(candidate)
        assert (folder.path / "candidate-1.1.patch").read_bytes() == b"+caf\xe9 \xff\n"
        folder.write_text("checks/test_a.py", "s = '\ud800'")
        folder.finish(result("t-1"), "")
    assert load_task(tmp_path).candidates[0].patch == patch


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/../../x", ""])
def test_a_text_stays_in_its_task(tmp_path: Path, name: str) -> None:
    with (
        opened(tmp_path / "run") as run,
        pytest.raises(UserError, match="inside the task's folder"),
    ):
        run.task("t-1").write_text(name, "x")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_folder_that_may_not_be_written_is_one_line() -> None:
    # Nobody, not even root, makes folders in /proc.
    with pytest.raises(WorldError, match="/proc/repair-agent"):
        opened(Path("/proc/repair-agent/run"))


def test_what_is_put_aside_is_numbered_on_and_predicts_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        for place in (1, 2):
            for task in ("o__r-1", "o__r-2"):
                run.task(task).finish(result(task), "")
                run.predict(task, "scripted", "a patch", sample=3)
            run.put_aside("o__r-1")
            if place == 1:
                shutil.rmtree(tmp_path / "o__r-2")
        shutil.rmtree(tmp_path / ".redone" / "o__r-1~1")
        run.task("o__r-1").finish(result("o__r-1"), "")
        run.put_aside("o__r-1")
        assert [path.name for path in sorted((tmp_path / ".redone").iterdir())] == [
            "o__r-1~2", "o__r-1~3",
        ]  # fmt: skip
        for name in ("predictions.jsonl", "predictions-3.jsonl"):
            lines = (tmp_path / name).read_text().splitlines()
            assert [json.loads(line)["instance_id"] for line in lines] == ["o__r-2"]


def test_grading_leaves_the_record_of_the_run_as_it_is(tmp_path: Path) -> None:
    with opened(tmp_path, model="mine", samples=2) as run:
        run.task("o__r-1").finish(result("o__r-1"), "")
    before = (tmp_path / "run.json").read_bytes()
    RunFolder.open(tmp_path, versions=versions(None), config=None).close()
    assert (tmp_path / "run.json").read_bytes() == before


def test_another_dataset_or_setting_would_be_another_run(tmp_path: Path) -> None:
    def again(dataset: str, **config: Any) -> None:
        RunFolder.open(
            tmp_path, versions=versions(None), config=config, dataset=dataset, same=("model",)
        ).close()

    again("lite", model="mine")
    again("lite", model="theirs")  # nothing is finished yet
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(UserError, match="holds work on lite, not on verified"):
        again("verified", model="theirs")
    with opened(tmp_path, model="theirs") as run:
        run.task("o__r-1").finish(result("o__r-1"), "")
        before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(UserError, match="worked on with model theirs, not mine"):
        again("lite", model="mine")
    assert (tmp_path / "run.json").read_bytes() == before
    again("lite", model="theirs", seed=2)
