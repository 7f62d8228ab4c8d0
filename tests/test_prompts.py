from pathlib import Path

import pytest

import prompts
from prompts import render


def test_a_missing_or_unknown_name_is_an_error() -> None:
    assert "bash, submit" in render("free_nudge", tools="bash, submit")
    with pytest.raises(ValueError, match=r"missing \['tools'\]"):
        render("free_nudge")
    with pytest.raises(ValueError, match=r"unknown \['colour'\]"):
        render("free_nudge", tools="x", colour="red")


def test_values_are_not_escaped_and_not_rendered_again() -> None:
    said = render("free_nudge", tools="<b> {{ secret }} & 'x'")
    assert "<b> {{ secret }} & 'x'" in said


def test_no_prompt_names_a_project_of_the_benchmarks() -> None:
    names = ("sympy", "django", "latex", "acsc", "flask", "requests", "astropy", "sphinx")
    for path in Path(prompts.__file__).parent.glob("*.md.j2"):
        text = path.read_text(encoding="utf-8").lower()
        assert not [name for name in names if name in text], path.name
