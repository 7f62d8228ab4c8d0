"""What SWE-bench's scripts call in a built image, run by a real bash."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.environment.build import VENV
from agent.environment.project import Project
from agent.environment.python_version import Declared
from agent.environment.swebench_paths import TOX, additions_for

PLAIN = Project(Declared(), "setup.py", (), (), (), "python -m pytest")
EARLY, LATE = datetime(2019, 5, 1, tzinfo=UTC), datetime(2021, 5, 1, tzinfo=UTC)


def answering(tmp_path: Path, date: datetime) -> Path:
    """Run the answers against a folder that stands for the image's root."""
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "tox").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (venv / "bin" / "tox").chmod(0o755)
    # Its own base, so that nothing is written into that of the Python which runs this.
    stand_in = f"""#!/bin/sh
case "$2" in *getsitepackages*) echo {tmp_path}/site;; *) exec {sys.executable} "$@";; esac
"""
    (venv / "bin" / "python").write_text(stand_in)
    (venv / "bin" / "python").chmod(0o755)
    (venv / "bin" / "activate").write_text(f"PATH={venv}/bin:$PATH\n")
    script = additions_for(PLAIN, date).answers
    script = script.replace(VENV, str(venv)).replace("/opt/", f"{tmp_path}/opt/")
    run(tmp_path, f"set -e\n{script}")
    return tmp_path


def run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_tox_is_asked_for_where_it_has_settings() -> None:
    assert additions_for(PLAIN, LATE).tools == ()
    assert additions_for(replace(PLAIN, tox=True), LATE).tools == TOX


@pytest.mark.parametrize("settings", ["[testenv]\ncommands = pytest {posargs}", "[testenv]"])
def test_a_script_runs_unchanged(tmp_path: Path, settings: str) -> None:
    root = answering(tmp_path, LATE)
    (root / "tox.ini").write_text(settings)
    script = (
        f"set -uxo pipefail\nsource {root}/opt/miniconda3/bin/activate\nconda activate testbed\n"
        "tox --current-env -epy27 -v -- 'tests/a b.py'"
    )
    done = run(root, script)
    option, name, *rest = done.stdout.splitlines()
    more = ["-rA"] if "pytest" in settings else []
    assert (option, *rest) == ("--current-env", "-v", "--", *more, "tests/a b.py")
    assert name.startswith("-epy3")
    assert "site.addsitedir(" in (root / "site" / "testbed.pth").read_text()


def test_before_a_date_tests_are_named_without_their_docstring(tmp_path: Path) -> None:
    """Only the text is looked at: the change is made to a copy of the library."""
    library = tmp_path / "unittest"
    library.mkdir()
    (library / "__init__.py").write_text("")
    line = '        return doc.strip().split("\\n")[0].strip() if doc else None\n'
    (library / "case.py").write_text("class A:\n    def f(self, doc):\n" + line)
    answering(tmp_path, EARLY)
    names: dict[str, type] = {}
    exec((library / "case.py").read_text(), names)
    described = names["A"]().f
    assert described("\n  What it does.\n") is None
    assert described("What it does.\nMore.") == "What it does."
    assert described(None) is None
