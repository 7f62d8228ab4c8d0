"""The door to the Docker engine, with the engine that runs here."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tools.base import EngineError, NetworkError, WorldError
from tools.process_owner import owner, owner_lives
from tools.sandbox import disk_usage
from tools.sandbox.container import Limits
from tools.sandbox.engine import Engine
from tools.sandbox.image_builder import Builder, stop_all


@pytest.fixture
def reference(engine: Engine) -> Iterator[str]:
    """A name for an image that is removed after the test."""
    name = f"repair-agent/test:{os.urandom(6).hex()}"
    yield name
    if engine.image(name):
        engine.remove_image(name)


def archive_with(path: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo(path)
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def first_file(parts: Iterator[bytes] | None) -> bytes:
    assert parts is not None
    with tarfile.open(fileobj=io.BytesIO(b"".join(parts))) as archive:
        file = archive.extractfile(archive.getmembers()[0])
        assert file is not None
        return file.read()


def test_it_answers(engine: Engine) -> None:
    assert int(engine.version().split(".")[0]) >= 20
    free = engine.free_bytes()
    assert free is None or free > 0


def test_no_engine_is_one_line_and_a_remedy(tmp_path: Path) -> None:
    for host in (f"unix://{tmp_path}/nothing.sock", "tcp://127.0.0.1:9"):
        with pytest.raises(WorldError) as caught:
            Engine(host)
        assert "\n" not in caught.value.message
        assert len(caught.value.message) < 200
        assert "DOCKER_HOST" in caught.value.hint


def test_a_root_file_system_becomes_an_image(
    engine: Engine, reference: str, tmp_path: Path
) -> None:
    archive = tmp_path / "root.tar"
    archive.write_bytes(archive_with("etc/motd", b"hello"))

    made = engine.import_rootfs(archive, reference, {"repair-agent": "test", "note": 'a "b" c'})

    assert made.tags == (reference,)
    assert made.labels == {"repair-agent": "test", "note": 'a "b" c'}
    assert engine.image(reference) == made
    assert made in engine.images()

    name = f"repair-agent-test-{os.urandom(4).hex()}"
    engine.create(reference, name, ["none"], limits=Limits())
    try:
        assert first_file(engine.get(name, "/etc/motd")) == b"hello"
        assert engine.get(name, "/etc/nothing") is None
        assert (name, owner()) in {(item.name, item.owner) for item in engine.containers()}
        assert "created" in engine.state(name)
        with pytest.raises(EngineError, match="start a container"):
            engine.start(name)
    finally:
        engine.remove(name)
    engine.remove(name)  # again is no error
    assert engine.state(name) == "its container is gone"
    engine.remove_image(reference)
    assert engine.image(reference) is None


def test_images_that_are_not_there(engine: Engine) -> None:
    assert engine.image("repair-agent/test:never-made") is None
    with pytest.raises(NetworkError):
        engine.pull("localhost:9/never/made:none")
    with pytest.raises(EngineError):
        engine.remove_image("repair-agent/test:never-made")


def test_broken_archives_are_refused(engine: Engine, reference: str, tmp_path: Path) -> None:
    archive = tmp_path / "root.tar"
    archive.write_bytes(b"this is no archive" * 100)

    with pytest.raises(EngineError, match="import"):
        engine.import_rootfs(archive, reference, {})
    assert engine.image(reference) is None


def test_a_build_step_leaves_its_files_and_not_its_variables(
    engine: Engine, python_image: str, reference: str
) -> None:
    lines: list[str] = []
    with Builder(engine, python_image) as builder:
        code, text = builder.run(
            "echo one; echo two >&2; echo $KEY | sha256sum > /made; exit 5",
            env={"KEY": "s3cr3t"},
            on_line=lines.append,
        )
        assert (code, sorted(text.split())) == (5, ["one", "two"])
        assert sorted(lines) == ["one", "two"]
        builder.put("/etc", archive_with("added", b"put"))
        made = builder.commit(
            reference, labels={"repair-agent": "test"}, environment={"A": "b c"}, workdir="/etc"
        )

    assert made.environment["A"] == "b c"
    assert "s3cr3t" not in repr(made)
    with Builder(engine, reference) as builder:
        assert first_file(builder.read("/etc/added")) == b"put"
        assert builder.run('test -s /made; echo "[$KEY]"') == (0, "[]\n")
    assert builder.name not in {item.name for item in engine.containers()}


def test_a_build_step_that_takes_too_long_ends(engine: Engine, python_image: str) -> None:
    started = time.monotonic()
    with (
        Builder(engine, python_image) as builder,
        pytest.raises(EngineError, match=r"longer than 1 s: sleep 60"),
    ):
        builder.run("sleep 60", timeout=1)
    assert time.monotonic() - started < 50
    assert builder.name not in {item.name for item in engine.containers()}


def test_builds_under_way_can_be_ended_from_another_thread(
    engine: Engine, python_image: str
) -> None:
    started, begun = time.monotonic(), Event()

    def build() -> bool:
        try:
            with Builder(engine, python_image) as builder:
                code, _ = builder.run("echo begun; sleep 100", on_line=lambda line: begun.set())
        except EngineError:
            return True
        return code != 0

    with ThreadPoolExecutor(1) as threads:
        ended = threads.submit(build)
        assert begun.wait(30)
        stop_all()
        assert ended.result()
    assert time.monotonic() - started < 90


def test_what_others_share_is_not_ours() -> None:
    def ask() -> dict[str, Any]:
        theirs = [{"Size": 75, "SharedSize": 70, "Labels": {}} for _ in range(4)]
        ours = {"Size": 1, "SharedSize": 0, "Labels": {"repair-agent": "image"}}
        return {"LayersSize": 91, "Images": [*theirs, ours]}

    assert disk_usage.images(ask, "repair-agent") == 1


def test_volumes_are_shared_by_builds_and_in_no_layer(
    engine: Engine, python_image: str, reference: str
) -> None:
    volume = f"repair-agent-test-{os.urandom(4).hex()}"
    engine.create_volume(volume)
    try:
        assert volume in engine.volumes()
        with Builder(engine, python_image, {volume: "/mnt"}) as builder:
            assert builder.run("echo kept > /mnt/file")[0] == 0
            builder.commit(reference, labels={})
        with Builder(engine, reference, {volume: "/media"}) as builder:
            assert builder.run("cat /media/file; ls /mnt") == (0, "kept\n")
    finally:
        engine.remove_volume(volume)
    assert volume not in engine.volumes()


def test_owners_are_told_apart() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "from tools.process_owner import owner; print(owner()); input()"],
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        name = other.stdout.readline().strip()
        assert name != owner()
        assert owner_lives(name)
    assert not owner_lives(name)
    assert owner_lives(owner())
    host, pid, started = owner().rsplit(":", 2)
    assert not owner_lives(f"{host}:{pid}:{int(started) + 1}")  # the pid was used again
    assert owner_lives(f"elsewhere:{pid}:1")  # who could tell?


def test_several_may_ask_what_takes_room_at_once(engine: Engine) -> None:
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: engine.image_bytes(), range(12)))
    assert len(found) == 12
    assert min(found) > 0
