"""Which image runs a repository at a commit: the one named, one kept, or one that is built."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Literal

from agent.environment import (
    base_image,
    given_image,
    other_languages,
    project,
    python_version,
    recipe,
    system_packages,
    test_command,
)
from agent.environment.as_of_date import Moment
from agent.environment.base_image import Base
from agent.environment.build import LOG, Build, InstallFailed, PackagesMissing
from agent.environment.build_network import BuildNetwork
from agent.environment.dockerfile import image as from_dockerfile
from agent.environment.given_image import Given
from agent.environment.project import Project
from agent.environment.swebench_paths import Graded, graded
from agent.intake.repository import Source
from agent.records import Image, Task
from tools.base import NetworkError, UserError, WorldError
from tools.sandbox.engine import Engine

__all__ = ["BuildNetwork", "local", "prepare"]

MOST_PYTHONS = 3
"""Versions that are tried, each after an installation that failed."""


@dataclass(frozen=True)
class Instance:
    """A row of a SWE-bench dataset: `image` is its own environment, where it names one."""

    image: str | None = None


@dataclass(frozen=True)
class Host:
    """This machine: `home` may hold interpreters, `path` programs, `docker` is the engine's URL."""

    home: Path | None = None
    path: str = os.defpath
    docker: str | None = None


def prepare(
    task: Task,
    source: Source,
    *,
    engine: Engine,
    python: str | None = None,
    image: str | None = None,
    dockerfile: str | None = None,
    instance: Instance | None = None,
    network: BuildNetwork | None = None,
    host: Host | None = None,
    say: Callable[[str], None],
) -> Image:
    """Return an image with the repository at /testbed, ready to be tested without a network.

    `image` is used as it is, or one is built from the repository's `dockerfile`; else an
    `instance`'s own is taken where it can be had; else one is built, unless the same is there.
    `python` (3.9) wins over what the project asks for. Raises UserError, WorldError, NetworkError,
    EngineError.
    """
    started = monotonic()
    network, host = network or BuildNetwork(), host or Host()
    build = Build(engine, network, say)
    if image and dockerfile:
        raise UserError("--image and --dockerfile do not go together", "leave one out")
    if dockerfile:
        image = from_dockerfile(
            build, engine, source, dockerfile, network, path=host.path, docker_host=host.docker
        )
    if image:
        found = given_image.image(build, engine, image, source)
        return _described(build, engine, found, "given", task, started)
    if instance and instance.image and _had(build, engine, instance.image):
        found = given_image.image(build, engine, instance.image, source, above=True)
        return _described(build, engine, found, "pulled", task, started)
    facts = project.examine(source.folder)
    other_languages.check_is_python(source.folder, facts)
    # Code of a later day than its issue needs packages of that later day.
    date = max(task.created_at or source.date, source.date).astimezone(UTC)
    versions = python_version.candidates(facts.declared, date, python)
    wanted = Wanted(source, facts, date, graded(facts, date) if instance else None)

    def based(left: Sequence[str]) -> Base:
        return base_image.obtain(engine, left, network, say, host.home)

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
        try:
            return _completed(build, engine, wanted, base)
        except InstallFailed as failed:
            failure = failure or failed
            left = left[left.index(base.python) + 1 :]
            if not left:
                break
            build.note(f"Python {base.python} did not do ({failed.message}); the next is tried")
    assert failure is not None
    raise failure


def _completed(build: Build, engine: Engine, wanted: Wanted, base: Base) -> str:
    """Build upon a base, with the Debian packages besides that C extensions turn out to need."""
    moment = Moment(python_version.cutoff(wanted.date, base.python))
    while True:
        try:
            return recipe.image(
                build, engine, base, wanted.source, wanted.project, moment, wanted.graded
            )
        except PackagesMissing as missing:
            title, command = f"add {missing}", system_packages.install(missing.packages)
            try:
                base = replace(base, reference=build.layer(base.reference, title, command))
            except InstallFailed as failed:
                build.note(f"{missing} cannot be had: {failed.message}")


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
        log=labels.get(LOG, ""),
        seconds=monotonic() - started,
    )


def _described(
    build: Build,
    engine: Engine,
    found: Given,
    made: Literal["given", "pulled"],
    task: Task,
    started: float,
) -> Image:
    """Return the record of an image that somebody else made."""
    labels = {recipe.TOOLCHAIN: found.toolchain, LOG: build.log}
    if found.test_command:
        labels[recipe.TEST_COMMAND] = found.test_command
    record = _record(engine, found.reference, made, labels, task, started)
    return replace(record, commit="" if found.commit == task.base_commit else found.commit)


def _had(build: Build, engine: Engine, image: str) -> bool:
    """Tell whether a row's image is there or can be pulled; it is not the user's word."""
    try:
        given_image.available(build, engine, image)
    except (UserError, NetworkError) as error:
        build.note(f"{image} cannot be had ({error.message}): one is built")
        return False
    return True


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
