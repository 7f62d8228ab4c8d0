"""The tables of a task: its patches, and candidates x checks with the classes in colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from rich.text import Text
from textual.binding import BindingType
from textual.widgets import DataTable

from agent.inspector.opened_run import OpenedTask
from agent.inspector.widgets import moves
from agent.records import Candidate, Check
from agent.show.blocks import Marked
from agent.show.check_table import check_table, class_colour, class_numbers, ordered_checks
from agent.show.terminal import text_of
from agent.show.terminal_safe import one_line

T = TypeVar("T", Candidate, Check)
NAME = 42
"""Characters of a check's name that are shown: its end."""


class MovableTable(DataTable[Text]):
    """A table in which the keys of a page move, too."""

    BINDINGS: ClassVar[list[BindingType]] = moves(
        g="scroll_top", G="scroll_bottom", l="select_cursor"
    )


class RecordTable(MovableTable, Generic[T]):
    """A row for each record; those under the cursor are shown beside."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.records: tuple[T, ...] = ()

    def fill(
        self, records: Sequence[T], columns: Iterable[Text], rows: Iterable[Sequence[Text]]
    ) -> None:
        """Show other records; the cursor stays where it is."""
        at = self.cursor_coordinate
        self.clear(columns=True)
        self.records = tuple(records)
        for column in columns:
            self.add_column(column)
        for row in rows:
            self.add_row(*row)
        self.move_cursor(row=at.row, column=at.column, animate=False)

    def put(self, identity: str) -> None:
        """Move the cursor to a record."""
        rows = [number for number, one in enumerate(self.records) if one.id == identity]
        if rows:
            self.move_cursor(row=rows[0], animate=False)

    @property
    def record(self) -> T | None:
        """The record under the cursor."""
        at = self.cursor_row
        return self.records[at] if 0 <= at < len(self.records) else None


class CandidateTable(RecordTable[Candidate]):
    """The patches of a task, class by class."""

    def show(self, task: OpenedTask) -> None:
        """Show a task's patches in their order; the chosen one is marked."""
        record = task.record
        numbers = class_numbers(record.verdict, record.candidates)
        candidates = sorted(
            record.candidates, key=lambda one: numbers.get(one.id, len(numbers) + 1)
        )
        rows = []
        for candidate in candidates:
            number = numbers.get(candidate.id)
            colour = class_colour(number)
            chosen = record.verdict is not None and record.verdict.chosen == candidate.id
            name = (Marked(candidate.id, colour), Marked(" ★" * chosen, "chosen"))
            twins = f"{len(candidate.merged)} more" if candidate.merged else ""
            files = one_line(", ".join(candidate.files), 60)
            cells = (name, (Marked(str(number or "-"), colour),), (twins,), (files,))
            rows.append([text_of(cell) for cell in cells])
        self.fill(candidates, map(Text, ("patch", "class", "same text", "files")), rows)


class CheckTable(RecordTable[Check]):
    """A row for each check, a column for each candidate, those of one class beside each other."""

    def show(self, task: OpenedTask) -> None:
        """Show the matrix: checks in which candidates differ first come first."""
        record = task.record
        if record.matrix is None:
            damaged = (record.folder / "matrix.json").exists() or record.result is not None
            why = one_line(" ".join(task.problems)) if damaged else ""
            self.fill((), [Text(why or "nothing was judged, or not yet")], ())
            return
        table = check_table(record.matrix, record.verdict, record.candidates)
        checks, rows = ordered_checks(record.matrix), []
        for check, (_, *results) in zip(checks, table.rows, strict=True):
            name = one_line(check.id)
            short = name if len(name) <= NAME else f"…{name[1 - NAME :]}"
            kind = "issue" if check.issue else ""
            rows.append([text_of((Marked(short, kind),)), *map(text_of, results)])
        columns = [text_of((column,)) for column in table.columns]
        columns[0].pad_right(NAME + 2 - columns[0].cell_len)
        self.fill(checks, columns, rows)
