"""A report as tables of short texts, which every medium shows each in its way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from agent.benchmark.report.comparison import Pair
from agent.benchmark.report.resolved import Graded, Share
from agent.benchmark.report.statistics import Interval
from agent.benchmark.report.summary import Part, Summary
from agent.show.blocks import Block, Heading, Paragraph, Table
from agent.show.figures import duration, money, several
from agent.show.terminal_safe import one_line
from agent.trajectory.grades import Environment

T = TypeVar("T")
UNKNOWN = "-"
IMAGES: dict[Environment, str] = {"official": "official images", "built": "built images"}
BESIDE = 3
"""Runs that fit beside each other on a terminal of 80 columns."""


def tables(summaries: Sequence[Summary], compared: Sequence[Pair]) -> Iterator[list[Block]]:
    """Yield all tables of a report; those that would be empty are left out."""
    groups = [summaries[n : n + BESIDE] for n in range(0, len(summaries), BESIDE)]
    graded = [
        (figures_title(one, environment, summaries), figures)
        for one in summaries
        for environment, figures in one.graded.items()
    ]
    yield from map(_overview, groups)
    for table in (_pass_at, _selection, _abstention):
        for title, figures in graded:
            yield from table(title, figures)
    yield from _failures(summaries)
    yield from map(_by_repository, groups)
    yield from map(_comparison, compared)


def numbers(
    title: str, columns: Iterable[str], rows: Iterable[Sequence[str]], *remarks: str
) -> list[Block]:
    """Return a table of figures under its title, with remarks below it."""
    cells = tuple(tuple((cell,) for cell in row) for row in rows)
    below = (Paragraph((remark,)) for remark in remarks)
    return [Heading(title), Table(tuple(columns), cells, "numbers"), *below]


def figures_title(one: Summary, environment: Environment, summaries: Sequence[Summary]) -> str:
    """Return what graded figures are of: the run where there are several, and the images."""
    return f"{one.name}, {IMAGES[environment]}" if len(summaries) > 1 else IMAGES[environment]


def _overview(summaries: Sequence[Summary]) -> list[Block]:
    """Return the figures of each run side by side."""
    rows = [("model", *(one_line(one.run.model or UNKNOWN, 40) for one in summaries))]
    rows += _whole(summaries, _COUNTS)
    environments: list[Environment] = [
        e for e in IMAGES if any(e in one.graded for one in summaries)
    ]
    for environment in environments:
        figures = [one.graded.get(environment) for one in summaries]
        graded: tuple[tuple[str, Callable[[Graded], str]], ...] = (
            (f"resolved, {IMAGES[environment]}", lambda one: fraction(one.vote)),
            ("  95 % interval", lambda one: interval(one.vote.wilson_95)),
            ("  could not be graded", lambda one: f"{one.ungraded:,}"),
        )
        rows += [(name, *(or_unknown(one, text) for one in figures)) for name, text in graded]
    if not environments:
        rows.append(("resolved", *("not graded" for _ in summaries)))
    rows += _whole(summaries, _SPENT)
    remark = (
        "Failed tasks and those that could not be graded are no wrong answers: they are left out."
    )
    return numbers("Overview", ("", *(one.name for one in summaries)), rows, remark)


def _whole(
    summaries: Sequence[Summary], figures: Iterable[tuple[str, Callable[[Part], str]]]
) -> list[tuple[str, ...]]:
    return [(name, *(text(one.whole) for one in summaries)) for name, text in figures]


_COUNTS: tuple[tuple[str, Callable[[Part], str]], ...] = (
    ("instances", lambda part: f"{part.instances:,}"),
    ("  verified", lambda part: f"{part.statuses['verified']:,}"),
    ("  unverified", lambda part: f"{part.statuses['unverified']:,}"),
    ("  disagree", lambda part: f"{part.statuses['disagree']:,}"),
    ("  no patch", lambda part: f"{part.statuses['no_patch']:,}"),
    ("  failed", lambda part: f"{part.failed:,}"),
    ("  unfinished", lambda part: f"{part.unfinished:,}"),
)
_SPENT: tuple[tuple[str, Callable[[Part], str]], ...] = (
    ("cost", lambda part: money(part.spent.usage.usd)),
    ("  median", lambda part: or_unknown(part.spent.median_usd, money)),
    ("tokens", lambda part: count(part.spent.tokens)),
    ("  median", lambda part: or_unknown(part.spent.median_tokens, count)),
    ("  prompt", lambda part: count(part.spent.usage.prompt)),
    ("  of these cached", lambda part: percent(part.spent.cached_share)),
    ("  completion", lambda part: count(part.spent.usage.completion)),
    ("wall time", lambda part: or_unknown(part.spent.seconds, duration)),
    ("  median", lambda part: or_unknown(part.spent.median_seconds, duration)),
)


def _pass_at(title: str, figures: Graded) -> Iterator[list[Block]]:
    if figures.pass_at is None:
        return
    shares = [("all", k, share) for k, share in figures.pass_at.items()]
    for warmth, by_k in (figures.by_temperature or {}).items():
        shares += [(f"{warmth:g}", k, share) for k, share in by_k.items()]
    columns = ("temperature", "k", "pass@k", "95 % interval", "instances")
    rows = [
        (warmth, str(k), *rate_and_interval(share), f"{share.instances:,}")
        for warmth, k, share in shares
    ]
    yield numbers(f"pass@k, {title}", columns, rows, "Unbiased estimator of Chen et al. (2021).")


def _selection(title: str, figures: Graded) -> Iterator[list[Block]]:
    if figures.selection is None:
        return
    chosen = figures.selection
    shares = {
        "one attempt alone (mean)": chosen.single,
        "our vote": chosen.vote,
        "any attempt (oracle)": chosen.oracle,
    }
    yield numbers(
        f"Selection, {title}",
        ("", "resolved", "95 % interval"),
        [(name, *rate_and_interval(share)) for name, share in shares.items()],
        f"On the {several(chosen.vote.instances, 'instance')} where both the vote and attempts "
        "were graded.",
    )


def _abstention(title: str, figures: Graded) -> Iterator[list[Block]]:
    if not figures.vote.instances:
        return
    answers = [
        *((status.replace("_", " "), one) for status, one in figures.by_status.items()),
        *((f"≥ {least:.1f}", one) for least, one in figures.by_confidence.items()),
    ]
    yield numbers(
        f"Abstention, {title}",
        ("status or confidence", "instances", "coverage", "precision", "95 % interval"),
        [
            (
                name,
                f"{one.right.instances:,}",
                percent(one.coverage),
                *rate_and_interval(one.precision),
            )
            for name, one in answers
        ],
        "Coverage: share of the graded instances. Precision: how many of these are resolved.",
    )


def _failures(summaries: Sequence[Summary]) -> Iterator[list[Block]]:
    kinds = sorted({kind for one in summaries for kind in one.whole.failures})
    rows = [
        (one_line(kind, 40), *(f"{one.whole.failures.get(kind, 0):,}" for one in summaries))
        for kind in kinds
    ]
    if rows:
        yield numbers("Failures", ("kind", *(one.name for one in summaries)), rows)


def _by_repository(summaries: Sequence[Summary]) -> list[Block]:
    """Return how many of each repository's instances were resolved, or how many there are."""
    names = sorted({name for one in summaries for name in one.by_repository})
    columns: dict[str, list[str]] = {}
    for one in summaries:
        if not one.graded:
            parts = [one.by_repository.get(name) for name in names]
            columns[one.name] = [
                or_unknown(part, lambda part: several(part.instances, "instance")) for part in parts
            ]
        for environment, figures in one.graded.items():
            kind = f", {environment}" if len(one.graded) > 1 else ""
            shares = [figures.by_repository.get(name, Share(0, 0)) for name in names]
            columns[one.name + kind] = list(map(fraction, shares))
    cells = zip(*columns.values(), strict=True)
    rows = [(one_line(name, 40), *row) for name, row in zip(names, cells, strict=True)]
    graded = any(one.graded for one in summaries)
    remarks = ("Resolved of graded instances.",) if graded else ()
    return numbers("By repository", ("repository", *columns), rows, *remarks)


def _comparison(pair: Pair) -> list[Block]:
    """Return two runs against each other, with the instances that only one of them resolved."""
    title = f"{pair.first} against {pair.second}"
    if pair.environment is None or pair.p_value is None:
        remark = "No instance is graded in the same images in both."
        return [Heading(title), Paragraph((remark,))]
    rows = (
        ("graded in both", f"{pair.instances:,}"),
        ("both resolved", f"{pair.both:,}"),
        ("neither resolved", f"{pair.neither:,}"),
        (f"only {pair.first} resolved", f"{len(pair.only_first):,}"),
        (f"only {pair.second} resolved", f"{len(pair.only_second):,}"),
        ("p of McNemar's exact test", f"{pair.p_value:.3g}"),
    )
    flipped = ((pair.first, pair.only_first), (pair.second, pair.only_second))
    remarks = [f"Only {run}: {', '.join(instances)}" for run, instances in flipped if instances]
    return numbers(f"{title}, {IMAGES[pair.environment]}", ("", "instances"), rows, *remarks)


def percent(share: float | None) -> str:
    """Return a share with one decimal."""
    return UNKNOWN if share is None else f"{share:.1%}".replace("%", " %")


def interval(ends: Interval | None) -> str:
    """Return both ends of a share's interval."""
    return UNKNOWN if ends is None else f"{ends[0] * 100:.1f} to {ends[1] * 100:.1f} %"


def rate_and_interval(share: Share) -> tuple[str, str]:
    """Return a share and the ends of its interval."""
    return percent(share.rate), interval(share.wilson_95)


def fraction(share: Share) -> str:
    """Return a share with what it is of."""
    if not share.instances:
        return UNKNOWN
    return f"{share.resolved:g}/{share.instances:,} = {percent(share.rate)}"


def count(number: float) -> str:
    """Return a large number in at most four figures and a unit."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:g}"


def or_unknown(value: T | None, text: Callable[[T], str]) -> str:
    """Return the text of a value, or that it is not known."""
    return UNKNOWN if value is None else text(value)
