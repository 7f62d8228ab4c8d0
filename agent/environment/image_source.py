"""Which image runs a repository at a commit: the one named, one kept, or one that is built."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from time import monotonic
from typing import Literal

from agent.environment import (
    base_image,
    dockerfile,
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
from agent.environment.build_network import Host
from agent.environment.given_image import Given
from agent.environment.recipe import Plan
from agent.environment.swebench_paths import additions_for
from agent.intake.repository import Source
from agent.records import Image, Task
from tools.base import NetworkError, UserError, WorldError

MOST_PYTHONS = 3
"""How many versions are tried, each after the installation with the one before failed."""


@dataclass(frozen=True)
class Preferences:
    """What the user, or a row of a dataset, says of a task's environment.

    `image` is used as it is, or one is built from the repository's `dockerfile`. `python` (3.9)
    wins over what the project asks for. `swebench` asks for what SWE-bench's scripts expect, and
    `row_image` is a row's own image, which is taken where it can be had.
    """

    image: str | None = None
    dockerfile: str | None = None
    python: str | None = None
    swebench: bool = False
    row_image: str | None = None


def prepare(task: Task, source: Source, host: Host, preferences: Preferences) -> Image:
    """Return an image with the repository at /testbed, ready to be tested without a network.

    It is the preferred one; else one is built, unless the same is there. Raises UserError,
    WorldError, NetworkError, EngineError.
    """
    started = monotonic()
    build = Build(host)
    image, row_image = preferences.image, preferences.row_image
    if image and preferences.dockerfile:
        raise UserError("--image and --dockerfile do not go together", "leave one out")
    if preferences.dockerfile:
        image = dockerfile.image(build, source, preferences.dockerfile)
    made: Literal["given", "pulled", "built"]
    if image:
        made, found = "given", given_image.image(build, image, source)
    elif row_image and _is_available(build, row_image):
        made, found = "pulled", given_image.image(build, row_image, source, above=True)
    else:
        made, found = "built", _built(build, task, source, preferences)
    described = host.engine.image(found.reference)
    if described is None:
        raise WorldError(f"the image {found.reference} has gone again", "run it once more")
    labels = {**described.labels, **found.labels}
    return Image(
        reference=found.reference,
        digest=described.digest,
        made=made,
        toolchain=labels.get(recipe.TOOLCHAIN, "unknown"),
        test_command=task.test_command or labels.get(recipe.TEST_COMMAND),
        log=labels.get(LOG, ""),
        seconds=monotonic() - started,
        commit="" if found.commit == task.base_commit else found.commit,
    )


def _is_available(build: Build, image: str) -> bool:
    """Tell whether a row's image is there or can be pulled; the user did not ask for it."""
    try:
        given_image.available(build, image)
    except (UserError, NetworkError) as error:
        build.note(f"{image} cannot be had ({error.message}): one is built")
        return False
    return True


def _built(build: Build, task: Task, source: Source, preferences: Preferences) -> Given:
    facts = project.examine(source.folder)
    other_languages.check_is_python(source.folder, facts)
    # Code of a later day than its issue needs packages of that later day.
    date = max(task.created_at or source.date, source.date).astimezone(UTC)
    versions = python_version.candidates(facts.declared, date, preferences.python)
    plan = Plan(source, facts, date, additions_for(facts, date) if preferences.swebench else None)
    return Given(_with_some_python(build, plan, versions), task.base_commit, {})


def _with_some_python(build: Build, plan: Plan, versions: Sequence[str]) -> str:
    """Build with the first Python that works; raise what the first of them failed with."""
    failure: InstallFailed | None = None
    left = list(versions)
    for _ in range(MOST_PYTHONS):
        try:
            base = base_image.obtain(build.host, left)
        except WorldError:
            if failure is None:
                raise
            break
        try:
            return _with_packages(build, plan, base)
        except InstallFailed as failed:
            failure = failure or failed
            left = left[left.index(base.python) + 1 :]
            if not left:
                break
            build.note(f"Python {base.python} did not do ({failed.message}); the next is tried")
    assert failure is not None
    raise failure


def _with_packages(build: Build, plan: Plan, base: Base) -> str:
    """Build on a base, adding the Debian packages that C extensions turn out to need."""
    moment = Moment(python_version.cutoff(plan.date, base.python))
    while True:
        try:
            return recipe.image(build, base, plan, moment)
        except PackagesMissing as missing:
            title, command = f"add {missing}", system_packages.install(missing.packages)
            try:
                base = replace(base, reference=build.layer(base.reference, title, command))
            except InstallFailed as failed:
                build.note(f"{missing} cannot be had: {failed.message}")


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
    version = subprocess.run([python, "--version"], capture_output=True, text=True, check=True)
    pytest = subprocess.run([python, "-c", "import pytest"], capture_output=True, check=False)
    command = task.test_command
    detected = test_command.detect(source.folder)
    if command is None and detected:
        if detected == test_command.PYTEST and pytest.returncode:
            say(f"{python} has no pytest: no tests will run; name a command with --test-command")
        else:
            command = detected.replace("python ", "python3 ", 1)
    return Image("local", "", "local", version.stdout.strip(), command)
