"""A report on a terminal, or as text of 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TextIO

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from agent.benchmark.report.tables import Table


def show(tables: Iterable[Table], out: TextIO) -> None:
    """Print tables one below the other."""
    console = Console(file=out, highlight=False, markup=False, emoji=False)
    for table in tables:
        for block in rendered(table):
            console.print(block)
        console.print()


def rendered(table: Table) -> Iterator[RenderableType]:
    """Yield a table's title, its rows and its remark."""
    yield Text(table.title, style="bold")
    if table.rows:
        grid = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_header=any(table.headers))
        for number, header in enumerate(table.headers):
            grid.add_column(Text(header), justify="right" if number else "left", overflow="fold")
        for row in table.rows:
            grid.add_row(*map(Text, row))
        yield grid
    if table.remark:
        yield Text(table.remark, style="dim")
