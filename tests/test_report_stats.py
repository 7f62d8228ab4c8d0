"""The statistics of a report against other people's implementations, and by trying all cases."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, hypergeom

from agent.benchmark.report.statistics import mcnemar, pass_at_k, risk_coverage, wilson_95


@st.composite
def some_of(draw: st.DrawFn, most: int = 500) -> tuple[int, int]:
    whole = draw(st.integers(1, most))
    return draw(st.integers(0, whole)), whole


@given(some_of(20_000))
def test_the_interval_is_scipys(drawn: tuple[int, int]) -> None:
    successes, trials = drawn
    low, high = wilson_95(successes, trials) or (-1, -1)
    theirs = binomtest(successes, trials).proportion_ci(0.95, "wilson")
    assert low == pytest.approx(theirs.low, abs=1e-12)
    assert high == pytest.approx(theirs.high, abs=1e-12)
    assert 0 <= low <= successes / trials <= high <= 1


@given(some_of(300), st.floats(0, 1))
def test_the_interval_of_a_sum_of_shares_holds_its_mean(
    drawn: tuple[int, int], part: float
) -> None:
    successes, trials = drawn[0] * part, drawn[1]
    low, high = wilson_95(successes, trials) or (-1, -1)
    assert 0 <= low <= successes / trials <= high <= 1


def test_the_interval_of_nothing_is_unknown_and_of_nonsense_refused() -> None:
    assert wilson_95(0, 0) is None
    for successes, trials in ((-1, 3), (4, 3)):
        with pytest.raises(ValueError, match=f"{successes} successes of {trials}"):
            wilson_95(successes, trials)


@given(some_of(9), st.data())
def test_pass_at_k_is_the_share_of_all_choices_that_hold_a_correct_one(
    drawn: tuple[int, int], data: st.DataObject
) -> None:
    correct, samples = drawn
    k = data.draw(st.integers(1, samples))
    choices = list(combinations([number < correct for number in range(samples)], k))
    expected = sum(map(any, choices)) / len(choices)
    assert pass_at_k(samples, correct, k) == pytest.approx(expected)


@given(some_of(300), st.data())
def test_pass_at_k_is_the_hypergeometric_chance_of_a_correct_one(
    drawn: tuple[int, int], data: st.DataObject
) -> None:
    correct, samples = drawn
    k = data.draw(st.integers(1, samples))
    theirs = hypergeom.sf(0, samples, correct, k)
    assert pass_at_k(samples, correct, k) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize(("n", "c", "k"), [(3, 1, 0), (3, 1, 4), (3, 4, 1), (3, -1, 1)])
def test_pass_at_k_of_nonsense_is_refused(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match=f"pass@{k} of {c} correct in {n} samples"):
        pass_at_k(n, c, k)


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemars_p_is_that_of_a_fair_coin(first: int, second: int) -> None:
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, rel=1e-9)
    assert mcnemar(first, second) == mcnemar(second, first)


def test_mcnemars_p_holds_for_ten_thousand_instances() -> None:
    expected = binomtest(4900, 10_000).pvalue
    assert mcnemar(4900, 5100) == pytest.approx(expected, rel=1e-6)
    assert mcnemar(0, 10_000) == 0.0  # smaller than any number there is


ANSWERS = st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.3, 0.9]), st.booleans()), max_size=30)


@given(ANSWERS, st.integers(0, 5))
def test_each_point_of_the_curve_is_what_one_threshold_gives(
    answers: list[tuple[float, bool]], silent: int
) -> None:
    instances = len(answers) + silent
    expected = []
    for least in sorted({confidence for confidence, _ in answers}, reverse=True):
        kept = [right for confidence, right in answers if confidence >= least]
        expected.append((len(kept) / instances, kept.count(False) / len(kept)))
    assert risk_coverage(answers, instances) == tuple(expected)


def test_a_curve_of_more_answers_than_instances_is_refused() -> None:
    with pytest.raises(ValueError, match="2 answers to 1 instances"):
        risk_coverage([(0.1, True), (0.2, True)], 1)
