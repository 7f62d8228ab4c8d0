"""The tables of a task: its patches, and candidates x checks with the classes in colours."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from agent.inspector.opening import OpenedTask
from agent.inspector.task_pages import classes, in_order
from agent.records import Candidate, Check, CheckResult
from agent.show.terminal_safe import one_line

COLOURS = ("green", "yellow", "magenta", "cyan", "blue", "red")
"""Of classes, in their order; they have their numbers too."""
MARKS = {
    "pass": ("✓", "green"),
    "fail": ("✗ fail", "red"),
    "error": ("! error", "bold red"),
    "timeout": ("⏱ time", "yellow"),
    "tampered": ("⚠ forged", "bold magenta"),
}
MOVES: list[BindingType] = [
    Binding("j", "cursor_down", "down", show=False),
    Binding("k", "cursor_up", "up", show=False),
    Binding("g", "scroll_top", "top", show=False),
    Binding("G", "scroll_bottom", "bottom", show=False),
    Binding("ctrl+d", "page_down", "page down", show=False),
    Binding("ctrl+u", "page_up", "page up", show=False),
]


class CandidateTable(DataTable[Text]):
    """The patches of a task, class by class."""

    BINDINGS: ClassVar[list[BindingType]] = MOVES

    def __init__(self, **named: Any) -> None:
        super().__init__(cursor_type="row", zebra_stripes=True, **named)
        self._candidates: tuple[Candidate, ...] = ()

    def show(self, task: OpenedTask) -> None:
        """Show a task's patches in their order; the chosen one is marked."""
        at = self.cursor_row
        verdict, numbers = task.record.verdict, classes(task)
        self._candidates = tuple(
            sorted(task.record.candidates, key=lambda one: numbers.get(one.id, len(numbers) + 1))
        )
        self.clear(columns=True)
        self.add_columns("patch", "class", "same text", "files")
        for candidate in self._candidates:
            number = numbers.get(candidate.id)
            colour = colour_of(number)
            name = Text(candidate.id, colour)
            if verdict and verdict.chosen == candidate.id:
                name.append(" ★", "bold yellow")
            group = Text(str(number or "-"), colour)
            twins = Text(f"{len(candidate.merged)} more" if candidate.merged else "")
            self.add_row(name, group, twins, Text(one_line(", ".join(candidate.files), 60)))
        self.move_cursor(row=at, animate=False)

    def put(self, identity: str) -> None:
        """Move the cursor to a patch."""
        rows = [number for number, one in enumerate(self._candidates) if one.id == identity]
        if rows:
            self.move_cursor(row=rows[0], animate=False)

    @property
    def candidate(self) -> Candidate | None:
        """The patch under the cursor."""
        if 0 <= self.cursor_row < len(self._candidates):
            return self._candidates[self.cursor_row]
        return None


class CheckTable(DataTable[Text]):
    """A row for each check, a column for each candidate, those of one class beside each other."""

    BINDINGS: ClassVar[list[BindingType]] = MOVES

    def __init__(self, **named: Any) -> None:
        super().__init__(cursor_type="cell", fixed_columns=1, **named)
        self.checks: tuple[Check, ...] = ()

    def show(self, task: OpenedTask) -> None:
        """Show the matrix: checks in which candidates differ first come first."""
        matrix, verdict = task.record.matrix, task.record.verdict
        numbers = classes(task)
        at = self.cursor_coordinate
        self.clear(columns=True)
        self.checks = ()
        if matrix is None:
            lost = [one for one in task.problems if "matrix.json" in one]
            self.add_column(one_line(lost[0]) if lost else "nothing was judged, or not yet")
            return
        found = {(one.candidate, one.check): one for one in matrix.outcomes}
        names = [name for name in dict.fromkeys(one.candidate for one in matrix.outcomes)
                 if name != "base"]  # fmt: skip
        names.sort(key=lambda name: numbers.get(name, len(numbers) + 1))
        self.checks = in_order(matrix)
        self.add_column(Text("check"), width=44)
        self.add_column(Text("base"))
        for name in names:
            number = numbers.get(name)
            chosen = "★" if verdict and verdict.chosen == name else ""
            self.add_column(Text(f"{name}{chosen} [{number or '-'}]", colour_of(number)))
        for check in self.checks:
            base = found.get(("base", check.id))
            cells = [_cell(found.get((name, check.id)), base) for name in names]
            self.add_row(_name(check), _mark(check.base), *cells)
        self.move_cursor(row=at.row, column=at.column, animate=False)

    def put(self, identity: str) -> None:
        """Move the cursor to a check."""
        rows = [number for number, one in enumerate(self.checks) if one.id == identity]
        if rows:
            self.move_cursor(row=rows[0], animate=False)

    @property
    def check(self) -> Check | None:
        """The check under the cursor."""
        if 0 <= self.cursor_row < len(self.checks):
            return self.checks[self.cursor_row]
        return None


def colour_of(number: int | None) -> str:
    """Return the colour of a class."""
    return COLOURS[(number - 1) % len(COLOURS)] if number else "dim"


def _name(check: Check) -> Text:
    name = one_line(check.id)
    short = name if len(name) <= 42 else f"…{name[-41:]}"
    return Text(short, "bold yellow" if check.issue else "")


def _mark(result: str) -> Text:
    mark, style = MARKS.get(result, (result, ""))
    return Text(mark, style)


def _cell(outcome: CheckResult | None, base: CheckResult | None) -> Text:
    """Return a result; one that is as on the clean base is dim."""
    if outcome is None:
        return Text("·", "dim")
    text = _mark(outcome.result)
    if base is not None and base.result == outcome.result:
        text.stylize("dim")
    return text
