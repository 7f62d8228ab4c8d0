"""A report as tables of short texts, which the terminal and the page show each in its way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from agent.benchmark.report.comparison import Pair
from agent.benchmark.report.resolved import Graded, Share
from agent.benchmark.report.statistics import Interval
from agent.benchmark.report.summary import Part, Summary
from agent.show.figures import duration, money, several
from agent.show.terminal_safe import one_line
from agent.trajectory.grades import Environment

NOT_GRADED = "not graded"
UNKNOWN = "-"
IMAGES: dict[Environment, str] = {"official": "official images", "built": "built images"}
END_NAMES = {"no_patch": "no patch"}

BESIDE = 3
"""Runs that fit beside each other on a terminal of 80 columns."""


@dataclass(frozen=True)
class Table:
    """A title, a line of headers, rows as long as it, and a remark of one or more lines."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    remark: str = ""


def tables(summaries: Sequence[Summary], compared: Sequence[Pair]) -> Iterator[Table]:
    """Yield all tables of a report; those that would be empty are left out."""
    groups = [summaries[n : n + BESIDE] for n in range(0, len(summaries), BESIDE)]
    yield from map(overview, groups)
    yield from _pass_at(summaries)
    yield from _selection(summaries)
    for one in summaries:
        for environment, figures in one.graded.items():
            yield from _abstention(_titled(one, environment, summaries), figures)
    yield from _failures(summaries)
    yield from map(by_repository, groups)
    yield from map(comparison, compared)


def overview(summaries: Sequence[Summary]) -> Table:
    """Return the figures of each run side by side."""
    rows = [
        ("model", *(one_line(one.run.model or UNKNOWN, 40) for one in summaries)),
        *(_row(name, summaries, figure) for name, figure in _COUNTS),
    ]
    found: list[Environment] = [
        e for e in ("official", "built") if any(e in one.graded for one in summaries)
    ]
    for environment in found:
        shares = [one.graded.get(environment) for one in summaries]
        images = IMAGES[environment]
        rows += [
            (f"resolved, {images}", *(fraction(one.vote) if one else UNKNOWN for one in shares)),
            (
                "  95 % interval",
                *(interval(one.vote.wilson_95) if one else UNKNOWN for one in shares),
            ),
            ("  could not be graded", *(f"{one.ungraded:,}" if one else UNKNOWN for one in shares)),
        ]
    if not found:
        rows.append(("resolved", *(NOT_GRADED for _ in summaries)))
    rows += [_row(name, summaries, figure) for name, figure in _SPENT]
    remark = (
        "Failed tasks and those that could not be graded are no wrong answers: they are left out."
    )
    return Table("Overview", ("", *(one.name for one in summaries)), tuple(rows), remark)


def _row(name: str, summaries: Sequence[Summary], figure: Callable[[Part], str]) -> tuple[str, ...]:
    return (name, *(figure(one.whole) for one in summaries))


_COUNTS: tuple[tuple[str, Callable[[Part], str]], ...] = (
    ("instances", lambda part: f"{part.instances:,}"),
    ("  verified", lambda part: f"{part.statuses['verified']:,}"),
    ("  unverified", lambda part: f"{part.statuses['unverified']:,}"),
    ("  disagree", lambda part: f"{part.statuses['disagree']:,}"),
    ("  no patch", lambda part: f"{part.statuses['no_patch']:,}"),
    ("  failed", lambda part: f"{sum(part.failures.values()):,}"),
    ("  unfinished", lambda part: f"{part.instances - part.finished - _failed(part):,}"),
)
_SPENT: tuple[tuple[str, Callable[[Part], str]], ...] = (
    ("cost", lambda part: money(part.spent.usage.usd)),
    ("  median", lambda part: _known(part.spent.median_usd, money)),
    ("tokens", lambda part: count(part.spent.usage.prompt + part.spent.usage.completion)),
    ("  median", lambda part: _known(part.spent.median_tokens, count)),
    ("  prompt", lambda part: count(part.spent.usage.prompt)),
    ("  of these cached", lambda part: _ratio(part.spent.usage.cached, part.spent.usage.prompt)),
    ("  completion", lambda part: count(part.spent.usage.completion)),
    ("wall time", lambda part: _known(part.spent.seconds, duration)),
    ("  median", lambda part: _known(part.spent.median_seconds, duration)),
)


def _pass_at(summaries: Sequence[Summary]) -> Iterator[Table]:
    for one in summaries:
        for environment, figures in one.graded.items():
            if figures.pass_at is None:
                continue
            rows = [("all", *_shares(k, share)) for k, share in figures.pass_at.items()]
            for warmth, shares in (figures.by_temperature or {}).items():
                rows += [(f"{warmth:g}", *_shares(k, share)) for k, share in shares.items()]
            title = f"pass@k, {_titled(one, environment, summaries)}"
            headers = ("temperature", "k", "pass@k", "95 % interval", "instances")
            yield Table(title, headers, tuple(rows), "Unbiased estimator of Chen et al. (2021).")


def _shares(k: int, share: Share) -> tuple[str, ...]:
    return str(k), percent(share.rate), interval(share.wilson_95), f"{share.instances:,}"


def _selection(summaries: Sequence[Summary]) -> Iterator[Table]:
    for one in summaries:
        for environment, figures in one.graded.items():
            chosen = figures.selection
            if chosen is None:
                continue
            named = (
                ("one attempt alone (mean)", chosen.single),
                ("our vote", chosen.vote),
                ("any attempt (oracle)", chosen.oracle),
            )
            yield Table(
                f"Selection, {_titled(one, environment, summaries)}",
                ("", "resolved", "95 % interval"),
                tuple((name, percent(s.rate), interval(s.wilson_95)) for name, s in named),
                f"On the {several(chosen.vote.instances, 'instance')} where both the vote and "
                "attempts were graded.",
            )


def _abstention(title: str, figures: Graded) -> Iterator[Table]:
    given = [(END_NAMES.get(key, key), each) for key, each in figures.by_status.items()]
    given += [(f"≥ {least:.1f}", each) for least, each in figures.by_confidence.items()]
    rows = []
    for name, each in given:
        right = each.right if name != "no patch" else Share(0, 0)
        shown = (percent(right.rate), interval(right.wilson_95))
        rows.append((name, f"{each.right.instances:,}", percent(each.coverage), *shown))
    if figures.vote.instances:
        headers = ("status or confidence", "instances", "coverage", "precision", "95 % interval")
        remark = (
            "Coverage: share of the graded instances. Precision: how many of these are resolved."
        )
        yield Table(f"Abstention, {title}", headers, tuple(rows), remark)


def _failures(summaries: Sequence[Summary]) -> Iterator[Table]:
    kinds = sorted({kind for one in summaries for kind in one.whole.failures})
    rows = tuple(
        (one_line(kind, 40), *(f"{one.whole.failures.get(kind, 0):,}" for one in summaries))
        for kind in kinds
    )
    if rows:
        yield Table("Failures", ("kind", *(one.name for one in summaries)), rows)


def by_repository(summaries: Sequence[Summary]) -> Table:
    """Return how many of each repository's instances were resolved, or how many there are."""
    names = sorted({name for one in summaries for name in one.by_repository})
    columns: list[tuple[str, Callable[[str], str]]] = []
    for one in summaries:
        if not one.graded:
            columns.append((one.name, _instances(one)))
        for environment, figures in one.graded.items():
            kind = f", {environment}" if len(one.graded) > 1 else ""
            columns.append((f"{one.name}{kind}", _resolved(figures)))
    rows = tuple((one_line(name, 40), *(cell(name) for _, cell in columns)) for name in names)
    graded = any(one.graded for one in summaries)
    remark = "Resolved of graded instances." if graded else ""
    return Table("By repository", ("repository", *(head for head, _ in columns)), rows, remark)


def _instances(summary: Summary) -> Callable[[str], str]:
    parts = summary.by_repository
    return lambda name: several(parts[name].instances, "instance") if name in parts else UNKNOWN


def _resolved(figures: Graded) -> Callable[[str], str]:
    return lambda name: fraction(figures.by_repository.get(name, Share(0, 0)))


def comparison(pair: Pair) -> Table:
    """Return two runs against each other, with the instances that only one of them resolved."""
    title = f"{pair.first} against {pair.second}"
    if pair.environment is None or pair.p_value is None:
        return Table(title, ("", ""), (), "No instance is graded in the same images in both.")
    rows = (
        ("graded in both", f"{pair.instances:,}"),
        ("both resolved", f"{pair.both:,}"),
        ("neither resolved", f"{pair.neither:,}"),
        (f"only {pair.first} resolved", f"{len(pair.only_first):,}"),
        (f"only {pair.second} resolved", f"{len(pair.only_second):,}"),
        ("p of McNemar's exact test", f"{pair.p_value:.3g}"),
    )
    flipped = ((pair.first, pair.only_first), (pair.second, pair.only_second))
    remark = "\n".join(
        f"Only {run}: {', '.join(map(one_line, instances))}"
        for run, instances in flipped
        if instances
    )
    return Table(f"{title}, {IMAGES[pair.environment]}", ("", "instances"), rows, remark)


def _titled(one: Summary, environment: Environment, summaries: Sequence[Summary]) -> str:
    run = f"{one.name}, " if len(summaries) > 1 else ""
    return f"{run}{IMAGES[environment]}"


def _failed(part: Part) -> int:
    return sum(part.failures.values())


def percent(share: float | None) -> str:
    """Return a share with one decimal."""
    return UNKNOWN if share is None else f"{share:.1%}".replace("%", " %")


def interval(ends: Interval | None) -> str:
    """Return both ends of a share's interval."""
    return UNKNOWN if ends is None else f"{ends[0] * 100:.1f} to {ends[1] * 100:.1f} %"


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


def _known(value: float | None, text: Callable[[float], str]) -> str:
    return UNKNOWN if value is None else text(value)


def _ratio(some: int, whole: int) -> str:
    return percent(some / whole if whole else None)
