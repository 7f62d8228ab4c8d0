"""The list of an episode's steps, each read when its row comes into view."""

from __future__ import annotations

from rich.text import Text

from agent.inspector import step_pages
from agent.inspector.episode import Episode
from agent.inspector.step_view import Step
from agent.inspector.widgets import Lines
from agent.show.blocks import Block, Marked
from agent.show.figures import duration, money
from agent.show.terminal import text_of
from agent.show.terminal_safe import one_line


class StepList(Lines):
    """A row for each step of an episode: what it did, what failed, what it changed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.episode: Episode | None = None
        self._known: dict[int, tuple[bool, bool, Text]] = {}
        self._latest = 0

    def show(self, episode: Episode | None) -> None:
        """Show another episode, from its first step."""
        self.episode = episode
        self._known.clear()
        self._latest = self.count
        self.cursor = 0
        self.update_size()

    def take_in(self) -> None:
        """Show what was written since; the last step may have become another."""
        if self.count < self._latest:
            self._known.clear()  # it began again
        self._known.pop(self._latest, None)
        self._latest = self.count
        self.update_size()

    @property
    def count(self) -> int:
        """The number of steps."""
        return len(self.episode) if self.episode is not None else 0

    @property
    def number(self) -> int:
        """The step under the cursor, counted from 1; 0 when there is none."""
        return self.cursor + 1 if self.count else 0

    def row(self, number: int) -> Text:
        """Return what a step did in a line."""
        return self._facts(number + 1)[2]

    def step_page(self, *, whole: bool = False) -> list[Block]:
        """Return the page of the step under the cursor; empty when there is none."""
        if self.episode is None or not self.number:
            return []
        step, label = self.episode.step(self.number), self.episode.about.label
        return step_pages.step_page(step, label, whole=whole)

    def sent_page(self) -> list[Block]:
        """Return the messages that were sent for the step under the cursor."""
        if self.episode is None or not self.number:
            return []
        sent, label = self.episode.sent(self.number), self.episode.about.label
        return step_pages.sent_page(sent, label, self.number)

    def failed(self, number: int) -> bool:
        """Tell whether something failed in a step."""
        return self._facts(number)[0]

    def edits(self, number: int) -> bool:
        """Tell whether a step changed a file."""
        return self._facts(number)[1]

    def _facts(self, number: int) -> tuple[bool, bool, Text]:
        if number not in self._known:
            assert self.episode is not None
            step = self.episode.step(number)
            self._known[number] = (step.failed, step.edits, summary(step))
        return self._known[number]


def summary(step: Step) -> Text:
    """Return a step as one line: number, marks, time, cost, what it did."""
    seconds = (step.seconds or 0.0) + step.acting
    usd = step.usage.usd if step.usage is not None else None
    text = text_of(
        (
            Marked(f"{step.number:>4} ", "dim"),
            Marked("✗", "failed") if step.failed else " ",
            Marked("✎ ", "edit") if step.edits else "  ",
            Marked(f"{duration(seconds):>6} " if seconds else "", "dim"),
            Marked(f"{money(usd)} " if usd is not None else "", "dim"),
            one_line(step.summary, 300),
        )
    )
    text.no_wrap = True
    return text
