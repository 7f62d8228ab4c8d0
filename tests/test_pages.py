"""The pages that people read: their links lead somewhere, and their size is one that is read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
PAGES = (
    "README.md",
    ".github/CONTRIBUTING.md",
    *(str(page.relative_to(PROJECT)) for page in sorted(PROJECT.joinpath("docs").glob("*.md"))),
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAME = re.compile(r"`([a-z][a-z_]*)`")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    path = PROJECT / page
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        if link.startswith(("https://", "http://")):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_can_be_read_in_five_minutes() -> None:
    assert len((PROJECT / "README.md").read_text(encoding="utf-8").split()) <= 1200


def test_the_map_names_files_that_exist() -> None:
    text = (PROJECT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("## Map")[2].partition("## Glossary")[0]
    rows = re.findall(r"^\| `([\w/]+)/` \|[^|]*\|(.*)\|$", table, re.MULTILINE)
    assert len(rows) >= 15
    for folder, answers in rows:
        place = PROJECT / folder
        assert place.is_dir(), folder
        inside = {path.stem for path in place.rglob("*") if path.suffix in (".py", "")}
        assert set(NAME.findall(answers)) <= inside | {"command"}, folder
