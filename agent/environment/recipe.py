"""The order of a build: base, interpreter, dependencies, then the repository installed in place.

What changes least comes first, so that neighbouring commits share every layer but the last.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime

from agent.environment import install
from agent.environment.archives import pack_folder
from agent.environment.as_of_date import Moment
from agent.environment.base_image import Base
from agent.environment.build import LOG, SYSTEM_PATH, VENV, Build, clip, reference_of
from agent.environment.dependencies import Wants, resolve
from agent.environment.install import TESTBED
from agent.environment.project import Project
from agent.environment.swebench_paths import Additions
from agent.environment.test_command import PYTEST
from agent.intake.repository import Source
from tools.sandbox.image_builder import Builder

VERSION = 3
"""Increase it when the steps change, so that images of an older recipe are not reused."""
TOOLCHAIN, TEST_COMMAND = "repair-agent.toolchain", "repair-agent.test-command"
"""Labels of an image from which its record is made."""
PRETENDED = ("SETUPTOOLS_SCM_PRETEND_VERSION", "PBR_VERSION", "POETRY_DYNAMIC_VERSIONING_BYPASS")
ENVIRONMENT = {"PATH": f"{VENV}/bin:{SYSTEM_PATH}", "VIRTUAL_ENV": VENV}


@dataclass(frozen=True)
class Plan:
    """What an image is built from, and the date that bounds its packages.

    One with `additions` also answers to what SWE-bench's scripts call.
    """

    source: Source
    project: Project
    date: datetime
    additions: Additions | None = None


def image(build: Build, base: Base, plan: Plan, moment: Moment) -> str:
    """Return the reference of the image for a plan, built unless it is there.

    Its labels hold the toolchain, the test command and the log. Raises WorldError, EngineError.
    """
    source, project, additions = plan.source, plan.project, plan.additions
    more = [*additions.tools, additions.answers] if additions else []
    content = [VERSION, base.reference, source.content, source.version, moment.options, more]
    name = re.sub(r"[^a-z0-9]+", "-", source.name.lower()).strip("-") or "repository"
    reference = reference_of(name, json.dumps(content))
    if build.is_kept(reference):
        return reference
    build.note(f"Python {base.python}, packages as of {moment.cutoff:%Y-%m-%d}")
    archive = pack_folder(source.folder, TESTBED.strip("/"))
    interpreter = build.layer(
        base.reference, "make the environment", install.venv(base.python), environment=ENVIRONMENT
    )
    wants = Wants(project, base.python, additions.tools if additions else ())
    lock, moment = resolve(build, interpreter, archive, wants, moment)
    # Its key is the lock: a neighbouring commit of another day with the same lock shares it.
    needs = interpreter
    if lock:
        command = install.dependencies(lock, moment, base.python)
        needs = build.layer(interpreter, "install the dependencies", command, key=lock)
    with build.open(needs) as builder:
        builder.put("/", archive)
        _install(build, builder, plan, moment)
        if additions:
            build.run(builder, "answer to SWE-bench's scripts", additions.answers)
        build.run(builder, "settle the repository", install.SETTLE)
        labels = _labels(build, builder, project)
        builder.commit(reference, labels=labels, environment=ENVIRONMENT, workdir=TESTBED)
    return reference


def _install(build: Build, builder: Builder, plan: Plan, moment: Moment) -> None:
    # The history, from which some projects read their version, is missing: the version is set.
    version = plan.source.version
    variables = dict.fromkeys(PRETENDED, version) if version else {}
    title = f"install {plan.source.name} in place"
    *first, last = install.in_place(plan.project, moment)
    for command in first:
        if build.attempt(builder, title, command, more=variables)[0] == 0:
            return
        build.note("that did not work; the next way is tried")
    build.run(builder, title, last, more=variables)


def _labels(build: Build, builder: Builder, project: Project) -> dict[str, str]:
    toolchain = build.run(builder, "ask for the interpreter's version", "python --version").strip()
    labels = {"repair-agent": "image", TOOLCHAIN: toolchain}
    if project.test_command:
        option = "--version" if project.test_command == PYTEST else "--help"
        build.run(builder, "try the test runner", f"{project.test_command} {option}")
        labels[TEST_COMMAND] = project.test_command
    return labels | {LOG: clip(build.log)}
