"""How far to trust the chosen class: entropy over the classes and a first confidence."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2

from agent.records import BehaviourClass, Status


def entropy(classes: Sequence[BehaviourClass]) -> float | None:
    """Return the semantic entropy in bits: 0 when all samples behave alike, None without any.

    Shannon entropy over the shares of samples, after Kuhn, Gal and Farquhar (2023), with
    observational equivalence in the place of textual entailment.
    """
    if not classes:
        return None
    spread = -sum(one.mass * log2(one.mass) for one in classes if one.mass > 0)
    return max(0.0, spread)  # never minus zero


def confidence(
    classes: Sequence[BehaviourClass], samples: int, status: Status, rejected: int = 0
) -> float | None:
    """Return the share of the chosen class by Laplace's rule of succession, 0 to 1.

    (k + 1) / (n + 2) for k of n samples; those that attempts tried and rejected count among the n,
    for what passes as one of many passes more easily by chance. Halved without a verification:
    agreement alone is weaker evidence. Not yet calibrated on graded patches.
    """
    if not classes:
        return None
    share = (classes[0].mass * samples + 1) / (samples + rejected + 2)
    return share if status == "verified" else share / 2
