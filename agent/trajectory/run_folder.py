"""The run folder: work is written as it happens; a task is finished when its result is there."""

from __future__ import annotations

import fcntl
import os
import platform
import re
import secrets
import shutil
import threading
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any, Self

from agent.errors import UserError
from agent.records import FORMAT, Candidate, Image, Result, Task
from agent.trajectory.durable_files import Lines, disk, is_temporary, write_whole
from agent.trajectory.encoding import as_bytes, encode
from agent.trajectory.predictions import keep_predictions_of_finished
from agent.trajectory.reader import Failure, patch_name
from agent.trajectory.redaction import redacted
from agent.trajectory.run_info import RunInfo, RunStart, read_info, read_record
from tools.base import Explained

LOCK, ASIDE = ".lock", ".redone"
OTHER_FOLDER = "choose another folder with -o"
TASK_NAME = re.compile(r"[^\W_][\w.+@=, -]*")
OURS = re.compile(r"run\.json|grades\.json|predictions(-\d+)?\.jsonl")


def new_run_id(now: datetime) -> str:
    """Return a new run's id: UTC time and 4 hex digits, which sorts by time."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"


def versions(engine: str | None) -> dict[str, str]:
    """Name the programs that a run depends on; `engine` is Docker's version where it is known."""
    known = {"repair-agent": metadata.version("repair-agent"), "python": platform.python_version()}
    return known | ({"docker": engine} if engine else {})


class RunFolder:
    """One run on disk, held by one process at a time; a context manager."""

    def __init__(self, path: Path, lock: int, info: RunInfo) -> None:
        self.path = path
        self.info = info
        self._lock = lock
        self._predicting = threading.Lock()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        versions: Mapping[str, str],
        config: Mapping[str, Any] | None,
        dataset: str | None = None,
        same: Sequence[str] = (),
    ) -> RunFolder:
        """Make a run folder, or take up one of ours again; anything else is a UserError.

        Without `config` nothing is solved, and run.json stays as it is. The dataset has to be the
        run's, and once a task is finished so have the settings named in `same`.
        """
        _refuse_foreign(path)
        with disk():
            path.mkdir(parents=True, exist_ok=True)
        lock = _lock(path)
        try:
            _refuse_foreign(path)  # another process may have filled it while we waited
            _sweep(path)
            info = read_info(path)
            shown = redacted(config or {}, home=Path.home(), folder=Path.cwd())
            now = RunStart(datetime.now(UTC), dict(versions), shown)
            if info is None:
                info = RunInfo(
                    FORMAT, path.resolve().name, now.started, now.versions, shown, dataset
                )
            else:
                _refuse_another(path, info, dataset, {name: shown.get(name) for name in same})
                resumed = replace(info, format=FORMAT, resumed=(*info.resumed, now))
                info = resumed if config is not None else info
                for file in path.glob("predictions*.jsonl"):
                    keep_predictions_of_finished(file)
            write_whole(path / "run.json", encode(info, indent=2))
        except BaseException:
            os.close(lock)
            raise
        return cls(path, lock, info)

    def task(self, task_id: str) -> TaskFolder:
        """Return the folder of a task, made if absent; an id that cannot name it is a UserError."""
        if (
            not TASK_NAME.fullmatch(task_id)
            or OURS.fullmatch(task_id)
            or len(task_id.encode()) > 200
        ):
            raise UserError(f"{task_id!r} cannot be a task id", "use letters, digits, . _ and -")
        folder = self.path / task_id
        with disk():
            folder.mkdir(exist_ok=True)
        _sweep(folder)
        return TaskFolder(folder, self)

    def predict(self, task_id: str, model: str, patch: str, *, sample: int | None = None) -> None:
        """Append a prediction in the three keys that SWE-bench's harness reads.

        That of a `sample` goes to a file of its own.
        """
        keys = {"instance_id": task_id, "model_name_or_path": model, "model_patch": patch}
        with self._predicting:
            name = f"predictions-{sample}.jsonl" if sample else "predictions.jsonl"
            predictions = Lines(self.path / name)
            try:
                predictions.append(encode(keys))
            finally:
                predictions.close()

    def put_aside(self, task_id: str) -> None:
        """Move a task's folder out of the way, to be done again; nothing of it is lost.

        It predicts nothing from then on.
        """
        aside = self.path / ASIDE
        with disk():
            aside.mkdir(exist_ok=True)
            before = [path.name.rpartition("~") for path in aside.iterdir()]
            taken = [int(n) for name, _, n in before if name == task_id and n.isdecimal()]
            (self.path / task_id).rename(aside / f"{task_id}~{max(taken, default=0) + 1}")
        for file in self.path.glob("predictions*.jsonl"):
            keep_predictions_of_finished(file)

    def discard_if_empty(self) -> None:
        """Remove the folder when this process made it and no task has anything in it."""
        with disk():
            if self.info.resumed or any(child.is_dir() for child in self.path.iterdir()):
                return
            shutil.rmtree(self.path)

    def close(self) -> None:
        """Let other processes have the folder."""
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class TaskFolder:
    """One task's part of a run folder."""

    def __init__(self, path: Path, run: RunFolder) -> None:
        self.path = path
        self.id = path.name
        self._run = run

    @property
    def finished(self) -> Result | None:
        """The task's result, None while it has none."""
        result: Result | None = read_record(self.path / "result.json", Result)
        return result

    def write(self, name: str, record: Any) -> Path:
        """Write a record (task, image, matrix, verdict) as `<name>.json`."""
        path = self.path / f"{name.removesuffix('.json')}.json"
        write_whole(path, encode(record, indent=2))
        return path

    def write_text(self, name: str, text: str) -> Path:
        """Write a file; `name` may have folders (`checks/1/test_x.py`) but not leave the task's."""
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts or not relative.name:
            raise UserError(f"{name!r} is not a file name inside the task's folder")
        path = self.path / relative
        with disk():
            path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, as_bytes(text))
        return path

    def remember(self, task: Task, image: Image) -> None:
        """Write down what is worked on; a folder of other work is the user's to move."""
        known: Task | None = read_record(self.path / "task.json", Task)
        if known is not None and _work(known) != _work(task):
            raise UserError(
                f"{self.path} holds work on {known.repository} at {known.base_commit[:12]}",
                OTHER_FOLDER,
            )
        self.write("task", task)
        self.write("image", image)

    def write_patch(self, candidate: Candidate) -> None:
        """Write a candidate's bare patch."""
        self.write_text(patch_name(candidate.id), candidate.patch)

    def finish(self, result: Result, patch: str) -> None:
        """Append the prediction, then write result.json, with which the task is finished."""
        self._run.predict(self.id, result.model, patch)
        self.write("result", result)
        with disk():
            (self.path / "failure.json").unlink(missing_ok=True)

    def discard_if_empty(self) -> None:
        """Remove the folder when nothing was written into it: there was nothing to work on."""
        with disk():
            if not any(self.path.iterdir()):
                self.path.rmdir()

    def fail(self, error: BaseException) -> None:
        """Record why the task could not be worked on; it is tried again when the run is resumed."""
        explained = error if isinstance(error, Explained) else None
        trace = "" if explained else "".join(traceback.format_exception(error))
        self.write(
            "failure",
            Failure(
                error=type(error).__name__,
                message=explained.message if explained else str(error),
                hint=explained.hint if explained else "",
                trace=trace.replace(str(Path.home()), "~"),
                time=datetime.now(UTC),
            ),
        )


def _work(task: Task) -> tuple[str, ...]:
    return task.repository, task.base_commit, task.title, task.body


def _refuse_foreign(path: Path) -> None:
    """Raise UserError for anything but an absent or empty folder, or one of our runs."""
    if not path.exists():
        blocking = next((parent for parent in path.parents if parent.exists()), path)
        if not blocking.is_dir():
            raise UserError(f"{blocking} is a file, so {path} cannot be a run folder", OTHER_FOLDER)
        return
    if not path.is_dir():
        raise UserError(f"{path} is a file, not a run folder", OTHER_FOLDER)
    if read_info(path) is not None:
        return
    with disk():
        names = {child.name for child in path.iterdir()}
    if any(name != LOCK and not is_temporary(name) for name in names):
        raise UserError(f"{path} is not empty and not a run folder", OTHER_FOLDER)


def _refuse_another(
    path: Path, info: RunInfo, dataset: str | None, settings: Mapping[str, Any]
) -> None:
    """Raise UserError where a run is taken up again with what would make it another run."""
    if dataset is not None and info.dataset not in (None, dataset):
        raise UserError(f"{path} holds work on {info.dataset}, not on {dataset}", OTHER_FOLDER)
    before = (info.resumed[-1] if info.resumed else info).config
    for name, value in settings.items():
        if before.get(name) != value and any(path.glob("*/result.json")):
            raise UserError(
                f"{path} was worked on with {name} {before.get(name)}, not {value}",
                f"give it as it was, or {OTHER_FOLDER}",
            )


def _lock(path: Path) -> int:
    """Return the open lock file; the kernel frees it when this process ends, however it ends."""
    with disk():
        lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
        except BlockingIOError:
            holder = os.pread(lock, 20, 0).decode("ascii", "replace") or "unknown"
            os.close(lock)
            raise UserError(
                f"{path} is in use by another process (pid {holder})",
                f"wait until it ends, or {OTHER_FOLDER}",
            ) from None
        except BaseException:
            os.close(lock)
            raise
    return lock


def _sweep(folder: Path) -> None:
    with disk():
        for path in list(folder.iterdir()):
            if is_temporary(path.name):
                path.unlink(missing_ok=True)
