from hypothesis import given
from hypothesis import strategies as st

from tools.clip import clip, clip_lines


@given(st.text(), st.integers(min_value=0, max_value=200))
def test_a_text_that_fits_is_unchanged_and_another_keeps_head_and_tail(
    text: str, room: int
) -> None:
    clipped = clip(text, room)
    if len(text) <= room:
        assert clipped == text
    else:
        assert "characters left out" in clipped
        assert len(clipped) <= room + 50
        head, _, rest = clipped.partition("\n[... ")
        assert text.startswith(head)
        assert text.endswith(rest.partition("...]\n")[2])


def test_what_is_missing_is_counted() -> None:
    text = "".join(f"line {number}\n" for number in range(5000))
    clipped = clip(text, 1000)
    missing = int(clipped.partition("[... ")[2].partition(" characters")[0].replace(",", ""))
    kept = len(clipped) - len(f"\n[... {missing:,} characters left out ...]\n")
    assert missing + kept == len(text)
    assert clipped.startswith("line 0\n")
    assert clipped.endswith("line 4999\n")


def test_lines_beyond_the_limit_are_counted() -> None:
    assert clip_lines(["a", "b"], 2, "lines") == ["a", "b"]
    assert clip_lines(["a", "b", "c"], 1, "lines") == ["a", "[... 2 more lines ...]"]
