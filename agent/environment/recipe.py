"""The order of a build: base, interpreter, dependencies, then the repository installed in place.

What changes least comes first, so that neighbouring commits share every layer but the last.
"""

from __future__ import annotations

import hashlib
import json
import re

from agent.environment import install
from agent.environment.as_of_date import Moment
from agent.environment.base_image import Base
from agent.environment.build import LOG, SYSTEM_PATH, VENV, Build, clipped, packed_folder
from agent.environment.dependencies import Wants, resolve
from agent.environment.install import TESTBED
from agent.environment.project import Project
from agent.environment.swebench_paths import Graded
from agent.environment.test_command import PYTEST
from agent.intake.repository import Source
from tools.sandbox.engine import Engine
from tools.sandbox.image_builder import Builder

VERSION = 3
"""Raised when the steps change, so that images of an older recipe are not taken for new ones."""
TOOLCHAIN, TEST_COMMAND = "repair-agent.toolchain", "repair-agent.test-command"
"""Labels of an image that tell what its record is made of."""
PRETENDED = ("SETUPTOOLS_SCM_PRETEND_VERSION", "PBR_VERSION", "POETRY_DYNAMIC_VERSIONING_BYPASS")
ENVIRONMENT = {"PATH": f"{VENV}/bin:{SYSTEM_PATH}", "VIRTUAL_ENV": VENV}


def image(
    build: Build,
    engine: Engine,
    base: Base,
    source: Source,
    project: Project,
    moment: Moment,
    graded: Graded | None = None,
) -> str:
    """Return the reference of the image for a source, built unless it is there.

    One that is `graded` also answers to what SWE-bench's scripts call.
    Its labels hold the toolchain, the test command and the log. Raises WorldError, EngineError.
    """
    reference = _reference(base, source, moment, graded)
    if engine.image(reference):
        build.note(f"{reference}: kept from an earlier build")
        return reference
    build.note(f"Python {base.python}, packages as of {moment.cutoff:%Y-%m-%d}")
    archive = packed_folder(source.folder, TESTBED.strip("/"))
    interpreter = build.layer(
        base.reference, "make the environment", install.venv(base.python), environment=ENVIRONMENT
    )
    tools = graded.tools if graded else ()
    wants = Wants(project, base.python, tools)
    lock, moment = resolve(build, interpreter, archive, wants, moment)
    # Keyed by the lock alone: a neighbouring commit of another day with the same lock shares it.
    needs = interpreter
    if lock:
        command = install.dependencies(lock, moment, base.python)
        needs = build.layer(interpreter, "install the dependencies", command, key=lock)
    with build.open(needs) as builder:
        builder.put("/", archive)
        _install(build, builder, source, project, moment)
        if graded:
            build.run(builder, "answer to SWE-bench's scripts", graded.answers)
        build.run(builder, "settle the repository", install.SETTLE)
        labels = _labels(build, builder, project)
        builder.commit(reference, labels=labels, environment=ENVIRONMENT, workdir=TESTBED)
    return reference


def _reference(base: Base, source: Source, moment: Moment, graded: Graded | None) -> str:
    more = [*graded.tools, graded.answers] if graded else []
    content = [VERSION, base.reference, source.content, source.version, moment.options, more]
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
    name = re.sub(r"[^a-z0-9]+", "-", source.name.lower()).strip("-") or "repository"
    return f"repair-agent/{name}:{digest}"


def _version_of(source: Source) -> dict[str, str]:
    """Return what fixes a version that is else read from the history, which is not there."""
    return dict.fromkeys(PRETENDED, source.version) if source.version else {}


def _install(
    build: Build, builder: Builder, source: Source, project: Project, moment: Moment
) -> None:
    *first, last = install.in_place(project, moment)
    for command in first:
        title = f"install {source.name} in place"
        if build.attempt(builder, title, command, more=_version_of(source))[0] == 0:
            return
        build.note("that did not work; the next way is tried")
    build.run(builder, f"install {source.name} in place", last, more=_version_of(source))


def _labels(build: Build, builder: Builder, project: Project) -> dict[str, str]:
    toolchain = build.run(builder, "ask for the interpreter's version", "python --version").strip()
    labels = {"repair-agent": "image", TOOLCHAIN: toolchain}
    if project.test_command:
        asked = "--version" if project.test_command == PYTEST else "--help"
        build.run(builder, "try the test runner", f"{project.test_command} {asked}")
        labels[TEST_COMMAND] = project.test_command
    return labels | {LOG: clipped(build.log)}
