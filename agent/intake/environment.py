"""Which image runs a repository at a commit: the one named, one kept, or one that is built."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC
from time import monotonic
from typing import Literal

from agent.intake import base_image, project, python_version, recipe
from agent.intake.build import Build, packed_folder
from agent.intake.install import TESTBED, Moment
from agent.intake.network import BuildNetwork
from agent.intake.repository import Source
from agent.records import Image, Task
from tools.base import NetworkError, UserError, WorldError
from tools.engine import Engine, ImageInfo

__all__ = ["BuildNetwork", "local", "prepare"]

ABSENT = ("not found", "manifest unknown", "does not exist", "denied", "invalid reference")
LOOK = f"""test -d {TESTBED}/.git && echo repository $(git -C {TESTBED} rev-parse HEAD)
for name in python python3; do
  command -v $name > /dev/null && echo toolchain $($name --version 2>&1) && break
done
python -c 'import pytest' 2> /dev/null && echo runner pytest
true"""


def prepare(
    task: Task,
    source: Source,
    *,
    engine: Engine,
    python: str | None = None,
    image: str | None = None,
    network: BuildNetwork | None = None,
    say: Callable[[str], None],
) -> Image:
    """Return an image with the repository at /testbed, ready to be tested without a network.

    `image` is used as it is; else one is built, unless the same is there. `python` (3.9) wins over
    what the project asks for. Raises UserError, WorldError, NetworkError, EngineError.
    """
    started = monotonic()
    network = network or BuildNetwork()
    build = Build(engine, network, say)
    if image:
        reference, labels = _given(build, engine, image, source)
        return _record(engine, reference, "given", labels, task, started)
    facts = project.examine(source.folder)
    # Code of a later day than its issue needs packages of that later day.
    date = max(task.created_at or source.date, source.date).astimezone(UTC)
    versions = python_version.candidates(facts.declared, date, python)
    base = base_image.obtain(engine, versions, network, say)
    moment = Moment(python_version.cutoff(date, base.python))
    reference = recipe.image(build, engine, base, source, facts, moment)
    return _record(engine, reference, "built", {}, task, started)


def _record(
    engine: Engine,
    reference: str,
    made: Literal["built", "given"],
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
    if "runner" in facts and project.has_tests(source.folder):
        labels[recipe.TEST_COMMAND] = recipe.TESTS
    return reference, labels


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
    if command is None and project.has_tests(source.folder):
        if has_runner.returncode:
            say(f"{python} has no pytest: no tests will run; name a command with --test-command")
        else:
            command = "python3 -m pytest"
    return Image("local", "", "local", asked.stdout.strip(), command)
