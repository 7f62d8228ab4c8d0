"""How a Python project and what it needs come into an image: shell commands and their order."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from agent.intake.build import VENV
from agent.intake.project import Project

_NONE_LEFT = re.compile(r"there are no versions of ([\w.-]+)", re.IGNORECASE)
_FILTERED = re.compile(
    r"`([\w.-]+)` was filtered by `exclude-newer`.*?published\s+at\s+([\dTZ:.-]+Z)", re.DOTALL
)
BACKENDS = ("setuptools", "setuptools-scm", "wheel", "flit-core", "poetry-core", "hatchling")
EDITABLE_SINCE = datetime(2023, 2, 1, tzinfo=UTC)
"""By then every build backend could install in place (PEP 660); those of before cannot."""
LOCK = "/tmp/lock.txt"
TESTBED = "/testbed"
RUNNER = "pytest"
SEEDS = ("pip", "setuptools")
"""What every new environment held before Python 3.12; tests and old packages count on it."""
OURS = ("-e", ".", "/", "file:")
"""Beginnings of requirement lines that mean the project itself, which is installed in place."""


@dataclass(frozen=True)
class Moment:
    """The cut-off date of everything, and the later one of build backends.

    `late` are packages of which nothing that old is left in the index, with the date of what is.
    """

    cutoff: datetime
    late: tuple[tuple[str, str], ...] = ()

    @property
    def options(self) -> str:
        """The options that make uv resolve as of the date."""
        exceptions = [f"--exclude-newer-package {name}={date}" for name, date in self.late]
        return " ".join([f"--exclude-newer {_stamp(self.cutoff)}", *exceptions])

    @property
    def backend_options(self) -> str:
        """The same, but for build backends, which must know how to install in place."""
        later = _stamp(max(self.cutoff, EDITABLE_SINCE))
        exceptions = " ".join(f"--exclude-newer-package {name}={later}" for name in BACKENDS)
        return f"{self.options} {exceptions}"


def gone(said: str, moment: Moment) -> Moment | None:
    """Return a moment that lets in the packages of which the index has nothing so old any more.

    Some were deleted and uploaded again, such as atomicwrites in 2022. `said` are uv's words; None
    when they name no such package that is not let in already.
    """
    known = dict(moment.late)
    none_left = set(_NONE_LEFT.findall(said))
    found = {
        name: _stamp(datetime.fromisoformat(date) + timedelta(days=1))
        for name, date in _FILTERED.findall(said)
        if name in none_left - set(known)
    }
    return replace(moment, late=(*moment.late, *sorted(found.items()))) if found else None


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def venv(python: str) -> str:
    """Return the command that makes the environment from the image's interpreter."""
    found = f'"$(command -v python{python} || command -v python3)"'
    return f"uv venv {VENV} --python {found}"


UNTAGGED = r"""test ! -f setup.cfg || \
sed -i -E '/^[ \t]*tag[_-](build|date|svn[_-]revision)[ \t]*=/d' setup.cfg"""
"""Takes build tags out of a version: what a project needs does not depend on them, and setuptools
of before 2022 put them in twice, which is no version."""


def resolve(project: Project, moment: Moment, python: str) -> tuple[str, ...]:
    """Return commands that write the lock file, best first; the last leaves test extras out."""
    given = [*([RUNNER] if project.test_command else []), *(SEEDS if _seeded(python) else ())]
    runner = f"printf '%s\\n' {' '.join(given)}" if given else "true"
    extras = [f"--extra {shlex.quote(name)}" for name in project.extras]
    groups = [f"--group {shlex.quote(name)}" for name in project.groups]
    files = [shlex.quote(name) for name in project.requirements]
    manifest = [project.manifest] if project.manifest else []
    wanted = [*manifest, *files, *extras, *groups]
    options = f"{moment.options} --python {VENV}/bin/python --no-header --no-annotate -q -o {LOCK}"
    full = f"{runner} | uv pip compile - {' '.join(wanted)} {options}"
    plain = f"{runner} | uv pip compile - {' '.join(manifest)} {options}"
    return (full,) if full == plain else (full, plain)


def _seeded(python: str) -> bool:
    return tuple(map(int, python.split("."))) < (3, 12)


def locked(text: str) -> str:
    """Return the lock without lines that mean the project's own folder."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith((*OURS, "#")))


def dependencies(lock: str, moment: Moment) -> str:
    """Return the command that installs exactly what the lock names."""
    return (
        f"cat > {LOCK} <<'END_OF_LOCK'\n{lock}\nEND_OF_LOCK\n"
        f"uv pip install --no-deps --compile-bytecode {moment.options} -r {LOCK} && rm {LOCK}"
    )


def in_place(project: Project, moment: Moment) -> tuple[str, ...]:
    """Return commands that install the project in place, best first."""
    if project.manifest is None:
        paths = f"{VENV}/lib/python*/site-packages"
        lines = f"{TESTBED}\\n{TESTBED}/src\\n"
        return (f"for folder in {paths}; do printf '{lines}' > $folder/testbed.pth; done",)
    editable = f"uv pip install --no-deps {moment.backend_options} -e ."
    legacy = (
        f"uv pip install {moment.backend_options} 'setuptools<60' wheel "
        f"&& python setup.py develop --no-deps"
    )
    return (editable, legacy) if project.manifest == "setup.py" else (editable,)


CONDA = f"""mkdir -p /opt/miniconda3/bin /opt/miniconda3/envs
ln -sfn {VENV} /opt/miniconda3/envs/testbed
cat > /opt/miniconda3/bin/activate <<'END_OF_ACTIVATE'
conda() {{
  if [ "$1" = activate ]; then
    . {VENV}/bin/activate
  fi
}}
END_OF_ACTIVATE"""
"""SWE-bench's scripts activate the environment `testbed` of a conda; here it is ours."""


SETTLE = f"""git reset --quiet --hard
git config core.logAllRefUpdates false
rm -rf .git/logs .git/ORIG_HEAD
printf '__pycache__/\\n*.py[co]\\n.pytest_cache/\\n' >> .git/info/exclude
git -c core.quotePath=false ls-files --others --exclude-standard --directory \
| sed 's/[][*?\\\\]/\\\\&/g; s#^#/#' >> .git/info/exclude
python -m compileall -q {TESTBED} > /dev/null 2>&1 || true
rm -rf /tmp/* /root/.cache
git status --porcelain"""
"""Brings tracked files back to the commit, leaves no log of that, names what installing left
behind as ignored, and compiles what compiles (not every file of a project is meant to), so that
runs start faster."""
