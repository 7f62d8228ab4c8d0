"""How a Python project and what it needs come into an image: shell commands and their order."""

from __future__ import annotations

from shlex import quote

from agent.environment.as_of_date import Moment
from agent.environment.build import VENV
from agent.environment.dependencies import LOCK
from agent.environment.project import Project

TESTBED = "/testbed"
SETUP = "import setuptools; setuptools.setup()"
"""Replaces setup.py in a project that has a setup.cfg only."""


def venv(python: str) -> str:
    """Return the command that makes the environment from the image's interpreter."""
    found = f"$(command -v python{python} || command -v python3)"
    # A link's folder has no standard library beside it, where the interpreter would look for one.
    return f'uv venv {VENV} --python "$(readlink -f "{found}")"'


def dependencies(lock: str, moment: Moment, python: str) -> str:
    """Return the command that installs exactly what the lock names, compiled where uv can."""
    compiled = "" if python == "3.6" else "--compile-bytecode "
    return (
        f"cat > {LOCK} <<'END_OF_LOCK'\n{lock}\nEND_OF_LOCK\n"
        f"uv pip install --no-deps {compiled}{moment.options} -r {LOCK} && rm {LOCK}"
    )


def in_place(project: Project, moment: Moment) -> tuple[str, ...]:
    """Return commands that install the project in place, best first."""
    if project.manifest is None:
        paths = f"{VENV}/lib/python*/site-packages"
        lines = f"{TESTBED}\\n{TESTBED}/src\\n"
        return (f"for folder in {paths}; do printf '{lines}' > $folder/testbed.pth; done",)
    editable = f"uv pip install --no-deps {moment.backend_options} -e ."
    if not project.setuptools:
        return (editable,)
    script = "setup.py" if project.setuptools == "setup.py" else f"-c {quote(SETUP)}"
    legacy = (
        f"uv pip install {moment.backend_options} 'setuptools<60' wheel "
        f"&& python {script} develop --no-deps"
    )
    return (editable, legacy)


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
