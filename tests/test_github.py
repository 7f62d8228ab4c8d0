"""An issue on GitHub becomes a task at the right commit, without what was said or done later."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.config import Config
from agent.environment.environment import as_task
from agent.errors import NetworkError, UserError
from agent.intake import github
from agent.intake.github import server_of
from agent.intake.issue import IssueName, Options, TaskFile
from agent.intake.repository import fetch
from agent.trajectory.reader import read_task
from tests.git_server import served
from tests.github_server import FORMER, PROJECT, GitHub, Reply, answering, commit_at, git_at
from tests.samples import CALC, PYTEST, PYTHON_PATH, REPRODUCTION, git, make_project
from tests.test_cli import run

PROGRAM = Path(sys.executable).parent / "repair-agent"
TOKEN = "ghp_0123456789abcdefghij0123456789abcdef"
OLD = "    return sum(values) / len(values)"
NEW = "    return sum(values) / len(values) if values else 0.0"
OPENED = "2024-06-01T09:30:00Z"
TELLING = "Fixed: the-telling-word guards the division."
OPEN, CLOSED, PULL = 7, 8, 9


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[GitHub]:
    """A project with an open and a closed issue, whose fix is older than both but came later."""
    project = make_project(tmp_path / "served" / "calc")
    state = GitHub(project)
    with served(tmp_path / "served") as url, answering(state):
        state.clone_url = f"{url}/calc"
        state.issue(OPEN, opened=OPENED)
        state.issue(CLOSED, opened=OPENED, state="closed")
        state.issue(PULL, opened=OPENED, pull=True)
        state.comment(CLOSED, "I see it too.", "2024-06-02T00:00:00Z")
        state.comment(CLOSED, TELLING, "2024-06-11T00:00:00Z", by=None)
        git(project, "checkout", "-q", "-b", "fix")
        fixed = CALC.replace(OLD, NEW) + "# the-telling-word\n"
        fix = commit_at(project, "2024-05-20T00:00:00Z", "fix", **{"calc.py": fixed})
        state.arrivals[fix] = merged = "2024-06-10T00:00:00Z"
        git(project, "checkout", "-q", "main")
        git_at(project, merged, "merge", "-q", "--no-ff", "-m", "merge", "fix")
        commit_at(project, "2024-06-12T00:00:00Z", "later", **{"later.txt": "later"})
        yield state


def read(hub: GitHub, number: int, *, keys: dict[str, str] | None = None, **more: Any) -> TaskFile:
    config = Config(github_api=hub.api, keys=keys or {})
    owner, name = PROJECT.split("/")
    return github.read(IssueName(None, owner, name, number), config, Options(**more))


def first(hub: GitHub) -> str:
    return git(hub.folder, "rev-list", "--max-parents=0", "main")


# --- which commit, and which comments ---


def test_an_open_issue_is_read_whole_and_solved_at_the_head(hub: GitHub, tmp_path: Path) -> None:
    for day in range(1, 6):
        hub.comment(OPEN, f"comment {day}", f"2024-07-0{day}T00:00:00Z")
    task = read(hub, OPEN)
    assert (task.id, task.source) == ("acme__calc-7", f"{hub.api}/acme/calc/issues/7")
    assert (task.title, task.repository) == ("mean of nothing", hub.clone_url)
    assert task.body.endswith("return 0.0.\r\n")
    assert [comment.body[-1] for comment in task.comments] == ["1", "2", "3", "4", "5"]
    source = fetch(hub.clone_url, task.ref, tmp_path / "code")
    whole = as_task(task, source)
    assert whole.base_commit == git(hub.folder, "rev-parse", "main")
    assert whole.created_at == source.date
    assert len(whole.comments) == 5
    assert "Comment by helper:\ncomment 1" in whole.text
    assert "head of the default branch" in whole.notes[0]


def test_a_closed_issue_is_solved_before_it_was_opened(hub: GitHub, tmp_path: Path) -> None:
    task = read(hub, CLOSED)
    assert task.ref == first(hub)
    assert task.created_at == datetime(2024, 6, 1, 9, 30, tzinfo=UTC)
    whole = as_task(task, fetch(hub.clone_url, task.ref, tmp_path / "code"))
    assert whole.comments == ()
    assert "the-telling-word" not in (tmp_path / "code" / "calc.py").read_text()
    assert "the last commit on main before it was opened on 2024-06-01" in whole.notes[0]
    assert whole.notes[1] == "comments left out, as they are later than the commit: 2"


def test_an_open_issue_can_be_solved_as_of_its_opening(hub: GitHub) -> None:
    task = read(hub, OPEN, at_issue_time=True)
    assert (task.ref, task.as_of_commit) == (first(hub), True)


def test_with_a_ref_comments_are_kept_up_to_its_commit(hub: GitHub, tmp_path: Path) -> None:
    hub.comment(
        CLOSED, "harmless, until TELLING", "2024-06-03T00:00:00Z", edited="2025-01-01T00:00:00Z"
    )
    commit_at(hub.folder, "2024-06-05T00:00:00Z", "between", **{"b.txt": "b"})
    git(hub.folder, "tag", "between")
    task = read(hub, CLOSED, ref="between")
    assert (task.ref, task.created_at) == ("between", None)
    whole = as_task(task, fetch(hub.clone_url, task.ref, tmp_path / "code"))
    assert [comment.body for comment in whole.comments] == ["I see it too."]
    assert "at between" in whole.notes[0]


def test_other_code_is_taken_at_the_same_commit(hub: GitHub) -> None:
    copy = read(hub, CLOSED, repo=str(hub.folder))
    assert (copy.repository, copy.ref) == (str(hub.folder), first(hub))
    release = read(hub, CLOSED, repo="pypi:six==1.16.0")
    assert (release.repository, release.ref) == ("pypi:six==1.16.0", None)
    assert "in pypi:six==1.16.0 as it is" in release.notes[0]


def test_a_project_younger_than_its_issue_needs_a_ref(hub: GitHub) -> None:
    hub.issue(5, opened="2020-01-01T00:00:00Z", state="closed")
    with pytest.raises(UserError, match="no commit on main is sure to be older") as caught:
        read(hub, 5)
    assert "--ref" in caught.value.hint


def test_an_account_that_is_gone_has_a_name(hub: GitHub) -> None:
    assert [comment.author for comment in read(hub, CLOSED).comments] == ["helper", "ghost"]


def test_a_project_that_was_renamed_is_followed(hub: GitHub) -> None:
    owner, name = FORMER.split("/")
    config = Config(github_api=hub.api)
    task = github.read(IssueName(None, owner, name, CLOSED), config, Options())
    assert (task.repository, task.ref, len(task.comments)) == (hub.clone_url, first(hub), 2)


# --- what goes wrong ---

LIMIT = {"message": "API rate limit exceeded for 127.0.0.1.", "documentation_url": "x"}
SPENT = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1717236000"}
ODD = "does not answer as GitHub does"
FAULTS: dict[str, tuple[Reply, type[Exception], str, str]] = {
    "deleted": (
        (410, {}, {"message": "This issue was deleted"}), UserError,
        "issue acme/calc#7 is gone: This issue was deleted", "another",
    ),
    "a bad token": (
        (401, {}, {"message": "Bad credentials"}), UserError,
        "does not accept GITHUB_TOKEN", "renew",
    ),
    "no more requests": (
        (403, SPENT, LIMIT), NetworkError, "until 2024-06-01 10:00 UTC: its rate limit", "wait",
    ),
    "too fast": (
        (429, {"Retry-After": "30"}, {"message": "slow down"}), NetworkError,
        "for 30 seconds", "wait",
    ),
    "not allowed": (
        (403, {}, {"message": "Resource protected by SSO"}), UserError,
        "refuses issue acme/calc#7: Resource protected by SSO", "GITHUB_TOKEN must be allowed",
    ),
    "broken": ((502, {}, "<html>Oh</html>"), NetworkError, "fails with status 502", "later"),
    "another program": ((200, {}, "<html>hello</html>"), NetworkError, ODD, "address"),
    "half an answer": ((200, {}, "{"), NetworkError, ODD, "address"),
    "a list": ((200, {}, []), NetworkError, ODD, "address"),
    "elsewhere": ((301, {"Location": "https://example.org/x"}, {}), NetworkError, ODD, "address"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAULTS)
def test_each_fault_is_one_clear_line(hub: GitHub, case: str) -> None:
    hub.fault, kind, said, hinted = FAULTS[case]
    with pytest.raises((UserError, NetworkError)) as caught:
        read(hub, OPEN, keys={"GITHUB_TOKEN": TOKEN})
    error = caught.value
    assert type(error) is kind
    assert said in error.message
    assert hinted in error.hint
    assert "\n" not in error.message
    assert TOKEN not in f"{error.message} {error.hint} {error.__cause__!r}"
    assert len(hub.seen) == 1


def test_what_is_not_there_may_be_private(hub: GitHub) -> None:
    with pytest.raises(
        UserError, match=r"there is no issue acme/calc#404 on 127\.0\.0\.1"
    ) as caught:
        read(hub, 404)
    assert "GITHUB_TOKEN" in caught.value.hint


def test_a_limit_without_a_token_tells_what_raises_it(hub: GitHub) -> None:
    hub.fault = (403, SPENT, LIMIT)
    with pytest.raises(NetworkError) as caught:
        read(hub, OPEN)
    assert "set GITHUB_TOKEN" in caught.value.hint


def test_a_number_that_is_a_pull_request_is_refused(hub: GitHub) -> None:
    with pytest.raises(UserError, match="acme/calc#9 is a pull request"):
        read(hub, PULL)


def test_a_server_that_is_away_is_the_networks_fault(hub: GitHub) -> None:
    hub.api = "http://127.0.0.1:9"
    with pytest.raises(NetworkError, match=r"cannot reach 127\.0\.0\.1:9: no connection"):
        read(hub, OPEN)


def test_code_on_this_machine_is_not_taken_on_a_servers_word(hub: GitHub) -> None:
    hub.clone_url = str(hub.folder)
    with pytest.raises(NetworkError, match="does not answer as GitHub"):
        read(hub, OPEN)


# --- who gets the token ---


def test_the_token_goes_to_the_configured_server_alone(hub: GitHub) -> None:
    read(hub, CLOSED, keys={"GITHUB_TOKEN": TOKEN})
    assert {word for _, word in hub.seen} == {f"token {TOKEN}"}
    hub.seen.clear()
    read(hub, CLOSED)
    assert {word for _, word in hub.seen} == {None}


PUBLIC, CORPORATE = "https://api.github.com", "https://git.corp/api/v3"


@pytest.mark.parametrize(
    ("api", "host", "asked", "web", "signed"),
    [
        (PUBLIC, None, PUBLIC, "https://github.com", True),
        (PUBLIC, "github.com", PUBLIC, "https://github.com", True),
        (PUBLIC, "git.corp", CORPORATE, "https://git.corp", False),
        (CORPORATE, "git.corp", CORPORATE, "https://git.corp", True),
        (CORPORATE, "github.com", PUBLIC, "https://github.com", False),
        ("http://localhost:80", "localhost:80", "http://localhost:80", "http://localhost:80", True),
    ],
)
def test_each_host_has_its_api(
    api: str, host: str | None, asked: str, web: str, signed: bool
) -> None:
    server = server_of(host, Config(github_api=api, keys={"GITHUB_TOKEN": TOKEN}))
    assert (server.api, server.web, server.token is not None) == (asked, web, signed)
    assert TOKEN not in repr(server)


@pytest.mark.parametrize("token", ["a b", "caf\u00e9", "a\nb"])
def test_a_token_that_is_none_is_not_sent_and_not_shown(hub: GitHub, token: str) -> None:
    with pytest.raises(UserError, match="GITHUB_TOKEN is no token") as caught:
        read(hub, OPEN, keys={"GITHUB_TOKEN": token})
    assert token not in str(caught.value)
    assert not hub.seen


@pytest.mark.parametrize("api", ["", "github", "ftp://x", "https://", "[y", "https://a:b@c.org"])
def test_an_api_address_that_is_none_is_refused(api: str) -> None:
    with pytest.raises(UserError, match="github_api is no address"):
        server_of(None, Config(github_api=api))


# --- the whole way ---


def test_from_url_to_verdict_without_the_fix(hub: GitHub, tmp_path: Path) -> None:
    fix = next(iter(hub.arrivals))
    look = f"git cat-file -t {fix} || echo IT IS ABSENT; ls; cat calc.py"
    steps = [
        {"name": "bash", "arguments": {"command": look}},
        {"name": "edit", "arguments": {"path": "calc.py", "old": OLD, "new": NEW}},
        {"name": "submit", "arguments": {"summary": "done"}},
    ]
    script = {
        "reproduce": [f"```python\n{REPRODUCTION}```"],
        "attempt-1": [{"tool_calls": [step]} for step in steps],
    }
    (tmp_path / "script.json").write_text(json.dumps(script))
    words = ["-m", "scripted:script.json", "--attempts", "1", "--sandbox", "local", "-o", "run"]
    words += ["--test-command", PYTEST]
    done = subprocess.run(
        [PROGRAM, "solve", f"{hub.api}/{PROJECT}/issues/{CLOSED}", *words],
        cwd=tmp_path,
        env=dict(os.environ) | {
            "PATH": PYTHON_PATH, "HOME": str(tmp_path), "GITHUB_TOKEN": TOKEN,
            "REPAIR_AGENT_GITHUB_API": hub.api,
        },
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "the last commit on main before it was opened" in done.stderr
    recorded = read_task(tmp_path / "run" / f"acme__calc-{CLOSED}")
    assert recorded.task is not None
    assert recorded.task.base_commit == first(hub)
    kept = {file: file.read_text() for file in (tmp_path / "run").rglob("*") if file.is_file()}
    assert any("IT IS ABSENT" in text for text in kept.values())
    assert not [file for file, text in kept.items() if "the-telling-word" in text]
    assert not [file for file, text in kept.items() if TOKEN in text]
    assert TOKEN not in done.stderr + done.stdout
    assert "before it was opened" in kept[recorded.folder / "verdict.md"]


def test_what_libraries_log_does_not_reach_the_screen(hub: GitHub, tmp_path: Path) -> None:
    """A renamed project makes PyGithub log that it follows a redirect."""
    config = tmp_path / ".config" / "repair-agent" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'github_api = "{hub.api}"\n')
    words = ("solve", f"{FORMER}#{CLOSED}", "-m", "scripted:none.json", "--sandbox", "local")
    quiet = run(tmp_path, *words)
    assert quiet.returncode == 2
    assert [line[:6] for line in quiet.stderr.splitlines()] == ["error:"], quiet.stderr
    assert "Following Github server redirection" in run(tmp_path, *words, "--debug").stderr
