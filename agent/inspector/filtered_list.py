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
from agent.inspector.navigation import navigation
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
        Binding("s", "sort(1)", "sort"),
        Binding("S", "turn", "turn", show=False),
        Binding("c", "compare", "compare"),
        Binding("j", "move('cursor_down')", "down", show=False),
        Binding("k", "move('cursor_up')", "up", show=False),
        Binding("g", "move('scroll_top')", "top", show=False),
        Binding("G", "move('scroll_bottom')", "bottom", show=False),
        Binding("ctrl+d", "move('page_down')", "page down", show=False),
        Binding("ctrl+u", "move('page_up')", "page up", show=False),
        Binding("l", "move('select_cursor')", "open", show=False),
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
        yield DataTable(id="list", cursor_type="row", zebra_stripes=True)
        yield Footer()

    def on_mount(self) -> None:
        """Fill the table and keep it up to date."""
        self.query_one("#filter").display = False
        table = self.query_one(DataTable)
        for name in self.COLUMNS:
            table.add_column(name, key=name, width=len(name))
        self.load()
        table.focus()
        self.set_interval(POLL_SECONDS, self._look_again)

    def load(self) -> None:
        """Read the entries anew and show them."""
        raise NotImplementedError

    def _tell(self) -> None:
        """Show what the list is of, and how many of its lines the filter lets through."""
        words = self.query_one("#filter", Input).value.strip()
        shown = self.query_one(DataTable).row_count
        told = f" · {shown:,} of {len(self._entries):,} shown" if words else ""
        nothing = f": no line has {words!r}" if words and not shown else ""
        self.query_one("#title", Static).update(one_line(f"{self._title}{told}{nothing}"))

    def _look_again(self) -> None:
        try:
            self.poll()
        except (OSError, UserError) as error:
            self.query_one("#title", Static).update(one_line(f"{self._title} · {_told(error)}"))

    def poll(self) -> None:
        """Show what changed on disk; what it raises for a folder that went is told."""

    def open(self, key: str) -> None:
        """Show what an entry stands for."""
        raise NotImplementedError

    @property
    def text(self) -> str:
        """The table as it is shown, tab by tab."""
        rows = ["\t".join(cell.plain for cell in entry.cells) for entry in self._shown()]
        return "\n".join(["\t".join(self.COLUMNS), *rows]) + "\n"

    def _shown(self) -> list[Entry]:
        words = self.query_one("#filter", Input).value.lower().split()
        found = [
            one for one in self._entries
            if all(word in " ".join(cell.plain for cell in one.cells).lower() for word in words)
        ]  # fmt: skip
        if self._column is not None:
            place = self._column
            known = [one for one in found if one.sort[place] is not None]
            known.sort(key=lambda one: one.sort[place], reverse=self._reverse)
            found = known + [one for one in found if one.sort[place] is None]
        return found

    def fill(self, entries: Sequence[Entry] | None = None) -> None:
        """Show the entries that the filter lets through, in order; the cursor stays on its line."""
        if entries is not None:
            self._entries = list(entries)
        table = self.query_one(DataTable)
        at = self.key_at_cursor
        table.clear()
        shown = self._shown()
        # Told here: measuring each cell takes a list of a thousand lines half of its time.
        for place, column in enumerate(table.columns.values()):
            widths = [entry.cells[place].cell_len for entry in self._entries]
            column.width = max([column.label.cell_len, *widths])
        for entry in shown:
            table.add_row(*entry.cells, key=entry.key)
        keys = [entry.key for entry in shown]
        if at in keys:
            table.move_cursor(row=keys.index(at), animate=False)
        self._tell()

    @property
    def key_at_cursor(self) -> str | None:
        """The key of the line under the cursor."""
        table = self.query_one(DataTable)
        if not table.row_count:
            return None
        return table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value

    def action_filter(self) -> None:
        """Let words be typed that a line must have."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def on_input_changed(self) -> None:
        """Filter as it is typed."""
        self.fill()

    def on_input_submitted(self) -> None:
        """Keep the filter."""
        self.query_one(DataTable).focus()

    async def action_back(self) -> None:
        """Drop the filter, or else go back."""
        field = self.query_one("#filter", Input)
        if field.display:
            field.value = ""
            field.display = False
            self.query_one(DataTable).focus()
            return
        await navigation(self).action_back()

    def action_sort(self, on: int) -> None:
        """Sort by the next column."""
        column = -1 if self._column is None else self._column
        self._column, self._reverse = (column + on) % len(self.COLUMNS), False
        self._tell_order()

    def action_turn(self) -> None:
        """Turn the order."""
        self._reverse = not self._reverse
        self._column = self._column or 0
        self._tell_order()

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """Sort by the column that was clicked; turn the order at the second click."""
        again = self._column == event.column_index
        self._column, self._reverse = event.column_index, again and not self._reverse
        self._tell_order()

    def _tell_order(self) -> None:
        table = self.query_one(DataTable)
        for place, name in enumerate(self.COLUMNS):
            mark = (" ▼" if self._reverse else " ▲") if place == self._column else ""
            table.columns[next(k for k in table.columns if k.value == name)].label = Text(
                name + mark
            )
        self.fill()

    def action_move(self, name: str) -> None:
        """Move in the table as its own keys do."""
        table = self.query_one(DataTable)
        getattr(table, f"action_{name}")()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Open a line."""
        if event.row_key.value is not None:
            self._opening(lambda: self.open(str(event.row_key.value)))

    def _opening(self, act: Callable[[], None]) -> None:
        try:
            act()
        except (OSError, UserError) as error:
            self.notify(_told(error), severity="error", markup=False)

    def compare(self, key: str) -> None:
        """Mark an entry, or show the marked one beside it."""
        raise NotImplementedError

    def action_compare(self) -> None:
        """Mark the entry under the cursor, or show the marked one beside it."""
        key = self.key_at_cursor
        if key is not None:
            self._opening(lambda: self.compare(key))


def _told(error: OSError | UserError) -> str:
    return error.message if isinstance(error, UserError) else from_os_error(error).message
