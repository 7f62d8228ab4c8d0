"""The distribution as a user gets it: built, installed elsewhere, run beside foreign packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from uv import find_uv_bin

from tests.tiny_model import write_tiny_model

PROJECT = Path(__file__).parent.parent
PARTS = ("agent", "tools", "prompts", "pyproject.toml", "README.md", "LICENSE")
TRAP = "raise SystemExit('picked up from the working directory')\n"


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=bare_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def bare_environment() -> dict[str, str]:
    """Return the environment without what could bring our sources in by another way."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source")
    for part in PARTS:
        place = PROJECT / part
        if place.is_dir():
            shutil.copytree(place, source / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(place, source / part)
    run(find_uv_bin(), "build", "--wheel", "--python", sys.executable, cwd=source)
    (found,) = (source / "dist").glob("*.whl")
    return found


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    run(find_uv_bin(), "venv", "--python", sys.executable, "venv", cwd=folder)
    python = folder / "venv/bin/python"
    run(find_uv_bin(), "pip", "install", "--python", python, wheel, cwd=folder)
    return folder / "venv/bin/repair-agent"


def test_the_wheel_holds_all_modules_and_data(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        str(file.relative_to(PROJECT))
        for package in ("agent", "tools", "prompts")
        for pattern in ("*.py", "*.j2", "py.typed")
        for file in (PROJECT / package).rglob(pattern)
    }

    assert wanted <= packed
    assert any(name.endswith(".md.j2") for name in wanted)
    assert "tools/inside/launcher.py" in wanted
    assert not [name for name in packed if name.startswith(("tests/", "runs/"))]


def test_it_runs_where_it_is_installed(program: Path, tmp_path: Path) -> None:
    said = run(program, "--help", cwd=tmp_path)

    assert "solve" in said
    assert not list(tmp_path.iterdir())


def test_it_is_not_taken_in_by_packages_of_the_same_names(program: Path, tmp_path: Path) -> None:
    for package in ("agent", "tools", "prompts"):
        (tmp_path / package).mkdir()
        for name in ("__init__.py", "__main__.py", "cli.py", "base.py"):
            (tmp_path / package / name).write_text(TRAP)

    assert "solve" in run(program, "--help", cwd=tmp_path)
    assert "--repo" in run(program, "solve", "--help", cwd=tmp_path)


def test_its_sandbox_works_as_installed(program: Path, tmp_path: Path) -> None:
    """The program that runs inside is read from the installed package."""
    script = (
        "from pathlib import Path; from tools.sandbox.local import LocalSandbox\n"
        "with LocalSandbox(Path('.')) as sandbox: print(sandbox.run('echo works').output)"
    )

    assert run(program.with_name("python"), "-I", "-c", script, cwd=tmp_path) == "works\n\n"


def test_without_the_extra_the_embedded_model_says_what_it_needs(
    program: Path, tmp_path: Path
) -> None:
    words = ("model", "serve", "-m", f"local:{write_tiny_model(tmp_path / 'tiny.gguf')}")
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "pip install 'repair-agent[local]'" in done.stderr
    assert "local:PATH" in run(program, "model", "list", cwd=tmp_path)
