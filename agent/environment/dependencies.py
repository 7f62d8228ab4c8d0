"""The exact versions of all that a project and its tests need, as of a date."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.environment.as_of_date import Moment, stamp
from agent.environment.build import VENV, Build
from agent.environment.project import Project
from tools.sandbox.image_builder import Builder

LOCK = "/tmp/lock.txt"
RUNNER = "pytest"
SEEDS = ("pip", "setuptools")
"""What every new environment held before Python 3.12; tests and old packages count on it."""
OURS = ("-e", ".", "/", "file:")
"""Beginnings of requirement lines that mean the project itself, which is installed in place."""
TITLE = "resolve the dependencies"
UNTAGGED = r"""test ! -f setup.cfg || \
sed -i -E '/^[ \t]*tag[_-](build|date|svn[_-]revision)[ \t]*=/d' setup.cfg"""
"""Takes build tags out of a version: what a project needs does not depend on them, and setuptools
of before 2022 put them in twice, which is no version."""

_NONE_LEFT = re.compile(r"there are no versions of ([\w.-]+)", re.IGNORECASE)
_FILTERED = re.compile(
    r"`([\w.-]+)` was filtered by `exclude-newer(?:-package)?`.*?published\s+at\s+([\dTZ:.-]+Z)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Wants:
    """What is resolved: a project's needs for a Python, and `tools` beside them.

    The version of its own that installing it is told is not told here: every dependency that is
    built on the way would take it for its own, be refused, and give way to an older one.
    """

    project: Project
    python: str
    tools: tuple[str, ...] = ()


@dataclass(frozen=True)
class Way:
    """One way to resolve: the runner as a requirement, and whether the rest is asked for."""

    runner: str
    extras: bool = True
    files: bool = True
    tools: bool = True

    def short_of(self, best: Way) -> str:
        """Return what this way leaves out of the best, for people."""
        left_out = {
            "the newest test runner of then": self.runner != best.runner,
            "the test extras": self.extras != best.extras,
            "the requirement files": self.files != best.files,
            "what SWE-bench's scripts call": self.tools != best.tools,
        }
        return ", ".join(what for what, missing in left_out.items() if missing)


def resolve(
    build: Build, parent: str, archive: bytes, wants: Wants, moment: Moment
) -> tuple[str, Moment]:
    """Return lines that name exact versions, and the moment that let them in.

    The first way that works is taken; the last leaves out all but what the project itself asks
    for. `archive` is its folder. Raises InstallFailed.
    """
    with build.open(parent) as builder:
        builder.put("/", archive)
        build.run(builder, "leave out build tags", UNTAGGED)
        tried = list(ways(wants.project, wants.tools, _newest_runner(build, builder, moment)))
        for way in tried[:-1]:
            code, moment = _compiled(build, builder, wants, moment, way)
            if code == 0:
                break
        else:
            way = tried[-1]
            build.run(builder, TITLE, command(wants, moment, way))
        if way != tried[0]:
            build.note(f"it could be resolved without {way.short_of(tried[0])} only")
        return locked(build.run(builder, "read the lock", f"cat {LOCK}")), moment


def ways(project: Project, tools: tuple[str, ...], newest: str | None) -> Iterator[Way]:
    """Yield the ways to resolve, best first; `newest` is the newest runner as a requirement.

    A resolver left to itself takes an old runner rather than report what keeps it from a new one.
    """
    extras, files = bool(project.extras or project.groups), bool(project.requirements)
    runners = [RUNNER] if newest is None else [newest, RUNNER]
    levels = [(extras, files), (extras, False), (False, False)]
    for with_tools in [True, *([False] if tools else [])]:
        for with_extras, with_files in dict.fromkeys(levels):
            for runner in runners:
                yield Way(runner, with_extras, with_files, with_tools)


def _newest_runner(build: Build, builder: Builder, moment: Moment) -> str | None:
    asked = f"echo {RUNNER} | uv pip compile - --no-deps {_options(moment)}"
    code, said = build.attempt(builder, "look for the newest test runner of then", asked)
    found = re.search(rf"^{RUNNER}==\S+$", said, re.MULTILINE)
    return found[0] if found and code == 0 else None


def command(wants: Wants, moment: Moment, way: Way) -> str:
    """Return the command that resolves in one way and writes the lock file."""
    project = wants.project
    given = [way.runner] if project.test_command else []
    given += SEEDS if _seeded(wants.python) else ()
    given += wants.tools if way.tools else ()
    lines = " ".join(shlex.quote(one) for one in given)
    runner = f"printf '%s\\n' {lines}" if given else "true"
    wanted = [project.manifest] if project.manifest else []
    if way.files:
        wanted += [shlex.quote(name) for name in project.requirements]
    if way.extras:
        wanted += [f"--extra {shlex.quote(name)}" for name in project.extras]
        wanted += [f"--group {shlex.quote(name)}" for name in project.groups]
    return f"{runner} | uv pip compile - {' '.join(wanted)} {_options(moment)} -q -o {LOCK}"


def _options(moment: Moment) -> str:
    return f"{moment.options} --python {VENV}/bin/python --no-header --no-annotate"


def _seeded(python: str) -> bool:
    return tuple(map(int, python.split("."))) < (3, 12)


def _compiled(
    build: Build, builder: Builder, wants: Wants, moment: Moment, way: Way
) -> tuple[int, Moment]:
    """Resolve in one way, letting in what the index has nothing old of; return the exit code."""
    while True:
        asked = command(wants, moment, way)
        code, said = build.attempt(builder, TITLE, asked)
        later = gone(said, moment) if code else None
        if later is None:
            return code, moment
        for name, date in later.late[len(moment.late) :]:
            note = f"the index has nothing so old of {name} any more: what it had by {date[:10]} is"
            build.note(f"{note} let in")
        moment = later


def gone(said: str, moment: Moment) -> Moment | None:
    """Return a moment that lets in the packages of which the index has nothing so old any more.

    Some were deleted and uploaded again, such as atomicwrites in 2022. `said` are uv's words; None
    when they name no such package that is not let in already.
    """
    known = dict(moment.late)
    none_left = set(_NONE_LEFT.findall(said))
    found = {
        name: stamp(datetime.fromisoformat(date) + timedelta(days=1))
        for name, date in _FILTERED.findall(said)
        if name in none_left - set(known)
    }
    return replace(moment, late=(*moment.late, *sorted(found.items()))) if found else None


def locked(text: str) -> str:
    """Return the lock without lines that mean the project's own folder."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith((*OURS, "#")))
