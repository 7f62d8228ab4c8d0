"""Where the money and the time of a task went."""

from __future__ import annotations

from heapq import nlargest

from agent.inspector.episode import About, Step
from agent.inspector.opened import OpenedTask
from agent.records import Usage
from agent.show.blocks import Block, Code, Heading, Paragraph, Table, Words
from agent.show.figures import duration, money, tokens

MOST_EXPENSIVE = 8


def costs_page(task: OpenedTask) -> list[Block]:
    """Return where money and time went: by attempt, the dearest steps, the slowest commands."""
    rows: list[tuple[Words, ...]] = []
    dear: list[tuple[float, str, Step]] = []
    slow: list[tuple[float, str, int, str, str]] = []
    for episode in task.episodes:
        label, used, asking, acting = episode.about.label, Usage(), 0.0, 0.0
        for number in range(1, len(episode) + 1):
            step = episode.step(number)
            usage = step.usage or Usage()
            used += usage
            asking += step.seconds or 0.0
            acting += step.acting
            weight = usage.usd if usage.usd is not None else (usage.prompt + usage.completion) / 1e9
            dear = nlargest(MOST_EXPENSIVE, [*dear, (weight, label, step)], key=lambda one: one[0])
            for act in step.acts:
                if act.seconds:
                    entry = (act.seconds, label, number, act.name, act.text[:400])
                    slow = nlargest(MOST_EXPENSIVE, [*slow, entry], key=lambda one: one[0])
        rows.append(_row(episode.about, len(episode), used, asking, acting))
    blocks: list[Block] = [Heading("Where money and time went", 1)]
    columns = ("", "steps", "prompt", "cached", "completion", "cost", "model", "tools", "in all")
    blocks.append(Table(columns, tuple(rows)))
    if task.record.result is not None:
        whole = duration(task.record.result.seconds)
        rest = "the environment, the tests that judge and attempts side by side make the difference"
        blocks.append(Paragraph((f"The task took {whole}; {rest}.",)))
    if dear and dear[0][0] > 0:
        rows = [
            (
                (f"{label} step {step.number}",),
                (money((step.usage or Usage()).usd),),
                (tokens(step.usage or Usage()),),
                (duration(step.seconds) if step.seconds else "unknown",),
                (Code(step.summary[:120]),),
            )
            for _, label, step in dear
        ]
        blocks += [
            Heading("The dearest steps"),
            Table(("step", "cost", "tokens", "model", "did"), tuple(rows)),
        ]
    if slow:
        blocks += [Heading("The slowest commands"), Table(("took", "step", "command"), tuple(
            ((duration(took),), (f"{label} step {number}",), (f"{name} ", Code(text)))
            for took, label, number, name, text in slow
        ))]  # fmt: skip
    else:
        blocks.append(Paragraph(("The record does not say how long commands took.",)))
    return blocks


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
