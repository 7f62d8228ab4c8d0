"""What the world does to a batch: each instance says what happened to it, and others go on."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from tests.batches import LOCAL, RIGHT, batch, make_batch, make_priced, script
from tests.samples import own_name, remove_images
from tests.stub_server import Stub, fails, serving
from tests.test_cli import run
from tools.sandbox.engine import Engine

DOCKER = LOCAL | {"REPAIR_AGENT_SANDBOX": "docker"}
NOBODY = "http://127.0.0.1:9"
DEAD_SECONDS = 60.0


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A dataset of three instances, each with a script that mends it."""
    make_batch(tmp_path, 3)
    for number in (1, 2, 3):
        (tmp_path / "scripts" / f"owner__tool-{number}.json").write_text(script(RIGHT))
    return tmp_path


def in_containers(here: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    given = ("batch", "data.jsonl", "-m", "scripted:scripts", "--mirror", ".", "-o", "out")
    return run(here, *given, "--keep-images", *words, **DOCKER, **environ)


def failures(here: Path) -> dict[str, Any]:
    found = (here / "out").glob("*/failure.json")
    return {path.parent.name[-1]: json.loads(path.read_text()) for path in found}


def finished(here: Path) -> set[str]:
    return {path.parent.name[-1] for path in (here / "out").glob("*/result.json")}


def observed(here: Path, number: int) -> str:
    return (here / "out" / f"owner__tool-{number}" / "attempt-1.jsonl").read_text()


@pytest.fixture
def images(here: Path, engine: Engine) -> Iterator[None]:
    """Remove what the test builds."""
    yield
    remove_images(engine, own_name(here))


@pytest.mark.long
def test_registries_that_are_away(here: Path, python_image: str, images: None) -> None:
    rows = [json.loads(line) for line in (here / "data.jsonl").read_text().splitlines()]
    rows[0]["image"] = "127.0.0.1:9/owner/tool:1"  # its own image cannot be pulled either
    (here / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    away = {"PIP_INDEX_URL": f"{NOBODY}/simple", "UV_INDEX_URL": f"{NOBODY}/simple"}
    done = in_containers(here, "--slice", ":2", **away)
    assert done.returncode == 6, done.stderr
    found = failures(here)
    assert set(found) == {"1", "2"}
    assert finished(here) == set()
    for one in found.values():
        assert "Connection refused" in one["message"]
        assert "the registry was not reached" in one["hint"]
        assert not one["trace"], "it explains itself"
    assert "2 failed" in done.stderr
    log = (here / "out" / "owner__tool-1" / "log.txt").read_text()
    assert "pulling 127.0.0.1:9/owner/tool:1" in log

    again = in_containers(here, "--slice", ":2")
    assert again.returncode == 0, again.stderr
    assert finished(here) == {"1", "2"}


def test_a_disk_that_is_nearly_full(here: Path) -> None:
    done = batch(here, "--min-free-gb", "1000000")
    assert done.returncode == 6
    assert set(failures(here)) == {"1", "2", "3"}
    assert done.stderr.count("the disk is nearly full: ") == 3
    assert "are to stay free" in done.stderr
    assert batch(here).returncode == 0
    assert (failures(here), finished(here)) == ({}, {"1", "2", "3"})


@pytest.fixture
def small_disk(here: Path) -> Iterator[Path]:
    """A file system of one megabyte at the run folder."""
    (here / "out").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(here / "out")]
    if os.geteuid():
        mount.insert(0, "sudo")
    subprocess.run(mount, check=True)
    yield here
    subprocess.run([*mount[: -6 - 1], "umount", str(here / "out")], check=True)


def test_a_disk_that_is_full(small_disk: Path) -> None:
    long = script(RIGHT, *(f"head -c {9000 - n} /dev/urandom | base64 -w 0" for n in range(200)))
    (small_disk / "scripts" / "owner__tool-2.json").write_text(long)
    done = batch(small_disk, "--min-free-gb", "0")
    assert done.returncode == 6, done.stderr
    assert "the disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert "1" in finished(small_disk)
    assert "2" not in finished(small_disk)


def test_an_instance_that_hangs(here: Path) -> None:
    hanging = script(RIGHT, "sleep 3000")
    (here / "scripts" / "owner__tool-2.json").write_text(hanging)
    started = monotonic()
    done = batch(here, "--time-limit", "15", "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert monotonic() - started < 100
    assert finished(here) == {"1", "2", "3"}
    assert "the limit of seconds is used up" in observed(here, 2)
    result = json.loads((here / "out" / "owner__tool-2" / "result.json").read_text())
    assert result["status"] == "no_patch"


def test_an_instance_that_eats_memory(here: Path, python_image: str, images: None) -> None:
    eats = "python3 -c 'held = bytearray(10**10); print(sum(held[::4096]))'; echo ended $?"
    (here / "scripts" / "owner__tool-1.json").write_text(script(RIGHT, eats))
    done = in_containers(here, "--slice", ":2", REPAIR_AGENT_MEMORY_GB="0.5")
    assert done.returncode == 0, done.stderr
    assert finished(here) == {"1", "2"}
    assert "ended 137" in observed(here, 1), "killed, and the model was told"


SAYS = [{"tool_calls": [call]} for reply in json.loads(script(RIGHT))["attempt-1"]
        for call in reply["tool_calls"]]  # fmt: skip


def plan(name: str, said: int) -> dict[str, Any]:
    return {"content": "no"} if name == "reproduce" else SAYS[min(said, len(SAYS) - 1)]


def hosted(here: Path, url: str, *words: str) -> subprocess.CompletedProcess[str]:
    return run(
        here, "batch", "data.jsonl", "-m", "stub", "--base-url", url, "--mirror", ".", "-o", "out",
        *words, OPENAI_API_KEY="sk-test", REPAIR_AGENT_UNSAFE="true", **LOCAL,
    )  # fmt: skip


@contextmanager
def dying(stub: Stub, after: int, seconds: float) -> Iterator[None]:
    """Serve; after so many requests nobody listens at the port for so long."""
    over = threading.Event()

    def live() -> None:
        with serving(stub):
            up.set()
            while len(stub.requests) < after and not over.is_set():
                sleep(0.02)
        if over.wait(seconds):
            return
        with serving(stub, port=int(stub.url.rsplit(":", 1)[1].removesuffix("/v1"))):
            over.wait()

    up, thread = threading.Event(), threading.Thread(target=live)
    thread.start()
    up.wait()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.long
def test_a_model_server_that_dies_for_a_minute(here: Path) -> None:
    make_priced(here)
    stub = Stub(plan)
    with dying(stub, 5, DEAD_SECONDS):
        started = monotonic()
        done = hosted(here, stub.url)
    assert monotonic() - started > DEAD_SECONDS
    assert done.returncode == 0, done.stderr
    assert finished(here) == {"1", "2", "3"}


def test_a_model_that_is_refused_for_good(here: Path) -> None:
    make_priced(here)
    make_more(here, 6)
    with serving(Stub(plan)) as stub:
        assert hosted(here, stub.url, "--slice", ":1").returncode == 0
        stub.faults[:] = [fails(401, "the key was revoked")] * 100
        done = hosted(here, stub.url, "--workers", "2")
    assert done.returncode == 6, done.stderr
    assert finished(here) == {"1"}
    found = failures(here)
    assert 3 <= len(found) <= 4, "no other begins where three in a row were refused"
    for one in found.values():
        assert "the key was revoked" in one["message"] + one["hint"]
    assert "left, the model is away" in done.stderr
    assert "1 finished earlier" in done.stderr


def make_more(here: Path, number: int) -> None:
    """Write so many instances into the dataset."""
    row = json.loads((here / "data.jsonl").read_text().splitlines()[0])
    rows = [row | {"instance_id": f"owner__tool-{one}"} for one in range(1, number + 1)]
    (here / "data.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
