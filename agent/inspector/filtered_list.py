"""A list that is filtered as you type and sorted by any column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Input, Static

from agent.errors import UserError, from_os_error
from agent.inspector.matrix_tables import MovableTable
from agent.show.terminal_safe import one_line

POLL_SECONDS = 1.0
UNKNOWN = "-"


@dataclass(frozen=True)
class Entry:
    """One line of a list: its key, a text for each column, and what each is sorted by."""

    key: str
    cells: tuple[Text, ...]
    sort: tuple[Any, ...]


class Listing(Screen[None]):
    """A table that is filtered and sorted."""

    COLUMNS: ClassVar[tuple[str, ...]] = ()
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,h,escape", "back", "back"),
        Binding("question_mark", "app.help", "help"),
        Binding("slash", "filter", "filter"),
        Binding("s", "sort", "sort"),
        Binding("S", "turn", "turn", show=False),
        Binding("c", "compare", "compare"),
        Binding("y", "app.copy", "copy", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[Entry] = []
        self._column: int | None = None
        self._reverse = False
        self._title = ""

    def compose(self) -> ComposeResult:
        """Lay out what it is, the filter, the table."""
        yield Static("", id="title", markup=False)
        yield Input(placeholder="show lines with these words", id="filter")
        yield MovableTable(id="list", cursor_type="row", zebra_stripes=True)
        yield Footer()

    def on_mount(self) -> None:
        """Fill the table and keep it up to date."""
        self._filter.display = False
        for name in self.COLUMNS:
            self._table.add_column(name, key=name, width=len(name))
        self.load()
        self._table.focus()
        self.set_interval(POLL_SECONDS, self._poll)

    @property
    def _table(self) -> DataTable[Text]:
        return self.query_one(MovableTable)

    @property
    def _filter(self) -> Input:
        return self.query_one("#filter", Input)

    def load(self) -> None:
        """Read the entries anew and show them."""
        raise NotImplementedError

    def poll(self) -> None:
        """Show what changed on disk; what it raises for a folder that went is told."""

    def open(self, key: str) -> None:
        """Show what an entry stands for."""
        raise NotImplementedError

    def compare(self, key: str) -> None:
        """Mark an entry, or show the marked one beside it."""
        raise NotImplementedError

    @property
    def text(self) -> str:
        """The table as it is shown, tab by tab."""
        rows = ["\t".join(cell.plain for cell in entry.cells) for entry in self._visible_entries()]
        return "\n".join(["\t".join(self.COLUMNS), *rows]) + "\n"

    def _poll(self) -> None:
        try:
            self.poll()
        except (OSError, UserError) as error:
            self._show_title(f" · {_message(error)}")

    def _show_title(self, more: str) -> None:
        self.query_one("#title", Static).update(one_line(self._title + more))

    def _visible_entries(self) -> list[Entry]:
        words = self._filter.value.lower().split()
        entries = [
            one for one in self._entries
            if all(word in " ".join(cell.plain for cell in one.cells).lower() for word in words)
        ]  # fmt: skip
        if self._column is None:
            return entries
        at = self._column
        known = [one for one in entries if one.sort[at] is not None]
        known.sort(key=lambda one: one.sort[at], reverse=self._reverse)
        return known + [one for one in entries if one.sort[at] is None]

    def fill(self, entries: Sequence[Entry] | None = None) -> None:
        """Show the entries that the filter lets through, in order; the cursor stays on its line."""
        if entries is not None:
            self._entries = list(entries)
        table, key = self._table, self.key_at_cursor
        table.clear()
        visible = self._visible_entries()
        # Given here: measuring each cell takes a list of a thousand lines half of its time.
        for number, column in enumerate(table.columns.values()):
            widths = [entry.cells[number].cell_len for entry in self._entries]
            column.width = max([column.label.cell_len, *widths])
        for entry in visible:
            table.add_row(*entry.cells, key=entry.key)
        keys = [entry.key for entry in visible]
        if key in keys:
            table.move_cursor(row=keys.index(key), animate=False)
        words = self._filter.value.strip()
        count = f" · {len(visible):,} of {len(self._entries):,} shown" if words else ""
        nothing = f": no line has {words!r}" if words and not visible else ""
        self._show_title(count + nothing)

    @property
    def key_at_cursor(self) -> str | None:
        """The key of the line under the cursor."""
        if not self._table.row_count:
            return None
        return self._table.coordinate_to_cell_key(self._table.cursor_coordinate).row_key.value

    def action_filter(self) -> None:
        """Let words be typed that a line must have."""
        self._filter.display = True
        self._filter.focus()

    def on_input_changed(self) -> None:
        """Filter as it is typed."""
        self.fill()

    def on_input_submitted(self) -> None:
        """Keep the filter."""
        self._table.focus()

    async def action_back(self) -> None:
        """Drop the filter, or else go back."""
        if not self._filter.display:
            await self.run_action("app.back")
            return
        self._filter.value = ""
        self._filter.display = False
        self._table.focus()

    def action_sort(self) -> None:
        """Sort by the next column."""
        column = -1 if self._column is None else self._column
        self._sort_by((column + 1) % len(self.COLUMNS), reverse=False)

    def action_turn(self) -> None:
        """Turn the order."""
        self._sort_by(self._column or 0, reverse=not self._reverse)

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """Sort by the column that was clicked; turn the order at the second click."""
        again = self._column == event.column_index
        self._sort_by(event.column_index, reverse=again and not self._reverse)

    def _sort_by(self, column: int, *, reverse: bool) -> None:
        self._column, self._reverse = column, reverse
        for number, shown in enumerate(self._table.columns.values()):
            mark = (" ▼" if reverse else " ▲") if number == column else ""
            shown.label = Text(self.COLUMNS[number] + mark)
        self.fill()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Open a line."""
        self._try(self.open, event.row_key.value)

    def action_compare(self) -> None:
        """Mark the entry under the cursor, or show the marked one beside it."""
        self._try(self.compare, self.key_at_cursor)

    def _try(self, act: Callable[[str], None], key: str | None) -> None:
        try:
            if key is not None:
                act(key)
        except (OSError, UserError) as error:
            self.notify(_message(error), severity="error", markup=False)


def _message(error: OSError | UserError) -> str:
    return error.message if isinstance(error, UserError) else from_os_error(error).message
