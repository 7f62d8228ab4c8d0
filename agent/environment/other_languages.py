"""Repositories in other languages than Python: which language, and which options to pass."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent.environment.project import Project
from tools.base import UserError


@dataclass(frozen=True)
class Language:
    """`mark` is the file that tells it, `image` and `test_command` what most projects take."""

    name: str
    mark: str
    image: str
    test_command: str


KNOWN = (
    Language("Node", "package.json", "node:22", "npm test --"),
    Language("Go", "go.mod", "golang:1.24", "go test ./..."),
    Language("Rust", "Cargo.toml", "rust:1.85", "cargo test"),
)
DESCRIBED_BY = ("Dockerfile", ".devcontainer/devcontainer.json", ".devcontainer.json")
"""Files that describe an environment themselves."""


def check_is_python(folder: Path, project: Project) -> None:
    """Raise UserError that says what to pass when there is nothing for Python to install or run."""
    found = next((one for one in KNOWN if (folder / one.mark).is_file()), None)
    if project.manifest or project.test_command or (not found and any(folder.rglob("*.py"))):
        return
    own = next((name for name in DESCRIBED_BY if (folder / name).is_file()), None)
    way = f"--dockerfile {own}" if own else f"--image {found.image if found else 'IMAGE'}"
    tests = f"'{found.test_command}'" if found else "COMMAND"
    what = f"a {found.name} project ({found.mark})" if found else "no Python project"
    raise UserError(
        f"this is {what}: environments are built for Python alone",
        f"give one that runs it: {way} --test-command {tests}",
    )
