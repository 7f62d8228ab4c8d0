"""`repair-agent image` as users meet it: built, listed, told; in real containers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.samples import ISSUE, commit, git, make_project, own_name, remove_images
from tests.test_cli import run
from tools.process_owner import owner_lives
from tools.sandbox.engine import Engine
from tools.sandbox.image_builder import Builder

BROKEN = "wanted = dict(python_requires='==3.9.*')\nraise SystemExit('this cannot be installed')\n"


@pytest.fixture
def here(tmp_path: Path, engine: Engine) -> Iterator[Path]:
    project = make_project(tmp_path / own_name(tmp_path))
    wanted = "from setuptools import setup\nsetup(name='calc', python_requires='==3.9.*')\n"
    (project / "setup.py").write_text(wanted)
    commit(project, "for Python 3.9 alone")
    (tmp_path / "issue.md").write_text(ISSUE)
    yield tmp_path
    remove_images(engine, own_name(tmp_path))


def test_an_image_is_built_listed_and_tells_how_it_was_made(here: Path, engine: Engine) -> None:
    built = run(here, "image", "build", "issue.md", "--repo", own_name(here))
    assert built.returncode == 0, built.stderr
    tag = built.stdout.strip()
    assert tag.startswith(f"repair-agent/{own_name(here)}:"), (
        "the tag stands alone on standard output"
    )
    assert "install" in built.stderr
    assert "tests: 1 pass, 1 fail" in built.stderr
    again = run(here, "image", "build", "issue.md", "--repo", own_name(here))
    assert again.stdout == built.stdout
    listed = json.loads(run(here, "image", "list", "--json").stdout)
    (own,) = [one for one in listed if one["tag"] == tag]
    assert own["test_command"] == "python -m pytest"
    assert own["toolchain"].startswith("Python 3.9")
    assert own["first_run"]["counts"] == {"pass": 1, "fail": 1}
    assert own["first_run"]["whole"]
    assert len(own["first_run"]["slowest"]) == 2
    assert tag in run(here, "image", "list").stdout
    other = run(
        here, "image", "build", "issue.md", "--repo", own_name(here), "--test-command", "true"
    )
    assert "tests: 1 pass" not in other.stderr, "those ran with another command"
    told = run(here, "image", "log", tag).stdout
    assert "$ uv " in told
    assert f"#   {own['first_run']['failing'][0]}\n" in told
    assert "Python 3.9" in told
    engine.remove_image(tag)
    gone = run(here, "image", "log", tag)
    assert (gone.returncode, gone.stdout) == (2, "")
    assert "error: there is no image" in gone.stderr


def test_an_instance_is_built_from_what_its_row_may_tell(here: Path, engine: Engine) -> None:
    row = {
        "instance_id": "owner__tool-1",
        "repo": f"owner/{own_name(here)}",
        "base_commit": git(here / own_name(here), "rev-parse", "HEAD"),
        "problem_statement": ISSUE,
        "created_at": "2021-05-01T00:00:00Z",
        "image": "nobody.invalid/owner__tool-1:latest",
    }
    poison = {"patch": "POISON", "version": "POISON", "eval_script": "POISON"}
    tags = []
    for name, more in (("clean", {}), ("poisoned", poison)):
        (here / f"{name}.jsonl").write_text(json.dumps({**row, **more}) + "\n")
        words = ("image", "build", "owner__tool-1", "--dataset", f"{name}.jsonl", "--mirror", ".")
        built = run(here, *words)
        assert built.returncode == 0, built.stderr
        tags.append(built.stdout.strip())
    assert tags[0] == tags[1]
    assert tags[0].startswith(f"repair-agent/{own_name(here)}:"), "never somebody's own name"
    with Builder(engine, tags[0]) as builder:
        script = (
            "source /opt/miniconda3/bin/activate && conda activate testbed && cd /testbed && "
            f"git checkout -q {row['base_commit']} && command -v python && python -m pytest -q"
        )
        code, text = builder.run(f"bash -c '{script}'")
        assert text.startswith("/opt/venv/bin/python\n")
        assert "1 failed" in text
        assert "passed" in text
        assert code == 1


def test_a_build_that_cannot_succeed_ends_with_what_to_try(here: Path, engine: Engine) -> None:
    (here / own_name(here) / "setup.py").write_text(BROKEN)
    commit(here / own_name(here), "broken")
    built = run(here, "image", "build", "issue.md", "--repo", own_name(here))
    assert (built.returncode, built.stdout) == (6, "")
    error = built.stderr.strip().splitlines()[-1]
    assert error.startswith("error: resolve the dependencies: `printf")
    assert "this cannot be installed" in error
    assert "--image" in error
    tags = [tag for one in engine.images() for tag in one.tags]
    assert not [tag for tag in tags if own_name(here) in tag]
    left = [one for one in engine.containers() if "build" in one.name]
    assert not [one for one in left if not owner_lives(one.owner)], "others may be building now"
