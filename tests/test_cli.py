"""The command line as users meet it: the installed program in a process of its own."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.samples import ISSUE, PYTHON_PATH, git, make_project

PROGRAM = Path(sys.executable).parent / "repair-agent"
LATER = ("select",)
NOW = ("solve", "batch", "evaluate", "report", "replay", "inspect", "doctor", "clean", "model list",
       "model pull", "model serve", "image build", "image list", "image log")  # fmt: skip
SPOILING = ("PYTHONPATH", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "REPAIR_AGENT_MODEL", "COLUMNS")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a project, an issue, and a script."""
    make_project(tmp_path / "project")
    (tmp_path / "mean.md").write_text(ISSUE)
    (tmp_path / "script.json").write_text('{"attempt-1": []}')
    return tmp_path


def run(here: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in SPOILING}
    return subprocess.run(
        [PROGRAM, *words],
        cwd=here,
        env=inherited | {"PATH": PYTHON_PATH, "HOME": str(here)} | environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


GIVEN = ("-m", "scripted:script.json", "--sandbox", "local", "--repo", "project")
NOBODY = "http://127.0.0.1:9/v1"
WRONG = {
    "no such task": (("solve", "none.md", *GIVEN), 2, "none.md"),
    "a task of no known form": (("solve", "what is this", *GIVEN), 2, "what is this"),
    "a folder as task": (("solve", "project", *GIVEN), 2, "project"),
    "an empty task": (("solve", "empty.md", *GIVEN), 2, "empty.md"),
    "a task that is not text": (("solve", "binary.md", *GIVEN), 2, "binary.md"),
    "a task with an unknown key": (("solve", "odd.toml", *GIVEN), 2, "colour"),
    "a pull request": (("solve", "https://github.com/a/b/pull/1", *GIVEN), 2, "pull request"),
    "an issue behind a server that is away": (
        ("solve", "https://127.0.0.1:9/a/b/issues/1", *GIVEN), 6, "127.0.0.1:9",
    ),
    "a file as of an issue's time": (
        ("solve", "mean.md", "--at-issue-time", *GIVEN), 2, "--at-issue-time",
    ),
    "a dataset that is not there": (
        ("solve", "a__b-1", "--dataset", "none.jsonl", *GIVEN), 2, "none.jsonl",
    ),
    "an instance that is not in the dataset": (
        ("solve", "a__b-2", "--dataset", "rows.jsonl", *GIVEN), 2, "a__b-2",
    ),
    "a commit for an instance": (
        ("solve", "a__b-1", "--dataset", "rows.jsonl", *GIVEN, "--ref", "v1"), 2, "--ref",
    ),
    "a mirror that is not there": (
        ("solve", "a__b-1", "--dataset", "rows.jsonl", *GIVEN[:4], "--mirror", "nowhere"),
        2, "nowhere",
    ),
    "no repository named": (("solve", "mean.md", *GIVEN[:4]), 2, "--repo"),
    "no such folder": (("solve", "mean.md", *GIVEN[:5], "nowhere"), 2, "nowhere"),
    "a folder without git": (("solve", "mean.md", *GIVEN[:5], "plain"), 2, "plain"),
    "no such ref": (("solve", "mean.md", *GIVEN, "--ref", "v99"), 2, "v99"),
    "no such release": (
        ("solve", "mean.md", *GIVEN[:5], "pypi:six==99.99"), 2, "99.99",
    ),
    "a git server that is away": (
        ("solve", "mean.md", *GIVEN[:5], "http://127.0.0.1:9/x.git"), 6, "127.0.0.1",
    ),
    "no such script": (("solve", "mean.md", "-m", "scripted:no.json", *GIVEN[2:]), 2, "no.json"),
    "a model without a key": (
        ("solve", "mean.md", "-m", "gpt-9", "--unsafe", *GIVEN[2:]), 2, "there is no key",
    ),
    "no server": (
        ("solve", "mean.md", "-m", "x", "--base-url", NOBODY, "--unsafe", *GIVEN[2:]), 6, NOBODY,
    ),
    "no address": (
        ("solve", "mean.md", "-m", "x", "--base-url", "[y", *GIVEN[2:], "--unsafe"), 2, "no addr",
    ),
    "the default model before it is fetched": (
        ("solve", "mean.md", "--unsafe", *GIVEN[2:]), 2, "model pull",
    ),
    "a live model without isolation": (("solve", "mean.md", *GIVEN[2:]), 2, "without isolation"),
    "attempts of none": (("solve", "mean.md", *GIVEN, "--attempts", "0"), 2, "attempts"),
    "attempts in words": (("solve", "mean.md", *GIVEN, "--attempts", "many"), 2, "attempts"),
    "steps below one": (("solve", "mean.md", *GIVEN, "--max-steps", "-3"), 2, "max_steps"),
    "steps in words": (("solve", "mean.md", *GIVEN, "--max-steps", "x"), 2, "--max-steps"),
    "time of none": (("solve", "mean.md", *GIVEN, "--time-limit", "0"), 2, "time_limit"),
    "a planner of no kind": (("solve", "mean.md", *GIVEN, "--planner", "p"), 2, "planner"),
    "a sandbox of no kind": (("solve", "mean.md", *GIVEN, "--sandbox", "vm"), 2, "sandbox"),
    "an option of no kind": (("solve", "mean.md", *GIVEN, "--colour"), 2, "--colour"),
    "an option to come": (("solve", "mean.md", *GIVEN, "--pr"), 2, "--pr is not in this version"),
    "an output that is a file": (("solve", "mean.md", *GIVEN, "-o", "mean.md"), 2, "mean.md"),
    "an output that is not ours": (("solve", "mean.md", *GIVEN, "-o", "project"), 2, "project"),
    "a full disk": (("solve", "mean.md", *GIVEN, "-o", "/dev/full/x"), 2, "/dev/full"),
    "no engine": (
        ("solve", "mean.md", *GIVEN[:2], *GIVEN[4:]), 6, "no Docker engine answers",
    ),
    "no such command": (("fly",), 2, "fly"),
    "no model to serve": (("model", "serve", "-m", "local:no.gguf"), 2, "no.gguf"),
    "a model that is not local": (("model", "serve", "-m", "gpt-9"), 2, "no local model"),
    "a text to serve": (("model", "serve", "-m", "local:mean.md"), 2, "no GGUF file"),
    "a port of no kind": (("model", "serve", "--port", "-1"), 2, "--port"),
    "the embedded model before it is fetched": (("model", "serve"), 2, "model pull"),
    "nothing to replay": (("replay", "nowhere/attempt-1"), 2, "nowhere"),
    "nothing to replay by name": (("replay", "nowhere"), 2, "nowhere"),
    "something else to replay": (("replay", "project"), 2, "project"),
    "nothing to inspect": (("inspect", "nowhere", "--plain"), 2, "nowhere"),
    "nothing to report": (("report", "nowhere"), 2, "nowhere"),
    "something else to report": (("report", "project"), 2, "project"),
    "a page in the place of something else": (("report", "x", "--html", "mean.md"), 2, "mean.md"),
    "a page in no folder": (("report", "x", "--html", "no/a.html"), 2, "no folder"),
    "something else to inspect": (("inspect", "project", "--plain"), 2, "project"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_words_and_a_wrong_world_are_one_clear_line(here: Path, case: str) -> None:
    (here / "plain").mkdir()
    (here / "empty.md").write_text("")
    (here / "binary.md").write_bytes(b"\xff\xfe\x00")
    row = {"instance_id": "a__b-1", "repo": "a/b", "base_commit": "0" * 40}
    (here / "rows.jsonl").write_text(json.dumps({**row, "problem_statement": "x"}) + "\n")
    (here / "odd.toml").write_text('title = "x"\nbody = "y"\ncolour = "red"\n')
    before = sorted(path for path in here.rglob("*") if ".git/" not in str(path))
    words, code, said = WRONG[case]
    environ = {"DOCKER_HOST": "unix:///nowhere.sock"} if case == "no engine" else {}
    done = run(here, *words, **environ)
    assert done.returncode == code, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert said in lines[0]
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    after = sorted(path for path in here.rglob("*") if ".git/" not in str(path))
    if code == 2:
        assert [path for path in after if path not in before and path.name != "runs"] == []


def test_json_errors_are_an_object_on_standard_output(here: Path) -> None:
    done = run(here, "solve", "none.md", "--json", *GIVEN)
    said = json.loads(done.stdout)
    assert (done.returncode, said["exit_code"]) == (2, 2)
    assert "none.md" in said["error"]
    assert said["hint"]
    away = run(here, "solve", "mean.md", "--json", *GIVEN[:5], "http://127.0.0.1:9/x.git")
    assert json.loads(away.stdout)["exit_code"] == away.returncode == 6


def test_json_is_the_result_alone(here: Path) -> None:
    done = run(here, "solve", "mean.md", "--json", "--attempts", "1", *GIVEN)
    result = json.loads(done.stdout)
    assert (done.returncode, result["status"], result["patch"]) == (5, "no_patch", None)
    assert set(result) >= {
        "task_id", "status", "patch", "confidence", "entropy", "attempts", "candidates",
        "classes", "tokens", "cost_usd", "seconds", "model", "image", "errors",
    }  # fmt: skip


def test_tracebacks_come_with_debug_only(here: Path) -> None:
    assert "Traceback" in run(here, "solve", "none.md", "--debug", *GIVEN).stderr


@pytest.mark.parametrize("command", [*NOW, *LATER])
def test_every_command_has_help_with_an_example(here: Path, command: str) -> None:
    words = command.split()
    done = run(here, *words, "--help")
    assert done.returncode == 0
    assert f"Example: repair-agent {command}" in done.stdout
    assert words[-1] in run(here, *words[:-1], "--help").stdout


@pytest.mark.parametrize("command", LATER)
def test_a_command_that_is_not_there_yet_says_so(here: Path, command: str) -> None:
    done = run(here, command, "x", "--flag")
    assert done.returncode == 2
    assert f"error: {command} is not in this version" in done.stderr


def test_help_loads_no_heavy_package(here: Path) -> None:
    program = "import sys; sys.argv = ['repair-agent', 'solve', '--help']\n"
    program += "from agent.cli.main import main\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
    program += (
        "heavy = {'docker', 'git', 'pydantic', 'rich', 'jinja2', 'requests', 'unidiff', 'github'}\n"
    )
    program += "print('LOADED', sorted(heavy & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=here
    )
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_the_list_of_models_says_whether_the_embedded_one_is_here(here: Path) -> None:
    done = run(here, "model", "list", "--json", XDG_CACHE_HOME=str(here / "cache"))
    first, *others = json.loads(done.stdout)
    assert (first["model"], first["bytes"], first["path"]) == ("local", 1_117_320_768, None)
    assert first["licence"] == "Apache-2.0"
    assert first["use"] == "repair-agent model pull"
    assert {entry["model"] for entry in others} == {"local:PATH", "NAME", "scripted:PATH"}
    text = run(here, "model", "list", XDG_CACHE_HOME=str(here / "cache")).stdout
    assert "1.1 GB, Apache-2.0, not on this machine" in text
    assert not (here / "cache").exists()


def test_the_version_is_told(here: Path) -> None:
    done = run(here, "--version")
    assert (done.returncode, done.stdout) == (0, f"repair-agent {version('repair-agent')}\n")


def test_a_project_may_have_an_agent_package_of_its_own(here: Path) -> None:
    for name in ("agent", "tools", "prompts"):
        (here / name).mkdir()
        (here / name / "__init__.py").write_text("raise SystemExit('the wrong package')\n")
    assert run(here, "--help").returncode == 0


def test_the_users_repository_is_left_as_it_was(here: Path) -> None:
    (here / "project" / "calc.py").write_text("uncommitted = True\n")
    script = {
        "attempt-1": [{"tool_calls": [{"name": "bash", "arguments": {"command": "rm -rf *"}}]}]
    }
    (here / "script.json").write_text(json.dumps(script))
    run(here, "solve", "mean.md", "--attempts", "1", *GIVEN)
    assert (here / "project" / "calc.py").read_text() == "uncommitted = True\n"
    assert git(here / "project", "status", "--short") == "M calc.py"
