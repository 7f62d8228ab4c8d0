"""A report as one page of HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from agent.benchmark.report.plots import Drawing
from agent.benchmark.report.tables import Table
from agent.errors import UserError, from_os_error
from agent.trajectory.durable_files import write_whole

GENERATOR = "repair-agent report"
HEAD = 1000
"""Bytes from the start of a file among which a page of ours says that it is one."""

_ENVIRONMENT = Environment(
    loader=PackageLoader("agent.benchmark.report", ""),
    undefined=StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


def refuse_foreign(path: Path, generator: str = GENERATOR, what: str = "report") -> None:
    """Raise UserError unless a page may be written to `path`: none or one of ours is there."""
    remedy = "name another file with --html"
    if not path.parent.is_dir():
        raise UserError(f"there is no folder {path.parent}", remedy)
    try:
        if not path.exists():
            return
        if not path.is_file():
            raise UserError(f"{path} is not a file", remedy)
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise from_os_error(error) from error
    if head and f'content="{generator}"'.encode() not in head:
        raise UserError(f"{path} is there and is no {what} of repair-agent's", remedy)


def page(title: str, subtitle: str, drawings: Iterable[Drawing], tables: Iterable[Table]) -> str:
    """Return the page's text; whatever stands in a run is escaped."""
    template = _ENVIRONMENT.get_template("page.html.j2")
    return template.render(
        generator=GENERATOR,
        title=title,
        subtitle=subtitle,
        drawings=tuple(drawings),
        tables=tuple(tables),
    )


def write(path: Path, text: str) -> None:
    """Write a page in place of what `refuse_foreign` lets be replaced."""
    refuse_foreign(path)
    write_whole(path, text.encode("utf-8", "backslashreplace"))
