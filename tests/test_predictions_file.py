"""Files of predictions, as agents and SWE-bench's harness write them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import UserError
from agent.trajectory.predictions import predictions
from agent.trajectory.predictions_file import Prediction, read_predictions

EXAMPLE = Path(__file__).parent.parent / "runs" / "example"
PATCH = "diff --git a/x b/x\n"


def row(instance: str = "a__a-1", patch: str | None = PATCH, model: str = "m") -> dict[str, Any]:
    return {"instance_id": instance, "model_name_or_path": model, "model_patch": patch}


def written(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def lines(*rows: Any) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in rows)


def test_what_a_run_of_ours_predicts_is_such_a_file() -> None:
    (found,) = read_predictions(EXAMPLE / "predictions.jsonl")
    (known,) = predictions(EXAMPLE)
    assert (found.instance, found.patch) == (known.instance, known.patch)
    assert found.model
    assert found.patch.startswith("diff --git ")


def test_all_forms_say_the_same(tmp_path: Path) -> None:
    rows = [row(), row("b__b-2", None), row("c__c-3", "")]
    by_instance = {one["instance_id"]: one for one in rows}
    bare = {key: {"model_patch": one["model_patch"], "model_name_or_path": "m"}
            for key, one in by_instance.items()}  # fmt: skip
    expected = (
        Prediction("a__a-1", "m", PATCH),
        Prediction("b__b-2", "m", ""),
        Prediction("c__c-3", "m", ""),
    )
    for name, content in (
        ("preds.json", rows),
        ("preds.json", by_instance),
        ("preds.json", bare),
        ("preds.jsonl", lines(*rows)),
        ("preds.jsonl", lines(*rows).removesuffix(b"\n")),
        ("preds.jsonl", lines(*rows).replace(b"\n", b"\r\n\r\n")),
        ("preds.jsonl.gz", gzip.compress(lines(*rows))),
        ("preds.json.gz", gzip.compress(json.dumps(rows).encode())),
    ):
        notes: list[str] = []
        assert read_predictions(written(tmp_path, name, content), notes.append) == expected
        assert notes == []
    assert read_predictions(written(tmp_path, "one.json", row())) == expected[:1]
    for name, nothing in (("no.json", []), ("no.json", {}), ("no.jsonl", b"")):
        assert read_predictions(written(tmp_path, name, nothing)) == ()


@given(st.integers(1, 200))
def test_a_last_line_that_was_cut_is_told_of_and_left_out(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    whole = lines(row(), row("b__b-2", PATCH + "ä" * 20))
    first = len(lines(row()))
    content = whole[: first + min(cut, len(whole) - first - 2)]
    for end in (b"", b"\n", b"\n\n"):
        notes: list[str] = []
        path = written(tmp_path_factory.mktemp("any"), "p.jsonl", content + end)
        found = read_predictions(path, notes.append)
        assert [one.instance for one in found] == ["a__a-1"]
        assert notes == [f"{path} line 2 is damaged and is left out"]


def test_of_several_predictions_for_an_instance_the_last_counts(tmp_path: Path) -> None:
    notes: list[str] = []
    path = written(tmp_path, "p.jsonl", lines(row(), row("b__b-2"), row(patch="new")))
    found = {one.instance: one.patch for one in read_predictions(path, notes.append)}
    assert found == {"a__a-1": "new", "b__b-2": PATCH}
    assert notes == [f"{path} predicts a__a-1 more than once: the last counts"]


def test_bytes_that_are_no_text_can_be_read(tmp_path: Path) -> None:
    content = lines(row(patch="X")).replace(b'"X"', b'"caf\xe9"')
    (found,) = read_predictions(written(tmp_path, "p.jsonl", content))
    assert found.patch == "caf\udce9"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("p.txt", b"", "is neither .json nor .jsonl"),
        ("p.json", b"", "is not whole JSON: it is empty"),
        ("p.json", b'[{"instance_id": "a', "is not whole JSON: it ends in the middle"),
        ("p.json", 7, "is JSON, but neither a list nor an object"),
        ("p.json", ["x"], "is wrong at prediction 1: it is no object"),
        ("p.json", {"a": 1}, "is wrong at 'a': it is no object"),
        ("p.json", [row(), {"model_patch": ""}], "is wrong at prediction 2: it has no instance_id"),
        ("p.json", [row(""), row()], "is wrong at prediction 1: it has no instance_id"),
        ("p.json", {"a": {}}, "is wrong at 'a': it has no model_patch"),
        ("p.jsonl", lines(row(), {**row(), "model_patch": 7}), "is wrong at line 2: model_patch"),
        ("p.jsonl", lines(row(), [])[:-1] + b"\n", "is wrong at line 2: it is no object"),
        ("p.jsonl", lines(row()) + b"{\n" + lines(row()), "is wrong at line 2: it is not whole"),
        ("p.jsonl", b"not json", "is wrong at line 1: it is not whole JSON"),
        ("p.jsonl.gz", b"x", "is no whole gzip file"),
        ("p.json", json.dumps([row()], indent=1).encode().replace(b"[", b""), "is not whole JSON"),
        ("p.jsonl", json.dumps([row()], indent=1).encode(), "is wrong at line 1"),
    ],
)
def test_a_file_that_is_none_is_the_users_to_mend(
    tmp_path: Path, name: str, content: object, told: str
) -> None:
    with pytest.raises(UserError) as error:
        read_predictions(written(tmp_path, name, content))
    assert told in error.value.message
    assert name in error.value.message
    assert "\n" not in error.value.message
    assert "model_patch" in error.value.hint


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read the predictions file .*none\.json: No such"):
        read_predictions(tmp_path / "none.json")
