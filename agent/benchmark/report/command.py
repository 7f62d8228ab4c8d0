"""`repair-agent report`: read runs, work out their figures, show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TextIO

from agent.benchmark.report import html_page, plots, terminal
from agent.benchmark.report.comparison import pairs
from agent.benchmark.report.instance_figures import RunRecord, read_run
from agent.benchmark.report.json_form import plain
from agent.benchmark.report.summary import Summary, summarize
from agent.benchmark.report.tables import Table, tables
from agent.show.terminal_safe import one_line
from agent.trajectory.encoding import as_json as encoded

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def run(folders: Sequence[Path], *, as_json: bool, html: Path | None, out: TextIO) -> int:
    """Report runs; raises UserError for a folder that holds none, or a page that must not be."""
    if html is not None:  # before the runs are read, which may take a while
        html_page.refuse_foreign(html)
        plots.check_library()
    records = [read_run(folder) for folder in folders]
    summaries = [summarize(*both) for both in zip(records, names(records), strict=True)]
    if html is not None:
        html_page.write(html, written(summaries))
    if as_json:
        out.write(encoded(plain(summaries, pairs(summaries)), indent=2).decode())
    else:
        terminal.show(shown(summaries), out)
    return 0


def names(records: Sequence[RunRecord]) -> list[str]:
    """Return a name for each run that no other has: its id, else its folder too, else a number."""
    found: list[str] = []
    ids = Counter(record.known_as[0] for record in records)
    for record in records:
        short, long = record.known_as
        name = short if ids[short] == 1 else long
        numbered = (f"{name} ({number})" for number in count(2))
        while name in found:
            name = next(numbered)
        found.append(name)
    return found


def shown(summaries: Sequence[Summary]) -> list[Table]:
    """Return the tables; several runs go by letters, which leave room for their figures."""
    if len(summaries) == 1:
        return list(tables(summaries, ()))
    lettered = by_letter(summaries)
    pairing = zip(lettered, summaries, strict=True)
    rows = tuple((letter.name, *described(one)) for letter, one in pairing)
    legend = Table("Runs", ("", "run", "dataset", "samples"), rows)
    return [legend, *tables(lettered, pairs(lettered))]


def described(one: Summary) -> tuple[str, ...]:
    """Return a run's name, dataset and samples."""
    samples = "-" if one.run.samples is None else str(one.run.samples)
    return one_line(one.name), one_line(one.run.dataset or "-"), samples


def by_letter(summaries: Sequence[Summary]) -> list[Summary]:
    """Return runs named A, B, C and so on; A1, B1 after Z."""
    size = len(LETTERS)
    return [
        replace(one, name=LETTERS[n % size] + (str(n // size) if n >= size else ""))
        for n, one in enumerate(summaries)
    ]


def written(summaries: Sequence[Summary]) -> str:
    """Return the page of HTML."""
    several = len(summaries) > 1
    title = f"{len(summaries)} runs" if several else f"Run {one_line(summaries[0].name)}"
    known = dict.fromkeys(one.run.dataset for one in summaries if one.run.dataset)
    graders = dict.fromkeys(one.run.harness for one in summaries if one.run.harness)
    subtitle = "; ".join(
        [
            *(f"dataset {one_line(name)}" for name in known),
            *(f"graded with SWE-bench {one_line(name)}" for name in graders),
        ]
    )
    lines = by_letter(summaries) if several else summaries
    return html_page.page(title, subtitle or "not graded", plots.drawings(lines), shown(summaries))
