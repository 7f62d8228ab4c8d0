"""What SWE-bench's scripts expect of an image beyond the repository, and commands that add it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from agent.environment.build import VENV
from agent.environment.project import Project

TOX = ("tox", "tox-current-env")
"""For projects that use tox: with these, SWE-bench's scripts run it in the existing environment."""
DESCRIBED_SINCE = datetime(2020, 2, 24, tzinfo=UTC)
"""Python 3.8.2, the first release in which unittest describes a test by a docstring that begins
with a line break (bpo-39450). The names by which tests are graded are what unittest printed."""

_CONDA = f"""mkdir -p /opt/miniconda3/bin /opt/miniconda3/envs
ln -sfn {VENV} /opt/miniconda3/envs/testbed
cat > /opt/miniconda3/bin/activate <<'END_OF_ACTIVATE'
conda() {{
  if [ "$1" = activate ]; then
    . {VENV}/bin/activate
  fi
}}
END_OF_ACTIVATE
"""
_ANY_PYTHON = f"""if test -e {VENV}/bin/tox; then
mv {VENV}/bin/tox {VENV}/bin/tox-itself
cat > {VENV}/bin/tox <<'END_OF_TOX'
#!/bin/bash
this=$(python -c 'import sys; print("py%d%d" % sys.version_info[:2])')
given=()
for one in "$@"; do
  [[ $one =~ ^-epy[0-9]+$ ]] && one=-e$this
  given+=("$one")
  [[ $one = -- ]] && grep -qs pytest tox.ini && given+=(-rA)
done
exec tox-itself "${{given[@]}}"
END_OF_TOX
chmod +x {VENV}/bin/tox
base=$(readlink -f {VENV}/bin/python)
here=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
there=$($base -c 'import site; print(site.getsitepackages()[0])')
mkdir -p $there
echo "import site; site.addsitedir('$here')" > $there/testbed.pth
fi
"""
"""A script names the Python of its own image (-epy39): here that means the one that is there. It
also counts on a line for every test, which SWE-bench writes into its images' settings of tox. And
tox calls the interpreter by a link, by which it does not find its environment without help."""
_UNDESCRIBED = r"""python - <<'END_OF_PYTHON'
import unittest.case
path = unittest.case.__file__
with open(path) as file:
    text = file.read()
since = 'doc.strip().split("\\n")[0].strip() if doc'
before = 'doc.split("\\n")[0].strip() or None if doc'
with open(path, "w") as file:
    file.write(text.replace(since, before))
END_OF_PYTHON
"""


@dataclass(frozen=True)
class Additions:
    """`tools` are installed beside the dependencies; `answers` is a command that is run last."""

    tools: tuple[str, ...]
    answers: str


def additions_for(project: Project, date: datetime) -> Additions:
    """Return what an image of a project needs so that SWE-bench's scripts run in it unchanged.

    Decided by the project's files and the date alone.
    """
    undescribed = _UNDESCRIBED if date < DESCRIBED_SINCE else ""
    return Additions(TOX if project.tox else (), _CONDA + _ANY_PYTHON + undescribed)
