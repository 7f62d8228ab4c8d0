"""What an issue names."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.localization.issue_terms import Frame, parts, split_humps, terms

ISSUE = """Latex printer: `_print_Function` breaks on `sympy.acsc`
<!-- fill in every_field -->
Calling latex(acsc(x)) shows a wrong name; see printing/latex.py and fooBar in prose.

```python
from sympy.printing.latex import LatexPrinter
LatexPrinter().doprint(expr)
```

Traceback (most recent call last):
  File "/usr/lib/site-packages/sympy/printing/latex.py", line 745, in _print_Function
    return func(x)
  File "sympy/core/basic.py", line 12, in <module>
ValueError: unknown function name given here

The log says "cannot print this thing" too.
"""


def test_what_an_issue_names() -> None:
    named = terms(ISSUE)

    assert named.frames == (
        Frame("/usr/lib/site-packages/sympy/printing/latex.py", 745, "_print_Function"),
        Frame("sympy/core/basic.py", 12, "<module>"),
    )
    assert "printing/latex.py" in named.paths
    assert {"_print_Function", "sympy.acsc", "latex", "fooBar", "LatexPrinter"} <= set(named.names)
    assert {"_print_Function", "sympy.acsc"} == named.marked
    assert named.exceptions == ("ValueError",)
    assert named.messages == ("unknown function name given here", "cannot print this thing")
    assert named.title[:2] == ("latex", "printer")
    assert "every" not in named.words
    assert "prose" in named.words


def test_frames_as_pytest_prints_them() -> None:
    named = terms("it fails\n\nsrc/_pytest/main.py:105: in wrap\n    x\na/b.py:7: TypeError\n")

    assert named.frames == (
        Frame("src/_pytest/main.py", 105, "wrap"),
        Frame("a/b.py", 7, ""),
    )


def test_an_issue_without_words_names_nothing() -> None:
    assert terms("") == terms("  \n") == terms("!?\n...")


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("HTTPServer.get_name", ["http", "server", "get", "name"]),
        ("_print_Function", ["print", "function"]),
        ("utf8Decoder", ["utf8", "decoder"]),
        ("__init__", ["init"]),
        ("plain", ["plain"]),
        ("___", []),
    ],
)
def test_the_words_of_an_identifier(identifier: str, expected: list[str]) -> None:
    assert parts(identifier) == expected


WORD = st.text("abcxyz", min_size=1, max_size=6)


@given(st.lists(WORD, min_size=1, max_size=5))
def test_every_way_of_joining_words_is_split_again(words: list[str]) -> None:
    assert parts("_".join(words)) == words
    assert parts(".".join(words)) == words
    assert parts("_".join(words).upper()) == words
    humps = [word.capitalize() for word in words if len(word) > 1]
    assert parts("".join(humps)) == [hump.lower() for hump in humps]


@given(st.text())
def test_splitting_loses_nothing(text: str) -> None:
    assert split_humps(text).replace(" ", "") == text.replace(" ", "")
    assert "".join(parts(text)) == "".join(parts(split_humps(text)))
    assert parts(" ".join(parts(text))) == parts(text) or not text.isascii()


@given(st.text())
def test_any_issue_is_read(text: str) -> None:
    assert terms(text) == terms(text)


@pytest.mark.parametrize(
    "made", ["`", "```\n", "<!--", "a.", "a/b.", '"a', 'File "a', "- ", "(", "A", "aA_"]
)
def test_an_issue_made_to_be_slow_is_not(made: str) -> None:
    started = time.process_time()
    terms(made * (60_000 // len(made)))

    assert time.process_time() - started < 2
