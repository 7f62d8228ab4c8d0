"""The statistics of a report: pure functions, each with the source of its method."""

from __future__ import annotations

from collections.abc import Iterable
from math import comb, sqrt

Interval = tuple[float, float]
Z_95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""


def wilson_95(successes: float, trials: int) -> Interval | None:
    """Return the 95 % score interval of a share, None of no trials.

    Both ends are 0 to 1. Wilson (1927), "Probable inference, the law of succession, and
    statistical inference", without continuity correction. `successes` may be a sum of values
    from 0 to 1, such as one pass@k for each instance: their variance is at most that of as many
    yes-or-no trials with the same mean (Bhatia and Davis, 2000), so that the interval is then too
    wide rather than too narrow. Raises ValueError for successes below 0 or above `trials`.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes of {trials}")
    if trials == 0:
        return None
    share, z2 = successes / trials, Z_95 * Z_95
    middle = share + z2 / (2 * trials)
    spread = Z_95 * sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials))
    scale = 1 + z2 / trials
    # Rounding must not put an end beyond the share, or beyond what a share can be.
    low = min(share, max(0.0, (middle - spread) / scale))
    high = max(share, min(1.0, (middle + spread) / scale))
    return low, high


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """Return how probably at least one of `k` samples is correct, when `correct` of `samples` are.

    The unbiased estimator 1 - C(n - c, k) / C(n, k) of Chen et al. (2021), "Evaluating large
    language models trained on code", section 2.1. Raises ValueError unless 1 <= k <= samples and
    0 <= correct <= samples.
    """
    if not (1 <= k <= samples and 0 <= correct <= samples):
        raise ValueError(f"pass@{k} of {correct} correct in {samples} samples")
    return 1 - comb(samples - correct, k) / comb(samples, k)


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p-value of McNemar's test.

    `only_first` and `only_second` count the instances that one of two runs alone resolved; under
    the hypothesis that neither run is better, each is equally likely to be either's. McNemar
    (1947), "Note on the sampling error of the difference between correlated proportions or
    percentages", with the binomial distribution in place of the chi-squared approximation.
    """
    trials = only_first + only_second
    if only_first == only_second:
        return 1.0
    tail = ways = 1  # of integers: no term is too small to be held
    for count in range(1, min(only_first, only_second) + 1):
        ways = ways * (trials - count + 1) // count
        tail += ways
    return min(1.0, 2 * tail / (1 << trials))


def risk_coverage(answers: Iterable[tuple[float, bool]], instances: int) -> tuple[Interval, ...]:
    """Return the points of a risk-coverage curve, from the most confident answers to all of them.

    `answers` are confidence and whether the answer was right; `instances` counts also those
    without an answer. A point is the share of instances that are answered when all answers of
    at least some confidence are given, and the share of wrong ones among these; equal confidences
    are one point. El-Yaniv and Wiener (2010), "On the foundations of noise-free selective
    classification". Raises ValueError for more answers than instances.
    """
    ordered = sorted(answers, reverse=True)
    if len(ordered) > instances:
        raise ValueError(f"{len(ordered)} answers to {instances} instances")
    points, wrong = [], 0
    for given, (confidence, right) in enumerate(ordered, 1):
        wrong += not right
        if given == len(ordered) or ordered[given][0] != confidence:
            points.append((given / instances, wrong / given))
    return tuple(points)
