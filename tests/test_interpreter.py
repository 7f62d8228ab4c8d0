"""Interpreters of this machine: found below a home, and put into an image where they run."""

from __future__ import annotations

import json
import platform
import sys
import tarfile
from pathlib import Path

import pytest
import uv

from agent.environment import base_image, install, interpreter
from agent.environment.archives import pack
from agent.environment.build import VENV
from agent.environment.build_network import BuildNetwork, Host
from tools.base import NetworkError
from tools.sandbox.engine import Engine
from tools.sandbox.image_builder import Builder

OWN = ".".join(map(str, sys.version_info[:2]))


def fake(home: Path, where: str, version: str, said: str) -> Path:
    program = home / where / "bin" / f"python{version}"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{said}\n")
    program.chmod(0o755)
    return program


def answer(version: str, prefix: Path) -> str:
    return f"""echo '["{version}", "{prefix}", "{version} (main)"]'"""


def test_the_newest_that_runs_is_taken(tmp_path: Path) -> None:
    pyenv, uv = ".pyenv/versions", ".local/share/uv/python"
    for where, version in (
        (f"{pyenv}/3.8.9", "3.8.9"),
        (f"{uv}/cpython-3.8.18-linux-x86_64-gnu", "3.8.18"),
    ):
        fake(tmp_path, where, "3.8", answer(version, tmp_path / where))
    fake(tmp_path, f"{pyenv}/3.8.20", "3.8", "exit 1")
    fake(tmp_path, f"{pyenv}/3.8.19", "3.8", answer("3.8.19", Path("/usr")))
    fake(tmp_path, f"{pyenv}/3.15.0a1", "3.15", answer("3.15.0a1", tmp_path))
    found = interpreter.find("3.8", tmp_path)
    assert found is not None
    assert (found.version, found.minor) == ("3.8.18", "3.8")
    assert interpreter.find("3.15", tmp_path) is None, "an alpha is no release"
    assert interpreter.find("3.7", tmp_path) is None


def offered(folder: Path, url: str) -> dict[str, str]:
    """Return the variables by which uv finds this very Python at a URL, and nothing else."""
    major, minor, patch = sys.version_info[:3]
    told = {
        "name": "cpython", "arch": {"family": platform.machine(), "variant": None}, "os": "linux",
        "libc": "gnu", "major": major, "minor": minor, "patch": patch, "prerelease": "",
        "url": url, "sha256": None, "variant": None, "build": "1",
    }  # fmt: skip
    key = f"cpython-{major}.{minor}.{patch}-linux-{platform.machine()}-gnu"
    (folder / "offered.json").write_text(json.dumps({key: told}))
    return {"UV_PYTHON_DOWNLOADS_JSON_URL": f"file://{folder}/offered.json", "UV_HTTP_RETRIES": "0"}


def test_uv_gives_what_nothing_else_has(tmp_path: Path) -> None:
    archive = tmp_path / "python.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as packed:
        for part in (f"bin/python{OWN}", f"lib/python{OWN}"):
            packed.add(
                Path(sys.base_prefix) / part, f"python/{part}",
                filter=lambda one: None if "/site-packages" in one.name else one,
            )  # fmt: skip
    found = interpreter.download(OWN, tmp_path / "in", offered(tmp_path, f"file://{archive}"))
    assert found is not None
    assert found.version == platform.python_version()
    assert found.prefix.is_relative_to(tmp_path / "in")
    assert interpreter.download("3.5", tmp_path / "in", offered(tmp_path, "file:///x")) is None
    with pytest.raises(NetworkError, match=f"uv cannot download Python {OWN}"):
        interpreter.download(OWN, tmp_path / "no", offered(tmp_path, "http://127.0.0.1:9/x.tar.gz"))


@pytest.mark.long
@pytest.mark.skipif(
    Path(sys.base_prefix) in interpreter.SYSTEM, reason="this Python is the distribution's own"
)
def test_this_python_runs_in_a_base_image(
    engine: Engine, network: BuildNetwork, tmp_path: Path
) -> None:
    kept = tmp_path / ".pyenv" / "versions"
    kept.mkdir(parents=True)
    (kept / "own").symlink_to(sys.base_prefix)
    (found,) = [interpreter.examine(path) for path in kept.glob(f"own/bin/python{OWN}")]
    assert found is not None
    reference = base_image.with_interpreter(Host(engine, network, print), found)
    assert reference is not None
    with Builder(engine, reference) as builder:
        program = f"python{OWN} -c 'import sys, sysconfig; print(sys.prefix, sys.version_info[:2])'"
        assert builder.run(program) == (
            0, f"{interpreter.WHERE}/{OWN} {tuple(sys.version_info[:2])}\n",
        )  # fmt: skip
        code, text = builder.run(f"grep -rlF '{found.prefix}' {interpreter.WHERE} --include='*.py'")
        assert (code, text) == (1, ""), "nothing names the folder that it came from"
        builder.put("/usr/local/bin", pack({"uv": Path(uv.find_uv_bin()).read_bytes()}))
        code, text = builder.run(f"{install.venv(OWN)} && {VENV}/bin/python -c 'import encodings'")
        assert code == 0, text
    engine.remove_image(reference)
