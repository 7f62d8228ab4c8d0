"""Rows of a SWE-bench dataset as tasks; of a row, only what may be known before grading is read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.intake.issue import TaskFile
from tools.base import NetworkError, UserError

ALLOWED = ("instance_id", "repo", "base_commit", "problem_statement", "created_at", "image")
"""The columns that are read: `image` to find the environment, the rest for the task. Patches, tests
and their names, hints, versions and scripts are for grading alone."""
REQUIRED = ALLOWED[:4]
HUB = {"lite": "SWE-bench/SWE-bench_Lite", "verified": "SWE-bench/SWE-bench_Verified"}
HOST = "https://github.com/"
EXTRA = "install it with: pip install 'repair-agent[bench]'"
FORMS = "give lite, verified, or a .parquet, .jsonl or .json file in SWE-bench's form"


def task(instance: str, dataset: str) -> TaskFile:
    """Return one instance of a dataset as a task; raises UserError when it is not in it."""
    found = tasks(dataset)
    if instance not in found:
        hint = f"it has {len(found)}; check the id"
        raise UserError(f"{dataset} has no instance {instance}", hint)
    return found[instance]


def tasks(dataset: str) -> dict[str, TaskFile]:
    """Return the instances of `lite`, `verified` or a file by id, in their order.

    Raises UserError for a file that is not in SWE-bench's form, NetworkError for a hub that is not
    there.
    """
    found: dict[str, TaskFile] = {}
    for number, row in enumerate(read(dataset, ALLOWED), 1):
        missing = [name for name in REQUIRED if not isinstance(row.get(name), str)]
        if missing:
            raise UserError(f"{dataset}: row {number} has no {', '.join(missing)}", FORMS)
        try:
            found[row["instance_id"]] = _task(row, dataset)
        except (ValueError, OverflowError) as error:
            raise UserError(f"{dataset}: row {number}: created_at: {error}", FORMS) from error
    if not found:
        raise UserError(f"{dataset} has no rows", FORMS)
    return found


def read(dataset: str, columns: Sequence[str] | None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a dataset with these columns, or, for grading, with all (None)."""
    if dataset in HUB:
        return _from_hub(dataset, columns)
    return _from_file(Path(dataset).expanduser(), columns)


def _task(row: Mapping[str, Any], dataset: str) -> TaskFile:
    title, _, body = row["problem_statement"].strip().partition("\n")
    return TaskFile(
        id=row["instance_id"],
        source=f"{dataset}: {row['instance_id']}",
        title=title.strip(),
        body=body.strip("\n"),
        repository=f"{HOST}{row['repo']}",
        ref=row["base_commit"],
        created_at=_moment(row.get("created_at")),
        image=row.get("image") or None,
        dataset=dataset,
    )


def _moment(value: object) -> datetime | None:
    """Return a date as datasets write it: ISO 8601, a datetime, or milliseconds since 1970."""
    if isinstance(value, str) and value:
        value = datetime.fromisoformat(value)
    if isinstance(value, int | float):
        value = datetime.fromtimestamp(value / 1000, UTC)
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return None


def _from_file(path: Path, columns: Sequence[str] | None) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        raise UserError(f"there is no dataset {path}", FORMS)
    try:
        if path.suffix == ".parquet":
            rows = _from_parquet(path, columns)
        elif path.suffix == ".jsonl":
            lines = path.read_text(encoding="utf-8").split("\n")
            rows = [json.loads(line) for line in lines if line.strip()]
        elif path.suffix == ".json":
            rows = json.loads(path.read_text(encoding="utf-8"))
        else:
            raise UserError(f"{path} is no dataset", FORMS)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}", FORMS) from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UserError(f"{path} is no list of rows", FORMS)
    if columns is None:
        return iter(rows)
    return ({name: row.get(name) for name in columns} for row in rows)


def _from_parquet(path: Path, columns: Sequence[str] | None) -> list[dict[str, Any]]:
    """Read the columns that are wanted and no other."""
    try:
        from pyarrow import parquet  # noqa: PLC0415  the extra `bench`
    except ImportError as error:
        raise UserError("reading parquet files takes pyarrow", EXTRA) from error
    names = parquet.read_schema(path).names
    wanted = [name for name in names if columns is None or name in columns]
    rows: list[dict[str, Any]] = parquet.read_table(path, columns=wanted).to_pylist()
    return rows


def _from_hub(dataset: str, columns: Sequence[str] | None) -> Iterator[dict[str, Any]]:
    try:
        from datasets import disable_progress_bars, load_dataset  # noqa: PLC0415  the extra `bench`
    except ImportError as error:
        raise UserError(
            f"{dataset} comes from the Hugging Face hub by `datasets`", EXTRA
        ) from error
    disable_progress_bars()  # the screen shows our own progress
    try:
        rows = load_dataset(HUB[dataset], split="test")
    except (OSError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise NetworkError(
            f"cannot read {HUB[dataset]} from the hub: {first}",
            "check the network, or name a file with --dataset",
        ) from error
    names = [name for name in rows.column_names if columns is None or name in columns]
    return (dict(row) for row in rows.select_columns(names))
