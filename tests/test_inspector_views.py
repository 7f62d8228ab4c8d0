"""Every view of the inspector, compared as text with what it looked like when it was looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.screens import PICTURES, TEXTS, VIEWS, View, shown


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_view_looks_as_it_did(view: View, tmp_path: Path) -> None:
    """After a change that is meant: `python -m tests.screens`, and look at what it wrote."""
    assert shown(view, tmp_path) == (TEXTS / f"{view.name}.txt").read_text()


def test_no_text_and_no_picture_is_left_over() -> None:
    assert {path.stem for path in TEXTS.iterdir()} == {view.name for view in VIEWS}
    pictures = {view.name for view in VIEWS if view.picture}
    assert {path.stem for path in PICTURES.glob("*.svg")} == pictures


def test_the_readme_shows_the_pictures() -> None:
    readme = (PICTURES.parent.parent / "README.md").read_text()
    for path in PICTURES.glob("*.svg"):
        assert f".github/pictures/{path.name}" in readme
