"""A file of predictions as SWE-bench's harness takes it: .json or .jsonl, of any agent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import UserError
from agent.trajectory.json_file import plain_in, text_in

NAME = "predictions file"
KEYS = "instance_id, model_name_or_path and model_patch"
HINT = f"give a .json or .jsonl file of predictions, each with {KEYS}"


@dataclass(frozen=True)
class Prediction:
    """One agent's patch for an instance, "" where it predicts none."""

    instance: str
    model: str
    patch: str


def read_predictions(
    path: Path, note: Callable[[str], None] = lambda text: None
) -> tuple[Prediction, ...]:
    """Read a file of predictions, gzipped or not, in its order; raises UserError.

    A .json file holds a list of them or an object by instance; a .jsonl file one a line. Of several
    for one instance the last counts, as for the harness. `note` hears of these, and of a damaged
    last line, as a killed process leaves it: it is left out.
    """
    suffix = Path(path.name.removesuffix(".gz")).suffix
    if suffix not in (".json", ".jsonl"):
        raise UserError(f"the {NAME} {path} is neither .json nor .jsonl", HINT)
    rows = _lines(path, note) if suffix == ".jsonl" else _values(path)
    found: dict[str, Prediction] = {}
    for where, row in rows:
        one = _prediction(row, f"the {NAME} {path} is wrong at {where}")
        if one.instance in found:
            note(f"{path} predicts {one.instance} more than once: the last counts")
        found[one.instance] = one
    return tuple(found.values())


def _lines(path: Path, note: Callable[[str], None]) -> Iterator[tuple[str, Any]]:
    lines = text_in(path, NAME, HINT).split("\n")
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    for number, line in filled:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            # Whole lines before the last one show that it is such a file.
            if number == filled[-1][0] != filled[0][0]:
                note(f"{path} line {number} is damaged and is left out")
                return
            raise UserError(
                f"the {NAME} {path} is wrong at line {number}: it is not whole JSON", HINT
            ) from error
        yield f"line {number}", row


def _values(path: Path) -> Iterator[tuple[str, Any]]:
    plain = plain_in(path, NAME, HINT)
    match plain:
        case {"instance_id": str()}:
            yield "its only prediction", plain
        case dict():
            for key, row in plain.items():
                yield repr(key), {"instance_id": key, **row} if isinstance(row, dict) else row
        case list():
            for number, row in enumerate(plain, 1):
                yield f"prediction {number}", row
        case _:
            raise UserError(f"the {NAME} {path} is JSON, but neither a list nor an object", HINT)


def _prediction(row: Any, wrong: str) -> Prediction:
    match row:
        case {"instance_id": str(instance), "model_patch": str() | None as patch} if instance:
            model = row.get("model_name_or_path")
            return Prediction(instance, model if isinstance(model, str) else "", patch or "")
        case {"instance_id": str(instance), "model_patch": _} if instance:
            raise UserError(f"{wrong}: model_patch is neither text nor null", HINT)
        case {"instance_id": str(instance)} if instance:
            raise UserError(f"{wrong}: it has no model_patch", HINT)
        case dict():
            raise UserError(f"{wrong}: it has no instance_id", HINT)
    raise UserError(f"{wrong}: it is no object", HINT)
