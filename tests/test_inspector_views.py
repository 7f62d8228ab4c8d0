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


def test_every_picture_is_shown_on_a_page() -> None:
    project = PICTURES.parent.parent
    pages = [project / "README.md", *project.joinpath("docs").glob("*.md")]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert ".github/pictures/why.svg" in pages[0].read_text(encoding="utf-8")
    for path in PICTURES.glob("*.svg"):
        assert f".github/pictures/{path.name})" in text
