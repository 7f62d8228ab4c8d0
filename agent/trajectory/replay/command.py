"""`repair-agent replay`: a recorded attempt's actions again, and whether the same comes of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import join
from typing import Any, TextIO

from agent.config import Config
from agent.environment.environment import Environment
from agent.errors import EXIT_DIVERGED, UserError, WorldError
from agent.intake.repository import fetch
from agent.intake.repository_address import Release, expanded, parse
from agent.records import Image, Task
from agent.show.figures import several
from agent.show.terminal_safe import visible
from agent.trajectory import encoding
from agent.trajectory.attempt import Attempt
from agent.trajectory.format_1 import dataset_of
from agent.trajectory.reader import RecordedTask, is_task, load_task, read_task
from agent.trajectory.replay.rerun import Again, again
from agent.trajectory.run_info import read_info
from tools.process_owner import temporary_folder
from tools.sandbox.container import Limits
from tools.sandbox.engine import Engine
from tools.sandbox.factory import docker_sandboxes, local_sandboxes

_NAME = re.compile(r"attempt-([1-9]\d*)(\.jsonl)?")
FORM = "name one as RUN/TASK/attempt-1"


def run(
    path: Path, config: Config, *, as_json: bool, out: TextIO, say: Callable[[str], None]
) -> int:
    """Replay the attempt that a path names and print what came of it.

    Raises UserError for a path that names none, WorldError when its image is gone.
    """
    recorded, attempt = recorded_attempt(path)
    with opened(recorded, config, say) as environment:
        done = again(environment, recorded, attempt, say)
    out.write(as_object(done, recorded, attempt) if as_json else as_text(done))
    return 0 if done.exact else EXIT_DIVERGED


def recorded_attempt(path: Path) -> tuple[RecordedTask, Attempt]:
    """Read the attempt that a path names; a task or run that has only one will do."""
    named = _NAME.fullmatch(path.name)
    folder = path.parent if named and not path.is_dir() else path
    if named and not is_task(folder):
        raise UserError(f"{folder} is no task's folder", FORM)
    if named:
        read_info(folder.parent)  # it refuses a format that is newer than this program
    recorded = read_task(folder) if named else load_task(folder)
    numbers = [one.number for one in recorded.attempts]
    wanted = int(named[1]) if named else numbers[0] if len(numbers) == 1 else None
    found = next((one for one in recorded.attempts if one.number == wanted), None)
    if found is None:
        there = ", ".join(f"attempt-{number}" for number in numbers) or "none"
        which = path.name if named else "one attempt"
        raise UserError(f"{folder} has not {which}, but: {there}", FORM)
    return recorded, found


@contextmanager
def opened(
    recorded: RecordedTask, config: Config, say: Callable[[str], None]
) -> Iterator[Environment]:
    """Open the recorded task and image, or another image with the same code in it.

    Raises UserError for a record without them and for other code, WorldError for an image that is
    gone.
    """
    task, image = recorded.task, recorded.image
    if task is None or image is None:
        raise UserError(f"{recorded.folder} tells no task and no image", "its run did not begin")
    if image.made == "local":
        with _local(task, image, config) as environment:
            yield environment
        return
    engine = Engine(config.docker_host)
    reference = config.image or image.reference
    found = engine.image(reference)
    if found is None:
        raise WorldError(f"the image {reference} is gone", rebuild(task, image))
    if found.digest != image.digest:
        say(f"{reference} is not the very image of the record: what is installed may differ")
    limits = Limits(int(config.memory_gb * (1 << 30)), cpus=config.cpus)
    environment = Environment(task, image, docker_sandboxes(engine, reference, limits))
    with environment.sandboxes.open() as sandbox:
        asked = sandbox.run("git rev-parse HEAD")
    commit = asked.output.strip() if asked.ok else ""
    if commit != environment.base:
        raise UserError(
            f"{reference} holds {commit[:12] or 'no commit'}, and the attempt was at "
            f"{environment.base[:12]}",
            rebuild(task, image),
        )
    yield environment


@contextmanager
def _local(task: Task, image: Image, config: Config) -> Iterator[Environment]:
    if config.sandbox != "local":
        raise UserError(
            "the attempt was made without isolation, and so would this be",
            "add --sandbox local to run its commands on this machine",
        )
    with temporary_folder() as folder:
        ref = None if isinstance(parse(task.repository), Release) else task.base_commit
        source = fetch(
            task.repository,
            ref,
            folder / "source",
            index_url=config.index_url,
            mirrored=[expanded(mirror) for mirror in config.mirrors],
        )
        if source.commit != task.base_commit:
            raise UserError(f"{task.repository} is not what it was at {task.base_commit[:12]}")
        yield Environment(task, image, local_sandboxes(source.folder, config.path))


def rebuild(task: Task, image: Image) -> str:
    """Say how to build a recorded image again."""
    dataset = task.dataset or dataset_of(task)
    if dataset is not None:
        words = ["repair-agent", "image", "build", task.id, "--dataset", dataset]
    else:
        words = ["repair-agent", "image", "build", task.source, "--repo", task.repository]
        if not isinstance(parse(task.repository), Release):
            words += ["--ref", task.base_commit]
    upon = " with the --image or dataset of that run" if image.made != "built" else ""
    return f"build it with `{join(words)}`{upon}, and give --image the tag that this prints"


def as_text(done: Again) -> str:
    """Return what came of a replay in words: one line when it is exact."""
    count, other = several(len(done.actions), "action"), done.other
    varied = several(done.varied, "of them differs", "of them differ")
    but = f" ({varied} in times, addresses or temporary names only)" if done.varied else ""
    if done.exact:
        return f"exact: {count}, {patch_words(done)}{but}\n"
    lines = []
    if other:
        first = other[0]
        lines = [f"diverged at step {first.step}: {first.name}", *_indented(first.difference)]
        gave = f"{len(other)} of {count} gave something else"
    else:
        gave = f"diverged: {count} gave the same"
    lines.append(f"{gave}{but}; {patch_words(done)}")
    if not done.same_patch:
        lines += _indented(done.patch_difference)
    return "".join(f"{line}\n" for line in lines)


def _indented(lines: list[str]) -> list[str]:
    return [f"  {visible(line)}" for line in lines]


def patch_words(done: Again) -> str:
    """Say in a few words how the patches compare."""
    if done.then is None:
        return "it was cut, so no patch is compared"
    if not done.then and not done.now:
        return "no patch, as before"
    if done.same_patch:
        return "same patch" if len(done.now) == 1 else f"same {len(done.now)} patches"
    return "another patch" if done.now else "no patch"


def as_object(done: Again, recorded: RecordedTask, attempt: Attempt) -> str:
    """Return what came of a replay as a JSON object."""
    first: dict[str, Any] | None = None
    if done.other:
        one = done.other[0]
        first = {"step": one.step, "action": one.name, "difference": one.difference}
    found = {
        "task_id": recorded.id,
        "attempt": attempt.number,
        "exact": done.exact,
        "actions": len(done.actions),
        "differing": len(done.other),
        "varying_only": done.varied,
        "first": first,
        "same_patch": None if done.then is None else done.same_patch,
        "patch_difference": [] if done.same_patch else done.patch_difference,
    }
    return encoding.as_json(found, indent=2).decode()
