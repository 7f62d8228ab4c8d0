"""What is kept of a command's output, however it arrives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tools.inside.output import Clipped, join


@given(st.lists(st.binary(max_size=60)), st.integers(min_value=1, max_value=50))
def test_head_and_tail_do_not_depend_on_how_it_arrives(parts: list[bytes], half: int) -> None:
    whole = b"".join(parts)
    clipped = Clipped(2 * half)
    for part in parts:
        clipped.keep(part)

    omitted = max(0, len(whole) - 2 * half)
    tail = whole[half:][-half:]
    assert clipped.omitted == omitted
    assert join(clipped.head, clipped.omitted, clipped.tail) == join(whole[:half], omitted, tail)


@given(st.text(), st.text())
def test_whole_text_comes_back_unchanged(head: str, tail: str) -> None:
    assert join(head.encode(), 0, tail.encode()) == head + tail


def test_a_character_cut_between_head_and_tail_is_whole_when_nothing_is_left_out() -> None:
    data = "é".encode()

    assert join(data[:1], 0, data[1:]) == "é"
    assert join(data[:1], 5, data[1:]) == "\\xc3\n[... 5 bytes left out ...]\n\\xa9"


def test_long_streams_are_not_held() -> None:
    clipped = Clipped(2000)
    for _ in range(300):
        clipped.keep(bytes(100_000))

    assert clipped.omitted == 30_000_000 - 2000
    assert len(clipped.rest) < 1_200_000
