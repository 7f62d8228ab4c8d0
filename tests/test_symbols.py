"""Definitions of source files: those of Python 2 and of broken files too."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.localization.symbols import Symbol, defined_names, symbols

CODE = '''import os

@decorated
class Printer(Base, metaclass=Meta):  # prints
    """Prints."""

    def _print_Function(
        self,
        expr,  # the expression
        sep=" # ",
    ) -> str:
        def inner():
            pass

        class Local:
            def method(self):
                pass

        return inner

    async def later(self):
        pass


try:
    def fast(x): return x
except ImportError:
    if os.name:
        def slow(x):
            return x
'''


def test_definitions_are_named_by_what_encloses_them() -> None:
    assert symbols("a/latex.py", CODE) == [
        Symbol("a/latex.py", "Printer", "class", 4, 22, "class Printer(Base, metaclass=Meta)"),
        Symbol(
            "a/latex.py",
            "Printer._print_Function",
            "method",
            7,
            19,
            'def _print_Function(self, expr, sep=" # ") -> str',
        ),
        Symbol("a/latex.py", "Printer._print_Function.Local", "class", 15, 17, "class Local"),
        Symbol(
            "a/latex.py",
            "Printer._print_Function.Local.method",
            "method",
            16,
            17,
            "def method(self)",
        ),
        Symbol("a/latex.py", "Printer.later", "method", 21, 22, "async def later(self)"),
        Symbol("a/latex.py", "fast", "function", 26, 26, "def fast(x)"),
        Symbol("a/latex.py", "slow", "function", 29, 30, "def slow(x)"),
    ]


def test_python_2_is_read() -> None:
    code = (
        "def old(x, (a, b)):\n    print >>out, 'x'\n    exec 'y' in {}\n"
        "    try:\n        raise ValueError, 'z'\n    except ValueError, e:\n        print e\n"
        "class After: pass\n"
    )
    assert [(found.name, found.line) for found in symbols("a.py", code)] == [
        ("old", 1),
        ("After", 8),
    ]


@pytest.mark.parametrize(
    "broken",
    ["x = (1,\n", "class Half(\n", "def half(:\n    pass\n", "if x\n    y\n", "'''never closed\n"],
)
def test_what_stands_before_a_broken_place_is_found(broken: str) -> None:
    found = symbols("a.py", f"class Whole:\n    def part(self):\n        pass\n\n\n{broken}")

    assert [symbol.name for symbol in found][:2] == ["Whole", "Whole.part"]


def test_what_stands_after_a_broken_place_is_found() -> None:
    found = symbols("a.py", "x = = 1\n\ndef after(a):\n    pass\n")

    assert [(symbol.name, symbol.line) for symbol in found] == [("after", 3)]


def test_other_languages_have_no_symbols() -> None:
    assert symbols("a.js", "class A { f() {} }") == []
    assert defined_names("a.js", "class A { f() {} }") == []
    assert symbols("Makefile", "def x():\n    pass\n") == []


def test_a_form_feed_or_a_line_separator_is_no_line_end() -> None:
    found = symbols("a.py", "x = '\u2028'\n\f\ndef after():\n    pass\n")

    assert [(symbol.name, symbol.line, symbol.end) for symbol in found] == [("after", 3, 4)]


def test_comments_are_no_part_of_a_signature() -> None:
    [found] = symbols("a.py", "class A(B,  # one\n        C):  # two\n    x = 1  # three\n")

    assert found.signature == "class A(B, C)"


def test_a_long_signature_is_cut() -> None:
    [found] = symbols("a.py", f"def f({', '.join(f'argument_{n}' for n in range(90))}): pass\n")

    assert len(found.signature) == 120
    assert found.signature.endswith("...")


@pytest.mark.parametrize("made", ["(", "class A:\n", "not ", "a[", "def f(", "'"])
def test_a_file_made_to_be_slow_is_not(made: str) -> None:
    text = made * (100_000 // len(made))
    started = time.process_time()
    symbols("a.py", text)

    assert time.process_time() - started < 5  # a query took 15 s for the brackets


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    lines = text.count("\n") + 1
    for found in symbols("a.py", text):
        assert 1 <= found.line <= found.end <= lines
        assert "\n" not in found.signature


@given(st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1))
def test_the_fast_look_finds_what_parsing_finds(names: list[str]) -> None:
    text = "".join(f"class {name.upper()}:\n    def {name}(self): pass\n" for name in names)
    parsed = [symbol.name.rpartition(".")[2] for symbol in symbols("a.py", text)]

    assert defined_names("a.py", text) == parsed
