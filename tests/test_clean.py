"""Cleaning up: leftovers of dead processes go, everything else stays."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli.clean import (
    Cleaned,
    by_life,
    clean,
    lines,
    removable,
    remove_folders,
    remove_images,
    remove_volumes,
)
from tools.process_owner import owner
from tools.sandbox.container import LABEL, ContainerInfo, ImageInfo, Limits
from tools.sandbox.engine import Engine
from tools.sandbox.local import LocalSandbox

LEAVE_CONTAINER = """
import os, sys
from tools.sandbox.container import Limits
from tools.sandbox.engine import Engine
Engine().create(sys.argv[1], sys.argv[2], ["/nothing"], limits=Limits())
os._exit(9)
"""
LEAVE_FOLDER = """
import os, signal, sys
from pathlib import Path
from tools.sandbox.local import LocalSandbox
with LocalSandbox(Path(sys.argv[1])) as sandbox:
    sandbox.write("big", b"x" * 100_000)
    print(Path(sandbox.root).parent, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def docker() -> Engine:
    return Engine()


@pytest.fixture
def image(docker: Engine, tmp_path: Path) -> Iterator[str]:
    """An image of one file, from which containers can be created but not started."""
    reference = f"repair-agent/test-clean:{os.urandom(4).hex()}"
    archive = tmp_path / "root.tar"
    (tmp_path / "nothing").write_bytes(os.urandom(1000))
    with tarfile.open(archive, "w") as tar:
        tar.add(tmp_path / "nothing", "nothing")
    docker.import_rootfs(archive, reference, {LABEL: "test"})
    yield reference
    if docker.image(reference):
        docker.remove_image(reference)


def names(engine: Engine) -> set[str]:
    return {container.name for container in engine.containers()}


def test_a_dead_process_leaves_no_container_behind(
    docker: Engine, image: str, tmp_path: Path
) -> None:
    dead, living = (f"repair-agent-test-{os.urandom(6).hex()}" for _ in "ab")
    left = subprocess.run([sys.executable, "-c", LEAVE_CONTAINER, image, dead], check=False)
    assert left.returncode == 9
    docker.create(image, living, ["/nothing"], limits=Limits())
    try:
        assert {dead, living} <= names(docker)
        cleaned = clean(docker, False, tmp_path)
        assert ("container", dead) in cleaned.removed
        assert ("container", living) not in cleaned.removed
        assert any(living in reason for reason in cleaned.kept)
        assert dead not in names(docker)
        assert living in names(docker)
        assert docker.image(image), "images stay unless they are asked for"
    finally:
        docker.remove(living)


def test_a_container_of_others_is_never_ours() -> None:
    gone = f"{owner().rpartition(':')[0]}:1"  # this pid, but started at another time
    inherited = ContainerInfo("users-own", "")
    elsewhere = ContainerInfo("remote", "another-host:1:1")
    ours = ContainerInfo("ours", owner())
    leftover = ContainerInfo("leftover", gone)
    assert by_life([inherited, elsewhere, ours, leftover]) == ([leftover], [elsewhere, ours])


def test_a_killed_process_leaves_no_folder_behind(tmp_path: Path) -> None:
    source, temporary = tmp_path / "source", tmp_path / "tmp"
    source.mkdir()
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", LEAVE_FOLDER, str(source)],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    left = Path(done.stdout.strip())
    assert left.parent == temporary
    assert (left / "testbed" / "big").exists()
    cleaned = Cleaned()
    remove_folders(temporary, cleaned)
    assert (cleaned.removed, cleaned.kept) == ([("folder", str(left))], [])
    assert cleaned.bytes >= 100_000
    assert list(temporary.iterdir()) == []


def test_folders_of_living_processes_and_of_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = f"{owner().rpartition(':')[0]}:1"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "owner").write_text(dead)
    temporary = tmp_path / "tmp"
    for name in ("repair-agent-no-owner", "other-program"):
        (temporary / name).mkdir(parents=True)
    (temporary / "other-program" / "owner").write_text(dead)
    (temporary / "repair-agent-file").write_text(dead)
    (temporary / "repair-agent-link").symlink_to(elsewhere)
    foreign = temporary / "repair-agent-foreign"
    foreign.mkdir()
    (foreign / "owner").write_text(dead)
    os.chown(foreign, 12345, 12345)
    before = {path.name for path in temporary.iterdir()}
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    with LocalSandbox(tmp_path / "elsewhere") as sandbox:
        living = Path(sandbox.root).parent
        assert living.parent == temporary
        cleaned = Cleaned()
        remove_folders(temporary, cleaned)
        assert cleaned == Cleaned(kept=[f"folder {living}: its process lives"])
        assert sandbox.run("true").ok
    assert {path.name for path in temporary.iterdir()} == before
    assert (elsewhere / "owner").exists()


def test_only_our_tags_and_untagged_images_are_removable() -> None:
    images = [
        ImageInfo(("repair-agent/sympy:1",), "sha256:1", 1),
        ImageInfo(("users/own:latest", "repair-agent/base:2"), "sha256:2", 1),
        ImageInfo(("users/built-from-ours:latest",), "sha256:3", 1),
        ImageInfo((), "sha256:4", 1),
    ]
    assert removable(images) == ["repair-agent/sympy:1", "repair-agent/base:2", "sha256:4"]


def test_images_go_unless_a_container_needs_them(docker: Engine, image: str) -> None:
    name = f"repair-agent-test-{os.urandom(6).hex()}"
    docker.create(image, name, ["/nothing"], limits=Limits())
    try:
        refused = Cleaned()
        remove_images(docker, [image, "repair-agent/absent:1"], refused)
        assert refused.removed == []
        assert len(refused.kept) == 1
        assert image in refused.kept[0]
    finally:
        docker.remove(name)
    cleaned = Cleaned()
    remove_images(docker, [image], cleaned)
    assert cleaned == Cleaned([("image", image)])
    assert docker.image(image) is None


def test_volumes_are_removed(docker: Engine) -> None:
    name = f"repair-agent-test-{os.urandom(6).hex()}"
    docker.create_volume(name)
    assert name in docker.volumes()
    cleaned = Cleaned()
    remove_volumes(docker, [name], cleaned)
    assert cleaned == Cleaned([("volume", name)])
    assert name not in docker.volumes()


def test_what_was_done_is_said() -> None:
    out = io.StringIO()
    removed = [("container", "c"), ("folder", "/tmp/f"), ("image", "i:1"), ("volume", "v")]
    cleaned = Cleaned(removed, ["image j: in use"], 2_500_000)
    out.writelines(f"{line}\n" for line in lines(cleaned))
    assert out.getvalue() == (
        "removed container c\n"
        "removed folder /tmp/f\n"
        "removed image i:1\n"
        "removed volume v\n"
        "kept image j: in use\n"
        "4 removed, 2.5 MB freed\n"
    )
    assert list(lines(Cleaned())) == ["nothing to remove"]
