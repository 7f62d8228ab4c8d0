"""Local mirrors stand in for the network when they have the commit."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from agent.intake import mirrors
from agent.intake.repository import fetch
from tests.samples import make_project
from tools.base import UserError

NOWHERE = "https://repository.invalid/owner/project"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "original")


def head(folder: Path) -> str:
    command = ["git", "rev-parse", "HEAD"]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.parametrize(
    "place",
    ["project", "project.git", "owner/project.git", "owner__project", "fork+project/repo", "."],
)
def test_a_commit_comes_from_a_mirror_by_any_usual_name(
    project: Path, tmp_path: Path, place: str
) -> None:
    mirror = tmp_path / "mirrors"
    where = mirror / place
    where.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "clone", "-q", "--bare", str(project), str(where)], check=True)
    source = fetch(NOWHERE, head(project), tmp_path / "into", mirrored=[mirror])
    assert source.commit == head(project)
    assert source.shown == NOWHERE, "the task is about the repository, not about a mirror"
    assert any("from the mirror" in note for note in source.notes)
    assert (tmp_path / "into" / "calc.py").is_file()


def test_a_mirror_that_has_not_the_commit_is_passed_over(project: Path, tmp_path: Path) -> None:
    mirror = tmp_path / "mirrors"
    shutil.copytree(project, mirror / "project")
    shutil.copytree(project, mirror / "other__thing")
    assert mirrors.holding([mirror], "project", "0" * 40) is None
    assert mirrors.holding([mirror], "thing", head(project)) == mirror / "other__thing"
    assert mirrors.holding([mirror], "hing", head(project)) is None
    assert mirrors.holding([mirror], "project", "main") is None, "a name may mean another commit"


def test_a_mirror_that_is_not_there_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a folder"):
        mirrors.holding([tmp_path / "nothing"], "project", "0" * 40)
