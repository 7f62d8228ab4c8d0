"""Rows of a SWE-bench dataset as tasks: nothing but what may be known is read of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from agent.intake import dataset
from agent.intake.dataset import ALLOWED
from tools.base import UserError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ROW = {
    "instance_id": "owner__tool-7",
    "repo": "owner/tool",
    "base_commit": COMMIT,
    "problem_statement": "It fails\nwhen it is called.\n",
    "created_at": "2018-06-05T08:03:47Z",
    "image": "somebody/owner__tool-7:latest",
}
HIDDEN = (
    "patch", "test_patch", "FAIL_TO_PASS", "PASS_TO_PASS", "hints_text", "version",
    "environment_setup_commit", "log_parser", "eval_script", "difficulty",
)  # fmt: skip
POISON = dict.fromkeys(HIDDEN, "POISON")


def written(folder: Path, suffix: str, rows: list[dict[str, str]]) -> str:
    path = folder / f"rows{suffix}"
    if suffix == ".parquet":
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        path.write_text(json.dumps(rows))
    return str(path)


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".json"])
def test_a_row_is_a_task_and_what_it_hides_changes_nothing(tmp_path: Path, suffix: str) -> None:
    name = written(tmp_path, suffix, [ROW])
    task = dataset.task("owner__tool-7", name)
    assert (task.title, task.body) == ("It fails", "when it is called.")
    assert (task.repository, task.ref) == ("https://github.com/owner/tool", COMMIT)
    assert task.created_at == datetime(2018, 6, 5, 8, 3, 47, tzinfo=UTC)
    assert task.image == ROW["image"]
    assert task.dataset
    again = written(tmp_path, suffix, [ROW | POISON])
    poisoned = dataset.task("owner__tool-7", again)
    assert poisoned == task
    assert "POISON" not in repr(poisoned)


def test_of_a_parquet_file_only_allowed_columns_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = written(tmp_path, ".parquet", [ROW | POISON])
    asked: list[str] = []
    read = parquet.read_table

    def noted(path: Path, columns: list[str]) -> pyarrow.Table:
        asked.extend(columns)
        return read(path, columns=columns)

    monkeypatch.setattr(parquet, "read_table", noted)
    dataset.tasks(name)
    assert asked == list(ALLOWED)


def test_an_id_that_is_not_there_and_files_that_are_no_datasets_are_said(tmp_path: Path) -> None:
    name = written(tmp_path, ".jsonl", [ROW])
    with pytest.raises(UserError, match="has no instance owner__tool-8"):
        dataset.task("owner__tool-8", name)
    with pytest.raises(UserError, match="there is no dataset"):
        dataset.tasks(str(tmp_path / "nothing.jsonl"))
    (tmp_path / "rows.csv").write_text("a,b\n")
    with pytest.raises(UserError, match="is no dataset"):
        dataset.tasks(str(tmp_path / "rows.csv"))
    (tmp_path / "bad.jsonl").write_text("{\n")
    with pytest.raises(UserError, match="cannot read"):
        dataset.tasks(str(tmp_path / "bad.jsonl"))
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(UserError, match="cannot read"):
        dataset.tasks(str(tmp_path / "bad.parquet"))
    poor = {key: value for key, value in ROW.items() if key != "base_commit"}
    with pytest.raises(UserError, match="row 1 has no base_commit"):
        dataset.tasks(written(tmp_path, ".json", [poor]))
    with pytest.raises(UserError, match="has no rows"):
        dataset.tasks(written(tmp_path, ".json", []))
