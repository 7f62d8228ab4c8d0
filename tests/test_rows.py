"""What a page's text is on rows of a certain width."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from agent.show.blocks import Output
from agent.show.terminal import rows


def folded(text: str, width: int) -> list[str]:
    """Return the rows of an output, without the blank row behind it."""
    return [row.text.plain for row in rows([Output(text)], width)][:-1]


def test_a_line_is_cut_between_words_where_one_ends_near_the_edge() -> None:
    assert folded("I look for word4990 there", 20) == ["I look for word4990 ", "there"]
    assert folded("I look for word4990, there", 20) == ["I look for word4990,", " there"]
    assert folded("I look for the words", 16) == ["I look for the ", "words"]


def test_a_line_is_cut_in_a_word_where_none_ends_near_the_edge() -> None:
    assert folded("see /a/path/that/is/long", 12) == ["see /a/path/", "that/is/long"]


@given(st.text("ab  é漢", max_size=80), st.integers(2, 30))
def test_nothing_is_lost_and_no_row_is_too_wide(line: str, width: int) -> None:
    parts = folded(line, width)
    assert "".join(parts) == line
    assert all(cell_len(part) <= width for part in parts)
