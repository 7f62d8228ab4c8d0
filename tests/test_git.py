"""One commit and nothing else, from folders, servers and archives; real repositories throughout."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.git_server import commit, served, sh
from tools import git, git_url
from tools.base import NetworkError, UserError
from tools.snapshot import Description, commit_folder, describe, snapshot


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A repository: v1.0 (annotated) <- middle <- tip on `trunk`, and a branch `other`."""
    folder = tmp_path / "origin"
    folder.mkdir()
    sh(folder, "init", "-q", "-b", "trunk")
    commit(folder, "past", code="past content\n")
    sh(folder, "tag", "-a", "v1.0", "-m", "release")
    commit(folder, "middle", code="middle content\n")
    sh(folder, "branch", "other")
    commit(folder, "future", code="future content\n", fix="the fix\n")
    return folder


def contents(folder: Path) -> str:
    """Every blob in a repository's object store, reachable or not."""
    return sh(folder, "cat-file", "--batch-all-objects", "--batch", "--buffer")


def assert_holds_only(folder: Path, sha: str) -> None:
    """Assert that a repository knows one commit: no other object, name, log or address."""
    listed = sh(folder, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    tree = sh(folder, "ls-tree", "-r", "-t", "--format=%(objectname)", sha).split()
    assert set(listed.split()) == {sha, sh(folder, "rev-parse", f"{sha}^{{tree}}"), *tree}
    assert sh(folder, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert sh(folder, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert sh(folder, "rev-parse", "HEAD") == sha
    assert sh(folder, "remote") == ""
    assert sh(folder, "status", "--porcelain", "--ignored") == ""
    assert not [
        name
        for name in ("FETCH_HEAD", "ORIG_HEAD", "logs", "hooks", "packed-refs", "COMMIT_EDITMSG")
        if (folder / ".git" / name).exists()
    ]
    assert "remote" not in (folder / ".git" / "config").read_text()


@pytest.mark.parametrize("ref", ["other", "trunk~1", "HEAD^"])
def test_a_commit_is_cut_out_of_its_history(origin: Path, tmp_path: Path, ref: str) -> None:
    made = snapshot(origin, ref, tmp_path / "cut")
    assert made.commit == sh(origin, "rev-parse", "other")
    assert_holds_only(tmp_path / "cut", made.commit)
    assert (tmp_path / "cut" / "code").read_text() == "middle content\n"
    stored = contents(tmp_path / "cut")
    assert "middle content" in stored
    assert "past content" not in stored
    assert "future content" not in stored
    assert "the fix" not in stored


def test_only_committed_state_counts(origin: Path, tmp_path: Path) -> None:
    (origin / "code").write_text("staged\n")
    sh(origin, "add", "code")
    (origin / "code").write_text("changed\n")
    (origin / "new").write_text("new\n")
    made = snapshot(origin, None, tmp_path / "cut")
    assert made.commit == sh(origin, "rev-parse", "HEAD")
    assert_holds_only(tmp_path / "cut", made.commit)
    assert (tmp_path / "cut" / "code").read_text() == "future content\n"
    assert not (tmp_path / "cut" / "new").exists()
    assert (origin / "code").read_text() == "changed\n"


def test_shallow_bare_and_linked_sources_serve(origin: Path, tmp_path: Path) -> None:
    sh(tmp_path, "clone", "-q", "--depth=1", origin.as_uri(), "shallow")
    sh(tmp_path, "clone", "-q", "--bare", str(origin), "bare")
    sh(origin, "worktree", "add", "-q", "--detach", str(tmp_path / "linked"), "other")
    for name, ref in (("shallow", "trunk"), ("bare", "trunk"), ("linked", "other")):
        made = snapshot(tmp_path / name, None, tmp_path / f"cut-{name}")
        assert made.commit == sh(origin, "rev-parse", ref)
        assert_holds_only(tmp_path / f"cut-{name}", made.commit)


def test_date_is_the_commits_in_utc(origin: Path, tmp_path: Path) -> None:
    made = snapshot(origin, "v1.0", tmp_path / "cut")
    assert made.date.tzinfo == UTC
    assert int(made.date.timestamp()) == int(sh(origin, "show", "-s", "--format=%ct", "v1.0^{}"))


def test_hooks_and_filters_do_not_run(origin: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    hook = origin / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hook.chmod(0o755)
    sh(origin, "config", "filter.mark.smudge", f"touch {mark}; cat")
    sh(origin, "config", "core.fsmonitor", f"touch {mark}")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    commit(origin, "filters", **{".gitattributes": "*.bin filter=lfs\n* filter=mark\n"})
    commit(origin, "pointer", **{"a.bin": pointer})
    mark.unlink(missing_ok=True)
    snapshot(origin, None, tmp_path / "cut")
    assert (tmp_path / "cut" / "a.bin").read_text() == pointer
    assert not mark.exists()


def test_the_callers_own_git_variables_are_left_aside(origin: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tools.snapshot import snapshot; "
        "print(snapshot(Path(sys.argv[1]), None, Path(sys.argv[2])).commit)"
    )
    sh(tmp_path, "init", "-q", "elsewhere")
    told = {"GIT_DIR": str(tmp_path / "elsewhere" / ".git"), "GIT_INDEX_FILE": "/nowhere/index"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(origin), str(tmp_path / "cut")],
        env={**os.environ, **told}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == sh(origin, "rev-parse", "HEAD"), done.stderr


def test_what_git_lfs_keeps_elsewhere_is_said(origin: Path, tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    commit(origin, "pointer", **{"a.bin": pointer, "b.txt": f"not {pointer}"})
    (note,) = snapshot(origin, None, tmp_path / "cut").notes
    assert note == "git LFS keeps 1 files elsewhere, which are left as pointers: a.bin"


@pytest.mark.parametrize(
    ("make", "ref", "said"),
    [
        ("absent", None, "does not exist"),
        ("file", None, "is not a folder"),
        ("plain", None, "is not a git repository"),
        ("inside", None, "is a folder inside the repository"),
        ("empty", None, "has no commits"),
        ("origin", "nope", "has no ref nope"),
        ("origin", "0" * 40, f"has no ref {'0' * 40}"),
        ("origin", "--upload-pack=x", "is no ref"),
        ("origin", "", "is no ref"),
    ],
)
def test_wrong_folder_or_ref_is_the_users(
    origin: Path, tmp_path: Path, make: str, ref: str | None, said: str
) -> None:
    folders = {"origin": origin, "inside": origin / "sub"}
    folder = folders.get(make, tmp_path / make)
    if make in ("plain", "inside"):
        folder.mkdir()
    elif make == "empty":
        sh(tmp_path, "init", "-q", "empty")
    elif make == "file":
        folder.write_text("")
    with pytest.raises(UserError, match=said):
        snapshot(folder, ref, tmp_path / "cut")


# --- servers ---


@pytest.mark.parametrize("version_2", [True, False], ids=["any-sha", "tips-only"])
def test_every_kind_of_ref_is_found_on_a_server(
    origin: Path, tmp_path: Path, version_2: bool
) -> None:
    middle = sh(origin, "rev-parse", "trunk~1")
    past = sh(origin, "rev-parse", "v1.0^{}")
    tip = sh(origin, "rev-parse", "trunk")
    sh(origin, "branch", "-D", "-q", "other")
    refs = {None: tip, "trunk": tip, "v1.0": past, "refs/tags/v1.0": past}
    refs |= {middle: middle, middle[:10]: middle}
    with served(tmp_path, version_2=version_2) as address:
        for number, (ref, expected) in enumerate(refs.items()):
            into = tmp_path / f"cut-{number}"
            assert snapshot(f"{address}/origin", ref, into).commit == expected, ref
            assert_holds_only(into, expected)


def test_files_urls_serve_too(origin: Path, tmp_path: Path) -> None:
    made = snapshot(origin.as_uri(), "other", tmp_path / "cut")
    assert_holds_only(tmp_path / "cut", made.commit)


def test_credentials_stay_out_of_repository_and_errors(origin: Path, tmp_path: Path) -> None:
    with served(tmp_path, password=True) as address:
        host = address.removeprefix("http://")
        snapshot(f"http://user:s3cret@{host}/origin", None, tmp_path / "cut")
        with pytest.raises(UserError, match="no ref nope") as wrong_ref:
            snapshot(f"http://user:s3cret@{host}/origin", "nope", tmp_path / "b")
        with pytest.raises(UserError) as absent:
            snapshot(f"http://user:s3cret@{host}/absent", None, tmp_path / "c")
        with pytest.raises(UserError, match="cannot read") as refused:
            snapshot(f"{address}/origin", None, tmp_path / "d")
    stored = [path.read_bytes() for path in (tmp_path / "cut").rglob("*") if path.is_file()]
    assert stored
    assert not any(b"s3cret" in data or b"user:" in data for data in stored)
    for caught in (wrong_ref, absent, refused):
        assert "s3cret" not in f"{caught.value.message} {caught.value.hint}"


def test_a_server_that_is_away_is_the_networks_fault(tmp_path: Path) -> None:
    with served(tmp_path) as address:
        pass
    with pytest.raises(NetworkError, match=r"cannot reach http://127\.0\.0\.1"):
        snapshot(f"{address}/origin", None, tmp_path / "cut")


@pytest.mark.parametrize(
    "url", ["ext::sh -c id", "fd::17", "ftp://h/x", "https://", "https:///x", "http://[::1/x"]
)
def test_other_transports_are_refused(url: str, tmp_path: Path) -> None:
    assert git_url.is_url(url)
    with pytest.raises(UserError):
        snapshot(url, None, tmp_path / "cut")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://host/a", True), ("git@host:a/b", True), ("ssh://git@host/a", True),
        ("file:///a", True), ("a/b", False), ("./a:b", False), ("C:/x", False), ("/a@b:c", False),
    ],
)  # fmt: skip
def test_urls_are_told_from_paths(text: str, expected: bool) -> None:
    assert git_url.is_url(text) is expected


@given(
    user=st.from_regex(r"[A-Za-z0-9_.~%!$&*+,;=-]{1,20}", fullmatch=True),
    password=st.from_regex(r"[A-Za-z0-9_.~%!$&*+,;=:@-]{12,40}", fullmatch=True),
)
def test_redaction_leaves_no_password(user: str, password: str) -> None:
    text = f"fatal: unable to access 'https://{user}:{password}@example.org/a/b.git/': no"
    assert git_url.redacted(text) == "fatal: unable to access 'https://example.org/a/b.git/': no"


# --- tags and archives ---


def test_describe_counts_from_the_nearest_tag(origin: Path, tmp_path: Path) -> None:
    tip = sh(origin, "rev-parse", "HEAD")
    assert describe(origin, tip) == Description("v1.0", 2)
    assert describe(origin, "v1.0") == Description("v1.0", 0)
    with served(tmp_path) as address:
        assert describe(f"{address}/origin", tip) == Description("v1.0", 2)
    sh(origin, "tag", "-d", "v1.0")
    assert describe(origin, tip) is None


def archive(folder: Path) -> Path:
    (folder / "sub").mkdir(parents=True)
    (folder / ".gitignore").write_text("*.log\nsub/\n")
    (folder / ".gitattributes").write_text("* text=auto eol=crlf\n")
    (folder / "ignored.log").write_text("kept\n")
    (folder / "windows.txt").write_bytes(b"a\r\nb\r\n")
    (folder / "sub" / "program").write_text("#!/bin/sh\n")
    (folder / "sub" / "program").chmod(0o755)
    return folder


def test_folder_becomes_one_commit_with_every_file(tmp_path: Path) -> None:
    date = datetime(2017, 7, 27, 1, 53, tzinfo=UTC)
    one = commit_folder(archive(tmp_path / "one"), date=date, message="m")
    two = commit_folder(archive(tmp_path / "two"), date=date, message="m")
    assert one == two
    assert_holds_only(tmp_path / "one", one.commit)
    assert set(sh(tmp_path / "one", "ls-files").split()) == {
        ".gitignore", ".gitattributes", "ignored.log", "windows.txt", "sub/program",
    }  # fmt: skip
    assert git.run("show", "HEAD:windows.txt", folder=tmp_path / "one") == "a\r\nb\r"
    assert "100755" in sh(tmp_path / "one", "ls-files", "-s", "sub/program")


def test_repositories_inside_an_archive_do_not_hide_files(tmp_path: Path) -> None:
    folder = archive(tmp_path / "one")
    sh(folder / "sub", "init", "-q")
    made = commit_folder(folder, date=datetime(2020, 1, 1, tzinfo=UTC), message="m")
    assert made.notes == ("left out sub/.git",)
    assert "sub/program" in sh(folder, "ls-files")


INTERRUPTED = """
import signal
import sys
from pathlib import Path
from tools.snapshot import snapshot
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job is born without it
try:
    snapshot(sys.argv[1], None, Path(sys.argv[2]))
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt_ends_git_and_its_time_limit(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/owner/tool"
        process = subprocess.Popen(
            [sys.executable, "-c", INTERRUPTED, url, str(tmp_path / "into")],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        silent.settimeout(30)
        connection, _ = silent.accept()  # git waits for an answer from now on
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=20)
        assert said == "interrupted\n"
        connection.settimeout(20)
        while connection.recv(4096):  # ends when git has
            pass
        connection.close()
