"""Words looked for in all that is known of a task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.inspector import task_pages
from agent.inspector.costs import Ledger
from agent.inspector.opened_run import OpenedTask
from agent.show.check_table import ordered_checks
from agent.show.markdown import markdown
from agent.show.terminal_safe import one_line

Tab = Literal["why", "steps", "patches", "matrix", "cost", "issue"]
MOST = 1000
"""Places that a search shows."""
SHORT = 300
"""Characters of a line that holds the words."""


@dataclass(frozen=True)
class Hit:
    """A place where the words stand: the tab, and which patch or check, or episode and step.

    `sent` marks one in the messages that the step's request was sent with.
    """

    tab: Tab
    where: str
    line: str
    id: str = ""
    index: int = 0
    step: int = 0
    sent: bool = False

    @property
    def page(self) -> tuple[str, str, int, int, bool]:
        """What stands on one page has this in common."""
        return self.tab, self.id, self.index, self.step, self.sent


@dataclass(frozen=True)
class Spot:
    """Where words stand in a page: in a line that reads like `line`, or else at a place in order.

    It is the line number `same` of those that read so, and the place number `nth` of all, from 0.
    """

    words: str
    line: str
    same: int = 0
    nth: int = 0


def spot_of(hits: Sequence[Hit], at: int, words: str) -> Spot:
    """Return where a hit stands among those of its page."""
    hit = hits[at]
    before = [one for one in hits[:at] if one.page == hit.page]
    return Spot(words, hit.line, sum(one.line == hit.line for one in before), len(before))


def find(task: OpenedTask, words: str) -> Iterator[Hit | None]:
    """Yield where the words stand, in the order of the tabs; case does not matter.

    None after each step: a pause in which a caller can do something else.
    """
    wanted = words.lower()
    if not wanted:
        return
    yield from _in_page("why", "why", markdown(task_pages.overview(task)), wanted)
    ledger, sent = Ledger(), set[str]()
    for index, episode in enumerate(task.episodes):
        label = episode.about.label
        # What is sent later was said, heard or seen in a step before.
        opening = [message.content for message in episode.sent(1)] if len(episode) else []
        fresh = [text for text in opening if text not in sent]
        sent.update(fresh)
        for line in _lines(fresh, wanted):
            yield Hit("steps", f"{label} step 1, sent", line, "", index, 1, sent=True)
        for number in range(1, len(episode) + 1):
            step = episode.step(number)
            ledger.enter(label, step)
            texts = [step.thought, *step.heard, *step.remarks]
            texts += [text for act in step.acts for text in (act.text, act.seen or "")]
            for line in _lines(texts, wanted):
                yield Hit("steps", f"{label} step {number}", line, "", index, number)
            yield None
    for candidate in task.record.candidates:
        for line in _lines([candidate.patch, *candidate.tests.values()], wanted):
            yield Hit("patches", f"patch {candidate.id}", line, candidate.id)
    matrix = task.record.matrix
    for check in ordered_checks(matrix) if matrix else ():
        told = [one.message for one in matrix.outcomes if one.check == check.id] if matrix else []
        for line in _lines([check.id, check.reason, *dict.fromkeys(told)], wanted):
            yield Hit("matrix", "check", line, check.id)
    yield from _in_page("cost", "cost", markdown(ledger.page(task)), wanted)
    yield from _in_page("issue", "issue", markdown(task_pages.issue_page(task)), wanted)


def _in_page(tab: Tab, where: str, text: str, wanted: str) -> Iterator[Hit]:
    for line in _lines([text], wanted):
        yield Hit(tab, where, line)


def _lines(texts: list[str], wanted: str) -> Iterator[str]:
    for text in texts:
        if wanted in text.lower():
            yield from (
                one_line(line, SHORT) for line in text.splitlines() if wanted in line.lower()
            )
