"""Recorded attempts done again: exact, or with the first difference and what came of it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent.cli.solve import run_solve
from agent.config import Config
from agent.errors import EXIT_DIVERGED, UserError, WorldError
from agent.model.scripted import load
from agent.trajectory.reader import read_task
from agent.trajectory.replay.command import run
from agent.trajectory.replay.rerun import Rerun, difference
from tests.samples import ISSUE, PYTEST, PYTHON_PATH
from tests.test_guided import RIGHT as CHANGE
from tests.test_guided import TWIN, USELESS, solve
from tests.test_solve import MEND, SUBMIT, WROTE, Bench, act

LOCAL = Config(sandbox="local", path=PYTHON_PATH)
STEPS = [
    act("read", path="calc.py"),
    act("bash", command=f"{PYTEST} -q tests; python3 -c 'print(object())'; mktemp; echo $PWD"),
    MEND,
    act("run_tests", tests=["tests"]),
    act("read", path="no.py"),
    SUBMIT,
]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def replayed(path: Path, config: Config = LOCAL) -> tuple[int, dict[str, Any], str]:
    """Replay and return the exit code, the object, and the text of another replay."""
    found, text = io.StringIO(), io.StringIO()
    code = run(path, config, as_json=True, out=found, say=print)
    assert run(path, config, as_json=False, out=text, say=print) == code
    return code, json.loads(found.getvalue()), text.getvalue()


def rewritten(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_an_attempt_is_done_again_exactly_but_for_times_and_names(bench: Bench) -> None:
    bench.solve({**WROTE, "attempt-1": STEPS})
    code, found, text = replayed(bench.task / "attempt-1")
    assert (code, found["exact"], found["differing"], found["same_patch"]) == (0, True, 0, True)
    assert (found["actions"], found["first"]) == (len(STEPS), None)
    assert found["varying_only"] >= 1
    assert text.startswith(f"exact: {len(STEPS)} actions, same patch (")
    assert "differs in times, addresses or temporary names only)" in text
    for name in (bench.task, bench.output, bench.task / "attempt-1.jsonl"):
        assert run(name, LOCAL, as_json=False, out=io.StringIO(), say=print) == 0


def test_what_reads_differently_is_shown_with_its_step(bench: Bench) -> None:
    bench.solve({**WROTE, "attempt-1": STEPS})
    rewritten(bench.task / "attempt-1.jsonl", '"text":"1 pass, 1 fail', '"text":"2 pass')
    code, found, text = replayed(bench.task / "attempt-1")
    assert (code, found["exact"], found["differing"]) == (EXIT_DIVERGED, False, 1)
    assert found["first"]["step"] == 4
    assert found["first"]["action"].startswith("run_tests ")
    assert {"-2 pass", "+1 pass, 1 fail"} <= set(found["first"]["difference"])
    assert found["same_patch"] is True
    lines = text.splitlines()
    assert lines[0].startswith("diverged at step 4: run_tests ")
    assert lines[-1].startswith("1 of 6 actions gave something else (")
    assert lines[-1].endswith("; same patch")


def test_a_patch_that_is_another_is_shown(bench: Bench) -> None:
    bench.solve({**WROTE, "attempt-1": [MEND, SUBMIT]})
    rewritten(bench.task / "candidate-1.1.patch", "else 0.0", "else 1.0")
    code, found, text = replayed(bench.task / "attempt-1")
    assert (code, found["differing"], found["same_patch"]) == (EXIT_DIVERGED, 0, False)
    assert text.splitlines()[0] == "diverged: 2 actions gave the same; another patch"
    assert any(line.startswith("-+") and "else 1.0" in line for line in found["patch_difference"])


def test_an_attempt_that_was_cut_is_done_again_up_to_there(bench: Bench) -> None:
    bench.solve({**WROTE, "attempt-1": STEPS})
    log = bench.task / "attempt-1.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    seen = [at for at, line in enumerate(lines) if line.startswith(b'{"kind":"outcome"')]
    log.write_bytes(b"".join(lines[: seen[2]]))  # it was killed while it edited
    code, found, text = replayed(log)
    assert (code, found["actions"], found["same_patch"]) == (0, 2, None)
    assert "it was cut, so no patch is compared" in text


def test_an_attempt_without_a_change_has_no_patch_again(bench: Bench) -> None:
    bench.solve({"attempt-1": [act("read", path="calc.py"), SUBMIT]})
    code, _, text = replayed(bench.task / "attempt-1")
    assert (code, text) == (0, "exact: 2 actions, no patch, as before\n")


@pytest.mark.long
def test_guided_attempts_are_done_again_with_what_was_proven_before(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    (tmp_path / "mean.md").write_text(ISSUE + "\n`mean([])` should be `0.0`\n")
    solve(bench, {"attempt-1.1": [[USELESS, CHANGE, TWIN]], "attempt-2.1": [[TWIN, "no", CHANGE]]})
    recorded = read_task(bench.task)
    for number, patches in ((1, 3), (2, 2)):
        code, found, text = replayed(bench.task / f"attempt-{number}")
        assert (code, found["actions"], found["exact"]) == (0, 3, True), text
        assert len([one for one in recorded.candidates if one.attempt == number]) == patches
        assert f"same {patches} patches" in text
    rewritten(bench.task / "attempt-2.jsonl", '"text":"holds"', '"text":"1 fail"')
    code, found, _ = replayed(bench.task / "attempt-2")
    assert (code, found["first"]["step"]) == (EXIT_DIVERGED, 1)
    assert {"-1 fail", "+holds"} <= set(found["first"]["difference"])


def test_a_live_models_review_comes_again(bench: Bench) -> None:
    bench.solve({**WROTE, "attempt-1": STEPS})
    log = bench.task / "attempt-1.jsonl"
    model = json.loads(log.read_text().splitlines()[0])["model"]
    rewritten(log, model, "gpt-9")
    code, found, _ = replayed(log)
    assert code == EXIT_DIVERGED
    assert found["first"]["action"].startswith("submit ")
    assert "-[the attempt ended]" in found["first"]["difference"]


def test_what_ran_without_isolation_needs_the_word_for_it(bench: Bench) -> None:
    bench.solve({**WROTE, "attempt-1": STEPS})
    with pytest.raises(UserError, match="without isolation"):
        run(bench.task / "attempt-1", Config(), as_json=False, out=io.StringIO(), say=print)


def test_a_path_that_names_no_attempt_is_said(bench: Bench, tmp_path: Path) -> None:
    bench.solve({**WROTE, "attempt-1": [MEND, SUBMIT], "attempt-2": [SUBMIT]})
    for path, said in (
        (bench.task / "attempt-3", "has not attempt-3, but: attempt-1, attempt-2"),
        (bench.task, "has not one attempt"),
        (tmp_path / "none" / "attempt-1", "no task's folder"),
        (tmp_path / "none", "there is no folder"),
    ):
        with pytest.raises(UserError, match=said):
            run(path, LOCAL, as_json=False, out=io.StringIO(), say=print)


def test_in_a_container_and_what_is_said_when_its_image_is_gone(
    bench: Bench, python_image: str
) -> None:
    script = bench.folder / "script.json"
    steps = [STEPS[0], act("bash", command="date +%N | wc -c; mktemp; ls /testbed"), MEND, SUBMIT]
    script.write_text(json.dumps({"attempt-1": steps}))
    config = Config(f"scripted:{script}", attempts=1, image=python_image, test_command="sh")
    output = bench.folder / "run"
    issue = replace(bench.issue(), test_command="sh")
    with Path("/dev/null").open("w") as sink:
        run_solve(issue, config, output, Console(file=sink))
    bench.output = output
    code, found, text = replayed(bench.task / "attempt-1", Config())
    assert (code, found["actions"], found["exact"]) == (0, 4, True), text
    with pytest.raises(UserError, match="holds no commit"):
        replayed(bench.task / "attempt-1", Config(image=python_image))
    image = json.loads((bench.task / "image.json").read_text())
    rewritten(bench.task / "image.json", image["reference"], "repair-agent/gone:0")
    with pytest.raises(WorldError, match="repair-agent/gone:0 is gone") as gone:
        replayed(bench.task / "attempt-1", Config())
    assert "repair-agent image build" in gone.value.hint
    task = read_task(bench.task).task
    assert task is not None
    assert f"--ref {task.base_commit}" in gone.value.hint
    rewritten(bench.task / "task.json", task.source, f"my data.jsonl: {task.id}")
    with pytest.raises(WorldError, match="is gone") as gone:
        replayed(bench.task / "attempt-1", Config())
    command = f"`repair-agent image build {task.id} --dataset 'my data.jsonl'`"
    assert command in gone.value.hint


def test_a_recorded_run_is_a_script_still(bench: Bench) -> None:
    bench.solve({**WROTE, "attempt-1": [MEND, SUBMIT]})
    assert load(bench.task).attempts == 1


def test_differences_are_short_and_know_what_varies() -> None:
    one = Rerun(1, "bash", "in 0.1 s at 0xabc /tmp/x1", "in 2.5 s at 0xdef /tmp/y2")
    assert one.same
    assert not Rerun(1, "bash", "1 passed", "2 passed").same
    lines = difference("\n".join("abc"), "\n".join("xyz"))
    assert lines == ["@@ -1,3 +1,3 @@", "-a", "-b", "-c", "+x", "+y", "+z"]
    assert difference("\n".join("a" * 99), "\n".join("b" * 99))[-1].startswith("... and ")
