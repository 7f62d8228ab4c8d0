"""Where the money and the time of a task went."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import nlargest
from typing import Any, TypeVar

from agent.inspector.episode import About, Step
from agent.inspector.opened import OpenedTask
from agent.records import Usage
from agent.show.blocks import Block, Code, Heading, Paragraph, Table, Words
from agent.show.figures import duration, money, tokens

Entry = TypeVar("Entry", bound=tuple[Any, ...])
MOST_EXPENSIVE = 8
NOTHING = (Usage(), 0.0, 0.0)


@dataclass
class Ledger:
    """What a task's steps cost, entered one by one."""

    sums: dict[str, tuple[Usage, float, float]] = field(default_factory=dict)
    """By the label of an episode: what was used, seconds of the model and of the tools."""
    dear: list[tuple[float, str, Step]] = field(default_factory=list)
    slow: list[tuple[float, str, int, str, str]] = field(default_factory=list)

    def enter(self, label: str, step: Step) -> None:
        """Add a step of an episode."""
        used, asking, acting = self.sums.get(label, NOTHING)
        usage = step.usage or Usage()
        self.sums[label] = (used + usage, asking + (step.seconds or 0.0), acting + step.acting)
        weight = usage.usd if usage.usd is not None else (usage.prompt + usage.completion) / 1e9
        self.dear = _most([*self.dear, (weight, label, step)])
        for act in step.acts:
            if act.seconds:
                entry = (act.seconds, label, step.number, act.name, act.text[:400])
                self.slow = _most([*self.slow, entry])

    def page(self, task: OpenedTask) -> list[Block]:
        """Return where money and time went: by attempt, the dearest steps, the slowest commands."""
        rows: list[tuple[Words, ...]] = [
            _row(one.about, len(one), *self.sums.get(one.about.label, NOTHING))
            for one in task.episodes
        ]
        blocks: list[Block] = [Heading("Where money and time went", 1)]
        columns = (
            "",
            "steps",
            "prompt",
            "cached",
            "completion",
            "cost",
            "model",
            "tools",
            "in all",
        )
        blocks.append(Table(columns, tuple(rows)))
        if task.record.result is not None:
            whole = duration(task.record.result.seconds)
            rest = "the environment, the tests that judge and attempts side by side"
            blocks.append(Paragraph((f"The task took {whole}; {rest} make the difference.",)))
        if self.dear and self.dear[0][0] > 0:
            rows = [
                (
                    (f"{label} step {step.number}",),
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
                ((duration(took),), (f"{label} step {number}",), (f"{name} ", Code(text)))
                for took, label, number, name, text in self.slow
            ))]  # fmt: skip
        else:
            blocks.append(Paragraph(("The record does not say how long commands took.",)))
        return blocks


def costs_page(task: OpenedTask) -> list[Block]:
    """Return the page of a task's ledger."""
    ledger = Ledger()
    for episode in task.episodes:
        for number in range(1, len(episode) + 1):
            ledger.enter(episode.about.label, episode.step(number))
    return ledger.page(task)


def _most(entries: list[Entry]) -> list[Entry]:
    return nlargest(MOST_EXPENSIVE, entries, key=lambda one: one[0])


def _row(about: About, steps: int, used: Usage, asking: float, acting: float) -> tuple[Words, ...]:
    """Return an episode's sums; where its steps do not say, what it says as a whole."""
    if used == Usage() and about.usage is not None:
        used = about.usage
    tokens_known = bool(used.prompt or used.completion)
    counts = [used.prompt, used.cached, used.completion]
    times = (asking, acting, about.seconds)
    return (
        (about.label,),
        (f"{steps:,}",),
        *((f"{count:,}" if tokens_known else "unknown",) for count in counts),
        (money(used.usd),),
        *((duration(seconds) if seconds else "unknown",) for seconds in times),
    )
