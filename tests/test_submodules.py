"""Repositories inside repositories: brought along, or said to be missing and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.intake.repository import fetch
from tests.git_server import commit, served, sh
from tools.base import UserError
from tools.submodules import resolved

ELSEWHERE = "https://nowhere.invalid/owner/part.git"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder of repositories and its URL: `tool` holds `part`, which holds `inner`."""
    root = tmp_path / "server"
    for name in ("inner", "part", "tool"):
        (root / name).mkdir(parents=True)
        sh(root / name, "init", "-q")
        commit(root / name, "start", **{f"{name}.py": f"NAME = '{name}'\n"})
    add(root / "part", "../inner", root / "inner")
    add(root / "tool", "../part", root / "part")
    with served(root) as url:
        yield root, url


def add(folder: Path, url: str, origin: Path) -> None:
    """Add a submodule by an address that only its server's visitors can follow."""
    sh(folder, "submodule", "--quiet", "add", str(origin), origin.name)
    sh(folder, "config", "-f", ".gitmodules", f"submodule.{origin.name}.url", url)
    sh(folder, "add", "-A")
    sh(folder, "commit", "-q", "-m", "add")


def test_submodules_come_along_from_a_url(server: tuple[Path, str], tmp_path: Path) -> None:
    root, url = server
    pinned = sh(root / "part", "rev-parse", "HEAD")
    commit(root / "part", "later", **{"part.py": "NAME = 'later'\n"})
    source = fetch(f"{url}/tool", None, tmp_path / "into")
    assert (tmp_path / "into" / "part" / "part.py").read_text() == "NAME = 'part'\n"
    assert (tmp_path / "into" / "part" / "inner" / "inner.py").is_file()
    assert f"submodule part is at {pinned[:12]}" in source.notes
    assert sh(tmp_path / "into", "status", "--porcelain") == ""


def test_one_that_cannot_be_had_is_left_empty_and_said(
    server: tuple[Path, str], tmp_path: Path
) -> None:
    root, url = server
    sh(root / "tool", "config", "-f", ".gitmodules", "submodule.part.url", "/etc/part")
    commit(root / "tool", "a path of this machine")
    source = fetch(f"{url}/tool", None, tmp_path / "into")
    (note,) = [note for note in source.notes if "part" in note]
    assert "left empty" in note
    assert "path of the machine" in note
    assert list((tmp_path / "into" / "part").iterdir()) == []


@pytest.mark.parametrize(
    ("url", "source", "found"),
    [
        ("../part.git", "https://host/owner/tool.git", "https://host/owner/part.git"),
        ("../../else/part", "https://host/owner/tool", "https://host/else/part"),
        ("./part", "https://host/owner/tool/", "https://host/owner/tool/part"),
        ("../part", "git@host:owner/tool", "git@host:owner/part"),
        ("../../else/part", "git@host:owner/tool", "git@host:else/part"),
        (ELSEWHERE, "git@host:owner/tool", ELSEWHERE),
        ("../part", Path("/srv/tool"), Path("/srv/part")),
        ("/srv/part", Path("/srv/tool"), Path("/srv/part")),
    ],
)
def test_addresses_are_meant_from_the_repository(
    url: str, source: str | Path, found: str | Path
) -> None:
    assert resolved(url, source) == found


@pytest.mark.parametrize(
    "url",
    ["/etc", "file:///etc/x", "ext::sh -c x", "../../../../x", "-u x", "C:\\x", "javascript://x/y"],
)
def test_addresses_that_reach_into_this_machine_are_refused(url: str) -> None:
    with pytest.raises(UserError):
        resolved(url, "https://host/owner/tool")


def test_with_a_mirror_submodules_are_meant_from_the_repositorys_own_address(
    server: tuple[Path, str], tmp_path: Path
) -> None:
    root, url = server
    mirror = tmp_path / "mirrors"
    mirror.mkdir()
    sh(root, "clone", "-q", "--bare", str(root / "tool"), str(mirror / "tool.git"))
    commit_of_tool = sh(root / "tool", "rev-parse", "HEAD")
    source = fetch(f"{url}/tool", commit_of_tool, tmp_path / "into", mirrored=[mirror])
    assert (tmp_path / "into" / "part" / "inner" / "inner.py").is_file()
    assert source.empty == ()
    assert source.content == commit_of_tool


def test_a_submodule_comes_from_a_mirror_too(server: tuple[Path, str], tmp_path: Path) -> None:
    root, _ = server
    mirror = tmp_path / "mirrors"
    mirror.mkdir()
    for name in ("tool", "part"):
        sh(root, "clone", "-q", "--bare", str(root / name), str(mirror / f"{name}.git"))
    commit_of_tool = sh(root / "tool", "rev-parse", "HEAD")
    address = "https://repository.invalid/owner/tool"
    source = fetch(address, commit_of_tool, tmp_path / "into", mirrored=[mirror])
    assert (tmp_path / "into" / "part" / "part.py").is_file()
    assert source.empty == ("part/inner",), "that one is nowhere"
    assert source.content == f"{commit_of_tool} part/inner", "its image is another"
