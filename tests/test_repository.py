"""Paths, URLs and releases become repositories of one commit, or one clear line."""

from __future__ import annotations

import http.server
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from agent.intake import repository_address
from agent.intake.repository import fetch, version_of
from tools.base import NetworkError, UserError, WorldError
from tools.snapshot import Description

SIX = "pypi:six==1.16.0"


def git(folder: Path, *command: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    done = subprocess.run(
        ["git", *identity, *command], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "pyproject.toml").write_text('[build-system]\nrequires = ["setuptools_scm"]\n')
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "one")
    git(folder, "tag", "v1.2.3")
    git(folder, "commit", "-q", "--allow-empty", "-m", "two")
    return folder


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_release_is_fetched_the_same_every_time(tmp_path: Path) -> None:
    work = tmp_path / "work"
    one = fetch(SIX, None, work / "one")
    two = fetch("pypi:Six==1.16", None, work / "two")
    assert (one.name, one.shown, one.version) == ("six", SIX, "1.16.0")
    assert one.date == datetime(2021, 5, 5, 14, 18, 18, 379524, tzinfo=UTC)
    assert one.commit == two.commit == git(work / "one", "rev-parse", "HEAD")
    assert git(work / "one", "status", "--porcelain", "--ignored") == ""
    assert (work / "one" / "six.py").is_file()
    assert "six.egg-info/PKG-INFO" in git(work / "one", "ls-files")
    assert left(work) == ["one", "two"]


def test_a_folder_tells_its_version_by_its_tags(project: Path, tmp_path: Path) -> None:
    source = fetch(str(project), None, tmp_path / "work" / "one")
    assert source.commit == git(project, "rev-parse", "HEAD")
    assert (source.name, source.version) == ("project", "1.2.4.dev1")
    assert fetch(str(project), "v1.2.3", tmp_path / "work" / "two").version == "1.2.3"
    assert left(tmp_path / "work") == ["one", "two"]


def test_a_url_keeps_its_credentials_to_itself(project: Path, tmp_path: Path) -> None:
    url = f"file://user:s3cret@localhost{project}"
    source = fetch(project.as_uri(), None, tmp_path / "work" / "one")
    assert source.shown == project.as_uri()
    assert source.name == "project"
    assert (
        repository_address.display_name(repository_address.parse(url))
        == f"file://localhost{project}"
    )


@pytest.mark.parametrize(
    ("repository", "ref", "said", "hinted"),
    [
        ("pypi:six==1.16.7", None, "six has no release 1.16.7", "1.16.0"),
        ("pypi:six==1.16.0", "main", "--ref main goes with a git repository", "git URL"),
        ("pypi:six", None, "pypi:six names no release", "NAME==VERSION"),
        ("pypi:six==", None, "names no release", "NAME==VERSION"),
        ("pypi:../six==1.0", None, "names no release", "NAME==VERSION"),
        ("pypi:torch==2.1.0", None, "without a source archive", "--repo"),
        ("pypi:no-project-has-this-name-4711==1", None, "has no project", "name"),
        ("ext::sh -c id", None, "not taken", "https"),
        ("  ", None, "not named", "folder"),
        ("no/such/folder", None, "does not exist", "folder"),
    ],
)
def test_wrong_names_leave_nothing(
    tmp_path: Path, repository: str, ref: str | None, said: str, hinted: str
) -> None:
    work = tmp_path / "work"
    with pytest.raises(UserError) as caught:
        fetch(repository, ref, work / "one")
    assert said in caught.value.message
    assert hinted in caught.value.hint
    assert not work.exists() or left(work) == []


def test_a_wrong_ref_leaves_nothing(project: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no ref nope"):
        fetch(str(project), "nope", tmp_path / "work" / "one")
    assert left(tmp_path / "work") == []


def test_a_folder_in_use_is_not_touched(project: Path, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "mine").write_text("kept")
    with pytest.raises(WorldError, match="cannot write"):
        fetch(str(project), None, tmp_path / "one")
    assert left(tmp_path) == ["one", "project"]
    assert left(tmp_path / "one") == ["mine"]


# --- an index on loopback ---


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def index(folder: Path) -> Iterator[str]:
    handler = partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def published(folder: Path, name: str, content: bytes, digest: str) -> None:
    page = folder / "simple" / "thing"
    page.mkdir(parents=True)
    (folder / name).write_bytes(content)
    (page / "index.html").write_text(f'<a href="/{name}#sha256={digest}">{name}</a>')


def test_a_wrong_digest_is_refused(tmp_path: Path) -> None:
    published(tmp_path / "index", "thing-1.0.tar.gz", b"x", "0" * 64)
    with index(tmp_path / "index") as url, pytest.raises(NetworkError, match=r"[Dd]igest"):
        fetch("pypi:thing==1.0", None, tmp_path / "work" / "one", index_url=url)
    assert left(tmp_path / "work") == []


def test_an_archive_that_is_none_is_said(tmp_path: Path) -> None:
    digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"  # of b"x"
    published(tmp_path / "index", "thing-1.0.tar.gz", b"x", digest)
    with index(tmp_path / "index") as url, pytest.raises(WorldError, match="cannot be unpacked"):
        fetch("pypi:thing==1.0", None, tmp_path / "work" / "one", index_url=url)
    assert left(tmp_path / "work") == []


def test_an_index_that_is_away_is_the_networks_fault(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    with index(tmp_path / "index") as url:
        pass
    with pytest.raises(NetworkError, match="no connection"):
        fetch(SIX, None, tmp_path / "work" / "one", index_url=url)
    assert left(tmp_path / "work") == []


@pytest.mark.parametrize(
    ("tag", "distance", "version"),
    [
        ("v1.2.3", 0, "1.2.3"),
        ("v1.2.3", 4, "1.2.4.dev4"),
        ("release-2.0rc1", 2, "2.0rc2.dev2"),
        ("2020", 1, "2021.dev1"),
        ("project/v0.1", 0, "0.1"),
        ("build7x", 0, None),
        ("nightly-1-2-x", 0, None),
    ],
)
def test_versions_follow_the_nearest_tag(tag: str, distance: int, version: str | None) -> None:
    assert version_of(Description(tag, distance)) == version
