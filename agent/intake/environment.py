"""Which image runs a repository at a commit: the one named, one kept, or one that is built."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Literal

from agent.intake import base_image, project, python_version, recipe, test_command
from agent.intake.base_image import Base
from agent.intake.build import Build, InstallFailed, packed_folder
from agent.intake.graded import Graded, graded
from agent.intake.install import TESTBED
from agent.intake.moment import Moment
from agent.intake.network import BuildNetwork
from agent.intake.project import Project
from agent.intake.repository import Source
from agent.records import Image, Task
from tools.base import NetworkError, UserError, WorldError
from tools.engine import Engine, ImageInfo

__all__ = ["BuildNetwork", "local", "prepare"]

MOST_PYTHONS = 3
"""Versions that are tried, each after an installation that failed."""
ABSENT = ("not found", "manifest unknown", "does not exist", "denied", "invalid reference")
LOOK = f"""test -d {TESTBED}/.git && echo repository $(git -C {TESTBED} rev-parse HEAD)
for name in python python3; do
  command -v $name > /dev/null && echo toolchain $($name --version 2>&1) && break
done
python -c 'import pytest' 2> /dev/null && echo runner pytest
true"""


@dataclass(frozen=True)
class Instance:
    """A row of a SWE-bench dataset: `image` is its own environment, where it names one."""

    image: str | None = None


def prepare(
    task: Task,
    source: Source,
    *,
    engine: Engine,
    python: str | None = None,
    image: str | None = None,
    instance: Instance | None = None,
    network: BuildNetwork | None = None,
    home: Path | None = None,
    say: Callable[[str], None],
) -> Image:
    """Return an image with the repository at /testbed, ready to be tested without a network.

    `image` is used as it is; else an `instance`'s own where it can be had; else one is built,
    unless the same is there. `python` (3.9) wins over what the project asks for; interpreters
    below `home` may be used. Raises UserError, WorldError, NetworkError, EngineError.
    """
    started = monotonic()
    network = network or BuildNetwork()
    build = Build(engine, network, say)
    if image:
        reference, labels = _given(build, engine, image, source)
        return _record(engine, reference, "given", labels, task, started)
    if instance and instance.image and _had(build, engine, instance.image):
        reference, labels = _given(build, engine, instance.image, source)
        return _record(engine, reference, "pulled", labels, task, started)
    facts = project.examine(source.folder)
    # Code of a later day than its issue needs packages of that later day.
    date = max(task.created_at or source.date, source.date).astimezone(UTC)
    versions = python_version.candidates(facts.declared, date, python)
    wanted = Wanted(source, facts, date, graded(facts, date) if instance else None)

    def based(left: Sequence[str]) -> Base:
        return base_image.obtain(engine, left, network, say, home)

    reference = _built(build, engine, wanted, versions, based)
    return _record(engine, reference, "built", {}, task, started)


@dataclass(frozen=True)
class Wanted:
    """What an image is built from, and the date that bounds its packages."""

    source: Source
    project: Project
    date: datetime
    graded: Graded | None


def _built(
    build: Build,
    engine: Engine,
    wanted: Wanted,
    versions: Sequence[str],
    based: Callable[[Sequence[str]], Base],
) -> str:
    """Build with the first Python that works; raise what the first of them failed with."""
    failure: InstallFailed | None = None
    left = list(versions)
    for _ in range(MOST_PYTHONS):
        try:
            base = based(left)
        except WorldError:
            if failure is None:
                raise
            break
        moment = Moment(python_version.cutoff(wanted.date, base.python))
        try:
            return recipe.image(
                build, engine, base, wanted.source, wanted.project, moment, wanted.graded
            )
        except InstallFailed as failed:
            failure = failure or failed
            left = left[left.index(base.python) + 1 :]
            if not left:
                break
            build.note(f"Python {base.python} did not do ({failed.message}); the next is tried")
    assert failure is not None
    raise failure


def _record(
    engine: Engine,
    reference: str,
    made: Literal["built", "given", "pulled"],
    told: Mapping[str, str],
    task: Task,
    started: float,
) -> Image:
    """Return the record of an image; `told` adds to what its own labels tell."""
    found = engine.image(reference)
    if found is None:
        raise WorldError(f"the image {reference} has gone again", "run it once more")
    labels = {**found.labels, **told}
    return Image(
        reference=reference,
        digest=found.digest,
        made=made,
        toolchain=labels.get(recipe.TOOLCHAIN, "unknown"),
        test_command=task.test_command or labels.get(recipe.TEST_COMMAND),
        log=labels.get(recipe.LOG, ""),
        seconds=monotonic() - started,
    )


# --- an image that the user names ---


def _given(build: Build, engine: Engine, image: str, source: Source) -> tuple[str, dict[str, str]]:
    """Return the image, with the repository put in where it has none, and what is found in it."""
    digest = _available(build, engine, image).digest
    with engine.builder(image) as builder:
        found = build.run(builder, f"look into {image}", LOOK)
    facts = dict(line.split(" ", 1) for line in found.splitlines() if " " in line)
    reference = image
    if "repository" not in facts:
        content = f"{digest} {source.commit}"
        reference = f"repair-agent/given:{hashlib.sha256(content.encode()).hexdigest()[:16]}"
        if engine.image(reference) is None:
            build.note(f"putting the repository into {image}")
            with engine.builder(image) as builder:
                builder.put("/", packed_folder(source.folder, TESTBED.strip("/")))
                builder.commit(reference, labels={"repair-agent": "image"}, workdir=TESTBED)
    elif facts["repository"] != source.commit:
        there, here = facts["repository"][:12], source.commit[:12]
        raise UserError(
            f"the repository in {image} is at {there}, not at {here}",
            "name that commit with --ref, or give an image without /testbed",
        )
    labels = {recipe.TOOLCHAIN: facts.get("toolchain", "no Python"), recipe.LOG: build.log}
    command = test_command.detect(source.folder)
    if command and ("runner" in facts or command != test_command.PYTEST):
        labels[recipe.TEST_COMMAND] = command
    return reference, labels


def _had(build: Build, engine: Engine, image: str) -> bool:
    """Tell whether a row's image is there or can be pulled; it is not the user's word."""
    try:
        _available(build, engine, image)
    except (UserError, NetworkError) as error:
        build.note(f"{image} cannot be had ({error.message}): one is built")
        return False
    return True


def _available(build: Build, engine: Engine, image: str) -> ImageInfo:
    found = engine.image(image)
    if found:
        return found
    build.note(f"pulling {image}")
    try:
        return engine.pull(image)
    except NetworkError as error:
        if any(mark in error.message.lower() for mark in ABSENT):
            raise UserError(f"there is no image {image}", error.message) from error
        raise


# --- no image at all ---


def local(
    source: Source, task: Task, say: Callable[[str], None], *, path: str = os.defpath
) -> Image:
    """Return what a local sandbox runs with: the host's own Python, found on `path`.

    Nothing is installed. Raises WorldError where there is no Python.
    """
    python = shutil.which("python3", path=path)
    if python is None:
        raise WorldError(f"there is no python3 on {path}", "install it, or use --sandbox docker")
    asked = subprocess.run([python, "--version"], capture_output=True, text=True, check=True)
    has_runner = subprocess.run([python, "-c", "import pytest"], capture_output=True, check=False)
    command = task.test_command
    found = test_command.detect(source.folder)
    if command is None and found:
        if found == test_command.PYTEST and has_runner.returncode:
            say(f"{python} has no pytest: no tests will run; name a command with --test-command")
        else:
            command = found.replace("python ", "python3 ", 1)
    return Image("local", "", "local", asked.stdout.strip(), command)
