"""The inspector's views as one page of HTML that needs no network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from agent.benchmark.report.html_page import refuse_foreign as refuse
from agent.errors import UserError
from agent.inspector import step_pages, task_pages
from agent.inspector.common_tasks import Side, two_sides
from agent.inspector.costs import costs_page
from agent.inspector.episode import Step
from agent.inspector.matrix_tables import MARKS
from agent.inspector.opening import Opened, OpenedRun, OpenedTask, RunShelf
from agent.show.blocks import (
    Block,
    Bullets,
    Code,
    Diff,
    Heading,
    Output,
    Paragraph,
    Table,
    Words,
    one_line_keeping_ends,
)
from agent.show.figures import duration, money, several
from agent.show.terminal_safe import one_line, patch_lines, seen_lines
from tools.clip import clip

GENERATOR = "repair-agent inspect"
LONGEST = 20_000
"""Characters of one text; a page with all of a run must open on a phone."""

_ENVIRONMENT = Environment(
    loader=PackageLoader("agent.inspector", ""),
    undefined=StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class ShownStep:
    """A step: its line, whether it failed or changed a file, and its page."""

    number: int
    line: str
    failed: bool
    edits: bool
    page: Markup


@dataclass(frozen=True)
class ShownEpisode:
    """An attempt: what it was, what it was first sent, its steps."""

    title: str
    sent: Markup
    steps: tuple[ShownStep, ...]


@dataclass(frozen=True)
class Cell:
    """A result in the matrix."""

    mark: str
    result: str
    told: str


@dataclass(frozen=True)
class ShownTask:
    """All about one task; `run` where another run's task stands beside it."""

    id: str
    run: str
    status: str
    why: Markup
    episodes: tuple[ShownEpisode, ...]
    patches: Markup
    columns: tuple[tuple[str, int], ...]
    checks: tuple[tuple[str, bool, tuple[Cell, ...]], ...]
    cost: Markup
    issue: Markup


def refuse_foreign(path: Path) -> None:
    """Raise UserError unless a page may be written to `path`: none or one of ours is there."""
    refuse(path, GENERATOR, "page")


def page(opened: Opened, beside: OpenedRun | None = None) -> str:
    """Return the page of a run or a task, or of two tasks; whatever stands in them is escaped."""
    if isinstance(opened, RunShelf):
        raise UserError(f"{opened.folder} holds several runs", "name one of them")
    if beside is not None:
        sides: Sequence[Side] = two_sides(opened, beside)
        title = " and ".join(side.run for side in sides)
        difference = html(_difference(*sides))
    else:
        sides, title = [Side(opened.task(identity)) for identity in opened.ids], opened.name
        difference = Markup("")
    template = _ENVIRONMENT.get_template("page.html.j2")
    return template.render(
        generator=GENERATOR,
        title=one_line(title),
        problems=[one_line(one) for one in opened.problems],
        beside=beside is not None,
        difference=difference,
        tasks=[_task(side.task, side.run) for side in sides],
    )


def _difference(one: Side, other: Side) -> list[Block]:
    ours, theirs = (task_pages.patch_of(side.task.record, None) for side in (one, other))
    if ours is None or theirs is None:
        return []
    return task_pages.two_patches(
        (one.called(f"candidate {ours.id}"), ours), (other.called(f"candidate {theirs.id}"), theirs)
    )


def _task(task: OpenedTask, run: str) -> ShownTask:
    record = task.record
    status: str = record.result.status if record.result else "failed" if record.failure else ""
    if task.resolved is not None:
        status = f"{status} {'resolved' if task.resolved else 'not resolved'}".strip()
    patches = [block for one in record.candidates for block in task_pages.candidate_page(task, one)]
    columns, checks = _matrix(task)
    return ShownTask(
        one_line(task.id),
        one_line(run),
        status,
        html(task_pages.overview(task)),
        tuple(_episodes(task)),
        html(patches),
        columns,
        checks,
        html(costs_page(task)) if task.episodes else Markup(""),
        html(task_pages.issue_page(task)) if record.task else Markup(""),
    )


def _episodes(task: OpenedTask) -> Iterator[ShownEpisode]:
    for episode in task.episodes:
        about, count = episode.about, len(episode)
        how = " ".join(filter(None, (about.planner, about.model, about.sampling)))
        end = about.end or ("no end yet" if about.number is not None else "")
        damaged = "damaged" if about.damaged else ""
        parts = (about.label, several(count, "step"), damaged, how, end)
        title = one_line(" · ".join(filter(None, parts)))
        sent = step_pages.sent_page(episode.sent(1), about.label, 1) if count else []
        steps = (episode.step(number) for number in range(1, count + 1))
        yield ShownEpisode(title, html(sent), tuple(_step(step, about.label) for step in steps))


def _step(step: Step, label: str) -> ShownStep:
    spent = [duration(step.seconds)] if step.seconds else []
    spent += [money(step.usage.usd)] if step.usage and step.usage.usd is not None else []
    line = " ".join([*spent, one_line(step.summary, 160)])
    page = html(step_pages.step_page(step, label)[1:])
    return ShownStep(step.number, line, step.failed, step.edits, page)


def _matrix(
    task: OpenedTask,
) -> tuple[tuple[tuple[str, int], ...], tuple[tuple[str, bool, tuple[Cell, ...]], ...]]:
    matrix = task.record.matrix
    if matrix is None:
        return (), ()
    numbers = task_pages.classes(task)
    found = {(one.candidate, one.check): one for one in matrix.outcomes}
    names = list(dict.fromkeys(one.candidate for one in matrix.outcomes))
    names.sort(key=lambda name: (name != "base", numbers.get(name, len(numbers) + 1)))
    rows = []
    for check in task_pages.in_order(matrix):
        cells = []
        for name in names:
            outcome = found.get((name, check.id))
            result = outcome.result if outcome else "none"
            told = one_line(outcome.message, 300) if outcome else "not run"
            cells.append(Cell(MARKS.get(result, ("·", ""))[0], result, told))
        rows.append((one_line(check.id), check.issue, tuple(cells)))
    return tuple((name, numbers.get(name, 0)) for name in names), tuple(rows)


def html(blocks: Sequence[Block]) -> Markup:
    """Return blocks as HTML."""
    return Markup("\n").join(map(_block, blocks))


def _block(block: Block) -> Markup:
    match block:
        case Heading(text, level):
            tag = f"h{min(6, level + 2)}"
            return Markup("<{0}>{1}</{0}>").format(Markup(tag), one_line(text))
        case Paragraph(words):
            return Markup("<p>{}</p>").format(_words(words))
        case Bullets(items):
            parts = Markup("").join(Markup("<li>{}</li>").format(_words(one)) for one in items)
            return Markup("<ul>{}</ul>").format(parts)
        case Table(columns, rows):
            return _table(columns, rows)
        case Diff(text):
            return Markup("<pre class=diff>{}</pre>").format(_diff(clip(text, LONGEST)))
        case Output(text, bad):
            kind = Markup(" class=bad") if bad else Markup("")
            return Markup("<pre{}>{}</pre>").format(
                kind, "\n".join(seen_lines(clip(text, LONGEST)))
            )


def _table(columns: Sequence[str], rows: Sequence[Sequence[Words]]) -> Markup:
    head = Markup("").join(Markup("<th>{}</th>").format(name) for name in columns)
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(Markup("<td>{}</td>").format(_words(cell)) for cell in row)
        )
        for row in rows
    )
    return Markup(
        "<div class=wide><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(head, body)


def _words(words: Words) -> Markup:
    return Markup("").join(
        Markup("<code>{}</code>").format(one_line(piece.text))
        if isinstance(piece, Code)
        else escape(one_line_keeping_ends(piece))
        for piece in words
    )


def _diff(text: str) -> Markup:
    kinds = {"+": "add", "-": "del", "@": "at"}
    lines = []
    for line in patch_lines(text):
        kind = "head" if line.startswith(("+++", "---", "diff ", "index ")) else ""
        kind = kind or kinds.get(line[:1], "")
        lines.append(Markup('<span class="{}">{}</span>').format(kind, line))
    return Markup("\n").join(lines)
