"""A report as JSON: plain values under fixed keys, null where a figure is not known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.benchmark.report.comparison import Pair
from agent.benchmark.report.resolved import Answered, Graded, Selection, Share
from agent.benchmark.report.summary import Part, Summary

NOTHING = Share(0, 0)


def plain(summaries: Sequence[Summary], compared: Sequence[Pair]) -> dict[str, Any]:
    """Return one run's figures, or all runs' and their comparisons under `runs` and `pairs`."""
    if len(summaries) == 1:
        return run(summaries[0])
    return {"runs": [run(one) for one in summaries], "pairs": [_pair(pair) for pair in compared]}


def run(summary: Summary) -> dict[str, Any]:
    """Return a run's figures.

    Those that need grades are null when it was graded in two environments: they are under
    `environments` then, apart.
    """
    record, names = summary.run, list(summary.graded)
    only = summary.graded[names[0]] if len(names) == 1 else None
    return {
        "run": summary.name,
        "model": record.model,
        "dataset": record.dataset,
        "samples": record.samples,
        "harness": record.harness,
        **_part(summary.whole),
        "environment": names[0] if len(names) == 1 else "mixed" if names else None,
        **_graded(only),
        "environments": {key: _graded(figures) for key, figures in summary.graded.items()},
        "by_repository": {
            name: _part(part)
            | _share(only.by_repository.get(name) if only else None)
            | {
                "environments": {
                    key: _share(figures.by_repository.get(name, NOTHING))
                    for key, figures in summary.graded.items()
                }
            }
            for name, part in summary.by_repository.items()
        },
    }


def _part(part: Part) -> dict[str, Any]:
    spent, usage = part.spent, part.spent.usage
    return {
        "instances": part.instances,
        "finished": part.finished,
        "failed": part.failed,
        "unfinished": part.unfinished,
        "statuses": part.statuses,
        "failures": part.failures,
        "cost_usd": usage.usd,
        "cost_usd_median": spent.median_usd,
        "tokens": {
            "total": spent.tokens,
            "prompt": usage.prompt,
            "completion": usage.completion,
            "cached": usage.cached,
            "cached_share": spent.cached_share,
            "median": spent.median_tokens,
        },
        "seconds": {"total": spent.seconds, "median": spent.median_seconds},
    }


def _share(share: Share | None) -> dict[str, Any]:
    return {
        "graded": share.instances if share else None,
        "resolved": share.resolved if share and share.instances else None,
        "resolved_rate": share.rate if share else None,
        "wilson_95": _interval(share or NOTHING),
    }


def _interval(share: Share) -> list[float] | None:
    return list(share.wilson_95) if share.wilson_95 else None


def _graded(figures: Graded | None) -> dict[str, Any]:
    pass_at = figures.pass_at if figures else None
    by_temperature = figures.by_temperature if figures else None
    return _share(figures.vote if figures else None) | {
        "ungraded": figures.ungraded if figures else None,
        "pass@k": _by_k(pass_at, lambda share: share.rate),
        "pass@k_wilson_95": _by_k(pass_at, _interval),
        "pass@k_instances": _by_k(pass_at, lambda share: share.instances),
        "pass@k_by_temperature": None
        if by_temperature is None
        else {
            f"{warmth:g}": _by_k(shares, lambda share: share.rate)
            for warmth, shares in by_temperature.items()
        },
        "selection": _selection(figures.selection if figures else None),
        "abstention": _abstention(figures) if figures else None,
    }


def _by_k(
    shares: Mapping[int, Share] | None, figure: Callable[[Share], Any]
) -> dict[str, Any] | None:
    return None if shares is None else {str(k): figure(share) for k, share in shares.items()}


def _selection(selection: Selection | None) -> dict[str, Any] | None:
    if selection is None:
        return None
    values: dict[str, Any] = {"instances": selection.vote.instances}
    names = ("vote", "single_attempt", "oracle")
    shares = (selection.vote, selection.single, selection.oracle)
    for name, share in zip(names, shares, strict=True):
        values |= {name: share.rate, f"{name}_wilson_95": _interval(share)}
    return values


def _abstention(figures: Graded) -> dict[str, Any]:
    return {
        "by_status": {key: _answered(one) for key, one in figures.by_status.items()},
        "by_confidence": [
            {"threshold": least, **_answered(one)} for least, one in figures.by_confidence.items()
        ],
        "risk_coverage": [list(point) for point in figures.curve],
    }


def _answered(answered: Answered) -> dict[str, Any]:
    return {
        "instances": answered.right.instances,
        "coverage": answered.coverage,
        "resolved": answered.right.resolved,
        "precision": answered.precision.rate,
        "precision_wilson_95": _interval(answered.precision),
    }


def _pair(pair: Pair) -> dict[str, Any]:
    known = pair.environment is not None
    return {
        "a": pair.first,
        "b": pair.second,
        "environment": pair.environment,
        "instances": pair.instances,
        "both": pair.both if known else None,
        "neither": pair.neither if known else None,
        "only_a": len(pair.only_first) if known else None,
        "only_b": len(pair.only_second) if known else None,
        "mcnemar_p": pair.p_value,
        "flipped": {"only_a": list(pair.only_first), "only_b": list(pair.only_second)},
    }
