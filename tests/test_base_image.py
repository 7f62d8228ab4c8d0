"""What is said when no base image can be made; nothing is left behind then."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from agent.environment import base_image
from agent.environment.build_network import BuildNetwork, Host
from tools.base import WorldError
from tools.sandbox.engine import Engine
from tools.sandbox.image_builder import Builder

NOWHERE = BuildNetwork(debian_mirror="http://127.0.0.1:9/debian")


def test_a_mirror_that_does_not_answer_is_said_and_leaves_nothing(engine: Engine) -> None:
    before = set(Path(tempfile.gettempdir()).glob("repair-agent-*/root"))
    with pytest.raises(WorldError, match="debootstrap") as caught:
        base_image.debian(Host(engine, NOWHERE, print), "bullseye")
    assert "\n" not in caught.value.message
    assert "--image" in caught.value.hint
    assert set(Path(tempfile.gettempdir()).glob("repair-agent-*/root")) <= before


def test_a_machine_without_debootstrap_is_told_to_install_it(tmp_path: Path) -> None:
    program = (
        "from agent.environment import base_image\n"
        "from agent.environment.build_network import BuildNetwork, Host\n"
        "from tools.base import WorldError\n"
        "from tools.sandbox.engine import Engine\n"
        "network = BuildNetwork(debian_mirror='http://127.0.0.1:9/debian')\n"
        "try:\n"
        "    base_image.debian(Host(Engine(), network, print), 'bullseye')\n"
        "except WorldError as error:\n"
        "    print(error.message, '|', error.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    message, _, hint = done.stdout.partition(" | ")
    assert "debootstrap" in message
    assert "--image" in hint


def test_versions_that_nobody_ships_are_said(engine: Engine) -> None:
    with pytest.raises(
        WorldError, match=r"neither Debian nor this machine has Python 3\.99"
    ) as caught:
        base_image.obtain(Host(engine, NOWHERE, print), ("3.99",))
    assert "3.9, 3.11, 3.13" in caught.value.hint


def test_the_next_python_is_taken_where_a_base_cannot_be_made(
    engine: Engine, python_image: str
) -> None:
    with Builder(engine, python_image) as builder:
        builder.commit("python:3.98-slim", labels={"repair-agent": "test"})
    said: list[str] = []
    try:
        base = base_image.obtain(Host(engine, NOWHERE, said.append), ("3.9", "3.98"))
        assert base.python == "3.98"
        assert any(line.startswith("no base image for Python 3.9: debootstrap") for line in said)
        engine.remove_image(base.reference)
    finally:
        engine.remove_image("python:3.98-slim")
    with pytest.raises(WorldError, match="debootstrap failed"):
        base_image.obtain(Host(engine, NOWHERE, said.append), ("3.9", "3.99"))
