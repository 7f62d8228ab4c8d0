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
"""Every new environment held these before Python 3.12; tests and old packages rely on them."""
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
    """What is resolved: the dependencies of a project for one Python, and `tools` as well.

    The version of its own that installing it is told is not told here: every dependency that is
    built on the way would take it for its own, be refused, and give way to an older one.
    """

    project: Project
    python: str
    tools: tuple[str, ...] = ()


@dataclass(frozen=True)
class Way:
    """One way to resolve: the test runner as a requirement, and which other parts are included."""

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
    """Return lines that pin exact versions, and the moment they were resolved at.

    The first way that works is taken; the last leaves out all but what the project itself asks
    for. `archive` is its folder. Raises InstallFailed.
    """
    with build.open(parent) as builder:
        builder.put("/", archive)
        build.run(builder, "leave out build tags", UNTAGGED)
        tried = list(ways(wants.project, wants.tools, _newest_runner(build, builder, moment)))
        for way in tried[:-1]:
            code, moment = _resolved_in_one_way(build, builder, wants, moment, way)
            if code == 0:
                break
        else:
            way = tried[-1]
            build.run(builder, TITLE, command(wants, moment, way))
        if way != tried[0]:
            build.note(f"it could be resolved without {way.short_of(tried[0])} only")
        return without_own_lines(build.run(builder, "read the lock", f"cat {LOCK}")), moment


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
    script = f"echo {RUNNER} | uv pip compile - --no-deps {_options(moment)}"
    code, output = build.attempt(builder, "look for the newest test runner of then", script)
    found = re.search(rf"^{RUNNER}==\S+$", output, re.MULTILINE)
    return found[0] if found and code == 0 else None


def command(wants: Wants, moment: Moment, way: Way) -> str:
    """Return the command that resolves in one way and writes the lock file."""
    project = wants.project
    lines = [way.runner] if project.test_command else []
    lines += SEEDS if tuple(map(int, wants.python.split("."))) < (3, 12) else ()
    lines += wants.tools if way.tools else ()
    printed = f"printf '%s\\n' {shlex.join(lines)}" if lines else "true"
    words = [project.manifest] if project.manifest else []
    if way.files:
        words += [shlex.quote(name) for name in project.requirements]
    if way.extras:
        words += [f"--extra {shlex.quote(name)}" for name in project.extras]
        words += [f"--group {shlex.quote(name)}" for name in project.groups]
    return f"{printed} | uv pip compile - {' '.join(words)} {_options(moment)} -q -o {LOCK}"


def _options(moment: Moment) -> str:
    return f"{moment.options} --python {VENV}/bin/python --no-header --no-annotate"


def _resolved_in_one_way(
    build: Build, builder: Builder, wants: Wants, moment: Moment, way: Way
) -> tuple[int, Moment]:
    """Resolve in one way, letting in what the index has nothing old of; return the exit code."""
    while True:
        code, output = build.attempt(builder, TITLE, command(wants, moment, way))
        later = admit_deleted(output, moment) if code else None
        if later is None:
            return code, moment
        for name, date in later.late[len(moment.late) :]:
            reason = f"the index has nothing so old of {name} any more"
            build.note(f"{reason}: what it had by {date[:10]} is let in")
        moment = later


def admit_deleted(output: str, moment: Moment) -> Moment | None:
    """Return a moment that lets in the packages of which the index has nothing so old any more.

    Some were deleted and uploaded again, such as atomicwrites in 2022. `output` is uv's; None
    when it names no such package that is not let in already.
    """
    known = dict(moment.late)
    none_left = set(_NONE_LEFT.findall(output))
    found = {
        name: stamp(datetime.fromisoformat(date) + timedelta(days=1))
        for name, date in _FILTERED.findall(output)
        if name in none_left - set(known)
    }
    return replace(moment, late=(*moment.late, *sorted(found.items()))) if found else None


def without_own_lines(text: str) -> str:
    """Return the lock without lines that mean the project's own folder."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith((*OURS, "#")))
