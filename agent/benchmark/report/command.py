"""`repair-agent report`: read runs, work out their figures, show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from typing import TextIO

from rich.console import Console

from agent.benchmark.report import plots
from agent.benchmark.report.comparison import pairs
from agent.benchmark.report.instance_figures import RunRecord, read_run
from agent.benchmark.report.json_form import plain
from agent.benchmark.report.summary import Summary, summarize
from agent.benchmark.report.tables import numbers, tables
from agent.show.blocks import Block
from agent.show.html import PageKind, to_html
from agent.show.terminal import Screen
from agent.show.terminal_safe import one_line
from agent.trajectory.encoding import as_json as encoded

PAGE = PageKind("agent.benchmark.report", "repair-agent report", "report")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def run(folders: Sequence[Path], *, as_json: bool, html: Path | None, out: TextIO) -> int:
    """Report runs; raises UserError for a folder that holds none, or a page that must not be."""
    if html is not None:  # before the runs are read, which may take a while
        PAGE.refuse_foreign(html)
        plots.check_library()
    records = [read_run(folder) for folder in folders]
    summaries = list(map(summarize, records, unique_names(records)))
    if html is not None:
        PAGE.write(html, page(summaries))
    if as_json:
        out.write(encoded(plain(summaries, pairs(summaries)), indent=2).decode())
    else:
        console = Console(file=out, highlight=False, markup=False, emoji=False)
        console.print(Screen([*chain(*sections(summaries))]))
    return 0


def unique_names(records: Sequence[RunRecord]) -> list[str]:
    """Return a name for each run that no other has: its id, else its folder too, else a number."""
    names: list[str] = []
    ids = Counter(record.known_as[0] for record in records)
    for record in records:
        short, long = record.known_as
        name = short if ids[short] == 1 else long
        numbered = (f"{name} ({number})" for number in count(2))
        while name in names:
            name = next(numbered)
        names.append(name)
    return names


def sections(summaries: Sequence[Summary]) -> list[list[Block]]:
    """Return the tables; several runs go by letters, which leave room for their figures."""
    if len(summaries) == 1:
        return list(tables(summaries, ()))
    lettered = by_letter(summaries)
    legend = [
        (
            letter.name,
            one_line(one.name),
            one_line(one.run.dataset or "-"),
            "-" if one.run.samples is None else str(one.run.samples),
        )
        for letter, one in zip(lettered, summaries, strict=True)
    ]
    columns = ("", "run", "dataset", "samples")
    return [numbers("Runs", columns, legend), *tables(lettered, pairs(lettered))]


def by_letter(summaries: Sequence[Summary]) -> list[Summary]:
    """Return runs named A, B, C and so on; A1, B1 after Z."""
    size = len(LETTERS)
    return [
        replace(one, name=LETTERS[n % size] + (str(n // size) if n >= size else ""))
        for n, one in enumerate(summaries)
    ]


def page(summaries: Sequence[Summary]) -> str:
    """Return the page of HTML."""
    several = len(summaries) > 1
    datasets = dict.fromkeys(one.run.dataset for one in summaries if one.run.dataset)
    harnesses = dict.fromkeys(one.run.harness for one in summaries if one.run.harness)
    origins = [f"dataset {one_line(name)}" for name in datasets]
    origins += [f"graded with SWE-bench {one_line(name)}" for name in harnesses]
    return PAGE.fill(
        title=f"{len(summaries)} runs" if several else f"Run {one_line(summaries[0].name)}",
        subtitle="; ".join(origins) or "not graded",
        drawings=plots.drawings(by_letter(summaries) if several else summaries),
        sections=[to_html(section, above=0) for section in sections(summaries)],
    )
