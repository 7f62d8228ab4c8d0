"""What opens above a screen: help, a search, a page by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, OptionList, Static
from textual.widgets.option_list import Option

from agent.inspector.opened_run import OpenedTask
from agent.inspector.search import MOST, Hit, Spot, find
from agent.inspector.widgets import Page, moves
from agent.show.blocks import Block, Heading, Marked, Table
from agent.show.figures import several
from agent.show.terminal import text_of
from agent.show.terminal_safe import one_line

AT_A_TIME, PAUSE = 0.05, 0.005
"""Seconds of a search, and between them for what was typed."""
KEYS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("Everywhere", (
        ("j k, arrows", "down, up"),
        ("g G", "first, last"),
        ("Ctrl-d Ctrl-u, Space", "a page down, up"),
        ("h l, Tab", "to the pane on the left, on the right"),
        ("Enter, click twice", "open what is under the cursor"),
        ("q, Esc", "back, in a task to where a jump or search began; at last out"),
        ("y", "copy what is shown (by the terminal's own clipboard, OSC 52)"),
        ("o", "open what is shown, whole, in $VISUAL or $EDITOR"),
        ("?", "this help"),
        ("↩ at a row's end", "its line goes on in the next row"),
    )),
    ("Lists of runs and tasks", (
        ("/", "filter as you type; Enter keeps it, Esc drops it"),
        ("s S, click on a column's name", "sort by the next column; turn the order"),
        ("c", "compare: first one task, then another"),
    )),
    ("A task", (
        ("1 … 6", "why it won, steps, patches, matrix, cost, issue"),
        ("[ ]", "attempt before, after"),
        ("f F", "next, previous step in which something failed (✗)"),
        ("e E", "next, previous step that changed a file (✎)"),
        ("m", "the messages as they were sent for this step"),
        ("p", "the plan as it changed"),
        ("Enter on a line of a patch", "the step that made that edit"),
        ("d", "on two patches, one after the other: how they differ"),
        ("c", "this attempt beside another"),
        ("/", "search everything; n N: next, previous place"),
    )),
    ("Two attempts side by side", (
        ("J K", "both a step on, back"),
        ("[ ]", "another attempt on this side"),
        ("m", "the messages as they were sent for the step on this side"),
        ("d", "how their patches differ"),
    )),
    ("Words", (
        ("attempt", "one try with its own seed and temperature; shared: work before them all"),
        ("free, guided", "the model drives with tools; the program drives, with narrow questions"),
        ("sample N", "the Nth change that a guided model proposed in its attempt"),
        ("holds", "it was made, and the tests near it pass as before or better"),
        ("reply N of M", "one of several replies to a question that came to no change"),
        ("candidate A.N, patch", "what attempt A's sample N leaves, without tests and strays"),
        ("same text", "other candidates whose patch reads the same; judged once for all"),
        ("class, mass", "candidates that behave alike; their share of all that were handed in"),
        ("issue check", "a test that fails without a patch for the reason the issue names"),
        ("base", "the repository before any patch"),
    )),
)  # fmt: skip


class Above(ModalScreen[int]):
    """A page that covers the screen until it is put away.

    It may open at a spot of a search; then it gives back which way the search is to go on.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,escape,question_mark", "app.pop_screen", "back"),
        Binding("y", "app.copy", "copy"),
        Binding("o", "app.edit", "editor"),
        Binding("slash", "search", "search"),
        Binding("n", "again(1)", "next", show=False),
        Binding("N", "again(-1)", "previous", show=False),
    ]

    def __init__(self, page: Sequence[Block], spot: Spot | None = None) -> None:
        super().__init__()
        self._blocks, self._spot = page, spot
        self._words = ""

    def compose(self) -> ComposeResult:
        """Lay out a page and what can be done with it."""
        yield Page(id="above")
        yield Input(placeholder="find", id="find")
        yield Footer()

    def on_mount(self) -> None:
        """Show the page."""
        self.query_one("#find").display = False
        page = self.query_one(Page)
        page.show(self._blocks)
        page.focus()
        if self._spot is not None:
            self.call_after_refresh(page.find_spot, self._spot)

    def action_search(self) -> None:
        """Ask for words."""
        field = self.query_one("#find", Input)
        field.display = True
        field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go to the words."""
        self._words = event.value
        event.input.display = False
        self.query_one(Page).focus()
        self.action_again(1)

    def action_again(self, way: int) -> None:
        """Go to the next place with the words; without any, that of the search it came from."""
        if not self._words and self._spot is not None:
            self.dismiss(way)
            return
        if self._words and not self.query_one(Page).find(self._words, way):
            self.notify(f"{self._words!r} is not here", severity="warning", markup=False)


def help_page() -> list[Block]:
    """Return the keys."""
    page: list[Block] = [Heading("Keys", 1)]
    for title, keys in KEYS:
        page.append(Heading(title))
        page.append(Table(("key", "does"), tuple(((key,), (does,)) for key, does in keys)))
    return page


class MovableList(OptionList):
    """A list of textual's in which the keys of a page move, too."""

    BINDINGS: ClassVar[list[BindingType]] = moves(g="first", G="last")


class Search(ModalScreen[tuple[str, Sequence[Hit], int] | None]):
    """Words looked for in everything; gives back the words, all places and the chosen one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "back"),
        Binding("down", "into", "to the places", show=False),
    ]

    def __init__(self, task: OpenedTask, words: str) -> None:
        super().__init__()
        self._opened, self._words, self._hits = task, words, list[Hit]()

    def compose(self) -> ComposeResult:
        """Lay out the words and the places."""
        with Vertical(id="search"):
            yield Input(self._words, placeholder="search everything, then Enter", id="words")
            yield Static("", id="found", markup=False)
            yield MovableList(id="places")

    def on_mount(self) -> None:
        """Let words be typed."""
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Look for the words; Enter again takes the first place."""
        if event.value == self._words and self._hits:
            self.action_into()
            return
        self._look(event.value)

    @work(exclusive=True)
    async def _look(self, words: str) -> None:
        """Look for words bit by bit: meanwhile keys are heard, and other words may be asked for."""
        self._words, self._hits = words, []
        places, found = self.query_one(OptionList), self.query_one("#found", Static)
        places.clear_options()
        since = monotonic()
        for hit in find(self._opened, words):
            if hit is not None:
                self._hits.append(hit)
            if len(self._hits) == MOST:
                break
            if monotonic() - since > AT_A_TIME:
                found.update(f"{several(len(self._hits), 'place')} so far …")
                await asyncio.sleep(PAUSE)
                since = monotonic()
        places.add_options(
            Option(text_of((Marked(f"{hit.where}: ", "label"), one_line(hit.line))))
            for hit in self._hits
        )
        more = f", the first {MOST:,}" if len(self._hits) == MOST else ""
        count = f"{several(len(self._hits), 'place')}{more}"
        found.update(count if self._hits else "nothing found")
        self.action_into()

    def action_into(self) -> None:
        """Go from the words to the places."""
        if self._hits:
            places = self.query_one(OptionList)
            places.focus()
            places.highlighted = 0

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Go to a place."""
        self.dismiss((self._words, self._hits, event.option_index))
