"""Repositories that are not Python's are told what to pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.environment.other_languages import check_is_python
from agent.environment.project import examine
from tools.base import UserError


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")


@pytest.mark.parametrize(
    ("names", "message", "hint"),
    [
        (("package.json", "index.js"), "Node project (package.json)",
         "--image node:22 --test-command 'npm test --'"),
        (("go.mod", "tools/gen.py"), "Go project (go.mod)", "'go test ./...'"),
        (("Cargo.toml", "Dockerfile"), "Rust project", "--dockerfile Dockerfile --test-command"),
        (("Makefile", "main.c"), "no Python project", "--image IMAGE --test-command COMMAND"),
    ],
)  # fmt: skip
def test_another_language_is_said_with_what_to_pass(
    tmp_path: Path, names: tuple[str, ...], message: str, hint: str
) -> None:
    write(tmp_path, *names)
    with pytest.raises(UserError) as caught:
        check_is_python(tmp_path, examine(tmp_path))
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "names",
    [("setup.py", "package.json"), ("package.json", "tests/test_a.py"), ("plain.py",)],
)
def test_python_with_something_beside_it_is_python(tmp_path: Path, names: tuple[str, ...]) -> None:
    write(tmp_path, *names)
    check_is_python(tmp_path, examine(tmp_path))
