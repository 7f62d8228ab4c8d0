"""The plots of a report as SVG that stands in a page: no scripts, nothing from elsewhere."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.benchmark.report.resolved import Share
from agent.benchmark.report.summary import Summary
from agent.benchmark.report.tables import figures_title
from agent.errors import UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT, LEGEND_LINE = 4.6, 3.1, 0.2
"""Inches; small enough that the text is still readable when a phone scales the plot down."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Told apart by colour-blind people: Okabe and Ito (2008)."""
MARKERS = "osD^vPX"
MARKED = 60
"""Points of a line that can still be told apart."""
DASHES = ("-", "--", "-.", ":")
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 10,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 9,
}


@dataclass(frozen=True)
class Drawing:
    """A plot under its title; `svg` is "" where there is nothing to draw, for which see `text`."""

    title: str
    svg: str
    text: str


@dataclass(frozen=True)
class Line:
    """The points of one line; `spread` are the ends of an interval at each."""

    label: str
    points: tuple[tuple[float, float], ...]
    spread: tuple[tuple[float, float], ...] = ()


def check_library() -> None:
    """Raise UserError unless plots can be drawn."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        remedy = "install it: pip install 'repair-agent[bench]'"
        raise UserError("the plots of --html need matplotlib, which is not here", remedy) from error


def drawings(summaries: Sequence[Summary]) -> tuple[Drawing, ...]:
    """Return the three plots of a report: pass@k, risk against coverage, cost against resolved."""
    sampled = any(one.run.samples for one in summaries)
    efforts = [effort for one in summaries for some in one.efforts.values() for effort in some]
    priced = all(usd is not None for usd, _, _ in efforts)
    unit = "US dollars" if priced else "tokens"
    return (
        _drawing(
            "pass@k",
            _pass_lines(summaries),
            ("k", "resolved, %"),
            "Resolved by at least one of k attempts, with 95 % intervals." if sampled else "",
            "No graded run was made with --samples.",
        ),
        _drawing(
            "Risk against coverage",
            _risk_lines(summaries),
            ("answered, % of graded instances", "wrong among these, %"),
            "The most confident answers first; the lower the line, the better.",
            "No graded instance has an answer with a confidence.",
        ),
        _drawing(
            "Cost against resolved",
            _cost_lines(summaries, priced=priced),
            (f"{unit} for an instance, at most", "resolved, % of graded instances"),
            "Share of the graded instances that were resolved for at most so much each."
            + ("" if priced else " A price is unknown: the cost is given in tokens."),
            "Nothing is graded.",
            steps=True,
        ),
    )


def _pass_lines(summaries: Sequence[Summary]) -> list[Line]:
    lines = []
    for one in summaries:
        for environment, figures in one.graded.items():
            label = figures_title(one, environment, summaries)
            lines += _pass_line(label, figures.pass_at or {})
            if len(summaries) > 1:
                continue  # too many lines to tell apart; the tables have the temperatures
            for warmth, shares in (figures.by_temperature or {}).items():
                lines += _pass_line(f"{label}, temperature {warmth:g}", shares, spread=False)
    return lines


def _pass_line(label: str, shares: dict[int, Share], *, spread: bool = True) -> list[Line]:
    known = {
        k: (s.rate, s.wilson_95) for k, s in shares.items() if s.rate is not None and s.wilson_95
    }
    if not known:
        return []
    points = tuple((float(k), rate * 100) for k, (rate, _) in known.items())
    ends = tuple((low * 100, high * 100) for _, (low, high) in known.values())
    return [Line(label, points, ends if spread else ())]


def _risk_lines(summaries: Sequence[Summary]) -> list[Line]:
    return [
        Line(
            figures_title(one, environment, summaries),
            tuple((coverage * 100, risk * 100) for coverage, risk in figures.curve),
        )
        for one in summaries
        for environment, figures in one.graded.items()
        if figures.curve
    ]


def _cost_lines(summaries: Sequence[Summary], *, priced: bool) -> list[Line]:
    lines = []
    for one in summaries:
        for environment, efforts in one.efforts.items():
            costs = [((usd or 0.0) if priced else float(n), right) for usd, n, right in efforts]
            if not costs:
                continue
            points, resolved = [(0.0, 0.0)], 0
            for cost, right in sorted(costs):
                resolved += right
                points.append((cost, resolved * 100 / len(costs)))
            lines.append(Line(figures_title(one, environment, summaries), tuple(points)))
    return lines


def _drawing(
    title: str,
    lines: Sequence[Line],
    axes: tuple[str, str],
    text: str,
    otherwise: str,
    *,
    steps: bool = False,
) -> Drawing:
    if not lines:
        return Drawing(title, "", otherwise)

    def draw(field: Axes) -> None:
        for number, line in enumerate(lines):
            _draw_line(field, line, number, steps=steps)
        field.set_xlabel(axes[0])
        field.set_ylabel(axes[1])
        field.set_ylim(-2, 102)
        if title == "pass@k":
            field.set_xticks(sorted({x for line in lines for x, _ in line.points}))
        else:
            field.set_xlim(left=0)
        field.figure.legend(loc="outside lower left", ncols=1)

    return Drawing(title, svg(title, draw, HEIGHT + LEGEND_LINE * len(lines)), text)


def _draw_line(field: Axes, line: Line, number: int, *, steps: bool) -> None:
    xs, ys = zip(*line.points, strict=True)
    colour = COLOURS[number % len(COLOURS)]
    field.plot(
        xs,
        ys,
        label=line.label,
        color=colour,
        linestyle=DASHES[number % len(DASHES)],
        marker="" if steps or len(xs) > MARKED else MARKERS[number % len(MARKERS)],
        markersize=4,
        drawstyle="steps-post" if steps else "default",
    )
    if line.spread:
        lows, highs = zip(*line.spread, strict=True)
        field.fill_between(xs, lows, highs, color=colour, alpha=0.15, linewidth=0)


def svg(title: str, draw: Callable[[Axes], None], height: float) -> str:
    """Return a plot as an SVG element, the same for the same figures."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**SETTINGS, "svg.hashsalt": title}):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        draw(figure.add_subplot())
        out = io.StringIO()
        nothing = {"Creator": None, "Date": None, "Format": None, "Type": None}
        figure.savefig(out, format="svg", metadata=nothing)
    element = out.getvalue()[out.getvalue().index("<svg") :]
    # The page scales it; the other attributes name documents elsewhere, which HTML does not need.
    element = re.sub(r' (?:width|height)="[\d.]+pt"| xmlns(?::xlink)?="[^"]*"', "", element)
    return element.replace("<svg", f'<svg role="img" aria-label="{title}"', 1).strip()
