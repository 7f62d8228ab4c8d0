"""Where the money and the time of a task went."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from typing import Any, TypeVar

from agent.inspector.episode import About
from agent.inspector.opened_run import OpenedTask
from agent.inspector.step_view import Act, Step, gist
from agent.messages import Usage
from agent.show.blocks import Block, Code, Heading, Paragraph, StepLink, Table, Words
from agent.show.figures import duration, money, tokens

Entry = TypeVar("Entry", bound=tuple[Any, ...])
MOST_EXPENSIVE = 8
NOTHING = (Usage(), 0.0, 0.0)


@dataclass(frozen=True)
class Sums:
    """What an episode cost: tokens and money; seconds of the model, of the tools, of all."""

    label: str
    steps: int
    used: Usage
    asking: float
    acting: float
    lasted: float

    @classmethod
    def of(cls, label: str, entries: Sequence[Sums]) -> Sums:
        """Return the sums of several."""
        return cls(
            label,
            sum(one.steps for one in entries),
            sum((one.used for one in entries), Usage()),
            sum(one.asking for one in entries),
            sum(one.acting for one in entries),
            sum(one.whole for one in entries),
        )

    @property
    def whole(self) -> float:
        """How long it lasted, or as much of that as is known."""
        return self.lasted or self.asking + self.acting

    @property
    def amounts(self) -> tuple[Words, ...]:
        """What it cost, as a row; a record may know the money alone."""
        used = self.used
        known = used.prompt or used.completion
        counts = [
            f"{n:,}" if known else "unknown" for n in (used.prompt, used.cached, used.completion)
        ]
        return tuple((text,) for text in (self.label, f"{self.steps:,}", *counts, money(used.usd)))

    @property
    def times(self) -> tuple[Words, ...]:
        """How long it took, as a row."""
        seconds = (self.asking, self.acting, self.whole)
        return (self.label,), *((duration(one) if one else "unknown",) for one in seconds)


@dataclass
class Ledger:
    """What a task's steps cost, entered one by one."""

    sums: dict[str, tuple[Usage, float, float]] = field(default_factory=dict)
    """By the label of an episode: what was used, seconds of the model and of the tools."""
    dear: list[tuple[float, str, Step]] = field(default_factory=list)
    slow: list[tuple[float, str, int, Act]] = field(default_factory=list)

    def enter(self, label: str, step: Step) -> None:
        """Add a step of an episode."""
        used, asking, acting = self.sums.get(label, NOTHING)
        usage = step.usage or Usage()
        self.sums[label] = (used + usage, asking + (step.seconds or 0.0), acting + step.acting)
        weight = usage.usd if usage.usd is not None else (usage.prompt + usage.completion) / 1e9
        self.dear = _most([*self.dear, (weight, label, step)])
        for act in step.acts:
            if act.seconds:
                self.slow = _most([*self.slow, (act.seconds, label, step.number, act)])

    def page(self, task: OpenedTask) -> list[Block]:
        """Return where money and time went: by attempt, the dearest steps, the slowest commands."""
        entries = [self._entry(one.about, len(one)) for one in task.episodes]
        together = Sums.of("together", entries)
        if len(entries) > 1:
            entries.append(together)
        blocks: list[Block] = [
            Heading("Where money and time went", 1),
            Table(
                ("", "steps", "prompt", "cached", "completion", "cost"),
                tuple(entry.amounts for entry in entries),
            ),
            Table(("", "model", "tools", "in all"), tuple(entry.times for entry in entries)),
            *_around(task, together.whole),
        ]
        if self.slow:
            took, label, number, act = self.slow[0]
            tried = ", a change with the tests that tried it" if act.proposed else ""
            step = StepLink(label, number)
            words = (f"The slowest command took {duration(took)}: ", step, f", {act.name}{tried}.")
            blocks.insert(1, Paragraph(words))
        if self.dear and self.dear[0][0] > 0:
            rows = [
                (
                    (StepLink(label, step.number),),
                    (money((step.usage or Usage()).usd),),
                    (tokens(step.usage or Usage()),),
                    (duration(step.seconds) if step.seconds else "unknown",),
                    (Code(step.summary[:120]),),
                )
                for _, label, step in self.dear
            ]
            dearest = ("step", "cost", "tokens", "model", "did")
            blocks += [Heading("The dearest steps"), Table(dearest, tuple(rows))]
        if self.slow:
            blocks += [Heading("The slowest commands"), Table(("took", "step", "command"), tuple(
                (
                    (duration(took),),
                    (StepLink(label, number),),
                    (f"{act.name} ", Code(gist(act.text)[:400])),
                )
                for took, label, number, act in self.slow
            ))]  # fmt: skip
        else:
            blocks.append(Paragraph(("The record does not say how long commands took.",)))
        return blocks

    def _entry(self, about: About, steps: int) -> Sums:
        """Return an episode's sums; where its steps do not say, what it says as a whole."""
        used, asking, acting = self.sums.get(about.label, NOTHING)
        if used == Usage() and about.usage is not None:
            used = about.usage
        return Sums(about.label, steps, used, asking, acting, about.seconds or 0.0)


def costs_page(task: OpenedTask) -> list[Block]:
    """Return the page of a task's ledger."""
    ledger = Ledger()
    for episode in task.episodes:
        for number in range(1, len(episode) + 1):
            ledger.enter(episode.about.label, episode.step(number))
    return ledger.page(task)


def _most(entries: list[Entry]) -> list[Entry]:
    return nlargest(MOST_EXPENSIVE, entries, key=lambda one: one[0])


def _around(task: OpenedTask, known: float) -> Iterator[Block]:
    """Say what the table leaves out: the environment, and what was done around the attempts."""
    result, image = task.record.result, task.record.image
    if result is None:
        return
    before = ""
    if image is not None and image.seconds:
        before = f"The environment was there after {duration(image.seconds)}. Then the"
    told = f"{before or 'The'} task took {duration(result.seconds)}"
    if 0 < known < result.seconds:
        rest = duration(result.seconds - known)
        told += f", {rest} of it outside the table: mostly the checks that judge the patches"
    yield Paragraph((f"{told}.",))
