"""Which lines an issue is about."""

from __future__ import annotations

from agent.localization.likely_lines import (
    QUOTED,
    docstrings,
    explanatory_lines,
    likely_starts,
    weights,
)

CODE = '''def total(values):
    """Return the sum of values.

    The tax is added.
    """
    # the tax
    result = sum(values)
    rate = tax_rate()

    return result + rate
'''
LINES = CODE.split("\n")


def test_quiet_lines_are_found_by_number() -> None:
    assert docstrings(CODE) == {2, 3, 4, 5}
    assert explanatory_lines(CODE) == {2, 3, 4, 5, 6}
    assert explanatory_lines("def (\n# no Python") == docstrings("def (") == frozenset()


def test_rare_words_count_more_and_parts_of_names_count() -> None:
    found = weights(LINES, "The tax rate of `total` is wrong")
    assert found[7] > found[9] > found[8] == 0


def test_a_quoted_line_counts_most() -> None:
    found = weights(LINES, "Change this to a list\n\n`result  =  sum(values)`\n")
    assert found[6] > QUOTED > found[7]


def test_beginnings_leave_out_words_and_neighbours() -> None:
    quiet = {number - 1 for number in explanatory_lines(CODE)} | {0}
    found = likely_starts(LINES, "the tax rate and the sum of values", quiet, 5)
    assert set(found) <= {6, 7, 9}
    assert all(abs(a - b) > 1 for a in found for b in found if a != b)
    assert likely_starts(LINES, "the tax rate", quiet, 1) == [7]
    assert likely_starts(["", "#define ONLY"], "only", (), 3) == [1]
