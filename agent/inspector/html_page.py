"""The inspector's views as one page of HTML that needs no network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent.errors import UserError
from agent.inspector import step_pages, task_pages
from agent.inspector.common_tasks import Side, two_sides
from agent.inspector.costs import costs_page
from agent.inspector.opened_run import OpenedRun, OpenedTask
from agent.inspector.opening import Opened, RunShelf
from agent.inspector.step_view import Step
from agent.inspector.titles import episode_words
from agent.show.blocks import Block, Fold, Marked, Piece
from agent.show.check_table import check_table
from agent.show.figures import duration, money
from agent.show.html import PageKind, to_html
from agent.show.terminal_safe import one_line

PAGE = PageKind("agent.inspector", "repair-agent inspect", "page")
OPEN = 2
"""Tasks up to which the reasons of each are unfolded."""


def page(opened: Opened, beside: OpenedRun | None = None) -> str:
    """Return the page of a run or a task, or of two tasks; whatever stands in them is escaped."""
    if isinstance(opened, RunShelf):
        raise UserError(f"{opened.folder} holds several runs", "name one of them")
    if beside is not None:
        sides = list(two_sides(opened, beside))
        title = " and ".join(side.run for side in sides)
        patches = [(side, task_pages.patch_of(side.task.record, None)) for side in sides]
        named = [(side.called(f"candidate {one.id}"), one) for side, one in patches if one]
        difference = task_pages.two_patches(*named) if len(named) == len(sides) else []
    else:
        sides, title = [Side(opened.task(identity)) for identity in opened.ids], opened.name
        difference = []
    is_open = len(sides) <= OPEN
    return PAGE.fill(
        title=one_line(title),
        problems=[one_line(one) for one in opened.problems],
        beside=beside is not None,
        difference=to_html([_part("How their patches differ", difference)] if difference else ()),
        tasks=[
            (
                one_line(side.called(side.task.id)),
                _status(side.task),
                to_html(_parts(side.task, is_open=is_open)),
            )
            for side in sides
        ],
    )


def _status(task: OpenedTask) -> str:
    record = task.record
    status: str = record.result.status if record.result else "failed" if record.failure else ""
    grade = {True: "resolved", False: "not resolved", None: ""}[task.resolved]
    return f"{status} {grade}".strip()


def _part(title: str, blocks: Iterable[Block], *, is_open: bool = False) -> Fold:
    return Fold((title,), tuple(blocks), is_open, "part")


def _parts(task: OpenedTask, *, is_open: bool) -> Iterator[Fold]:
    record = task.record
    yield _part("Why it won", task_pages.overview(task), is_open=is_open)
    for episode in task.episodes:
        about, count = episode.about, len(episode)
        sent = step_pages.sent_page(episode.sent(1), about.label, 1) if count else []
        steps = (_step(episode.step(number), about.label) for number in range(1, count + 1))
        first = Fold(("The messages as they were first sent",), tuple(sent))
        yield Fold(episode_words(about, count, model=True), (first, *steps), kinds="part")
    if record.candidates:
        pages = (task_pages.candidate_page(task, one) for one in record.candidates)
        yield _part("Patches", (block for page in pages for block in page))
    if record.matrix is not None and record.matrix.checks:
        table = check_table(record.matrix, record.verdict, record.candidates)
        yield _part("Matrix: candidates \u00d7 checks", [table])
    if task.episodes:
        yield _part("Cost", costs_page(task))
    if record.task:
        yield _part("Issue and environment", task_pages.issue_page(task))


def _step(step: Step, label: str) -> Fold:
    title: list[Piece] = [f"{step.number} "]
    title += [Marked("✗", "mark"), " "] if step.failed else []
    title += [Marked("✎", "edit"), " "] if step.edits else []
    title += [f"{duration(step.seconds)} "] if step.seconds else []
    title += [f"{money(step.usage.usd)} "] if step.usage and step.usage.usd is not None else []
    title.append(one_line(step.summary, 160))
    kinds = "step" + " is-failed" * step.failed + " is-edit" * step.edits
    return Fold(tuple(title), tuple(step_pages.step_page(step, label)[1:]), kinds=kinds)
