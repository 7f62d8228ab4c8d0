"""A task and an episode in one line each."""

from __future__ import annotations

from rich.text import Text

from agent.inspector.episode import About
from agent.inspector.opening import OpenedTask
from agent.show.figures import duration, money, several
from agent.show.terminal_safe import one_line

STATUS = {
    "verified": "bold green",
    "unverified": "yellow",
    "disagree": "magenta",
    "no_patch": "red",
    "failed": "bold red",
    "damaged": "bold red",
    "unfinished": "cyan",
}
"""The colours of how a task ended."""


def title_of(task: OpenedTask) -> Text:
    """Return what a task came to."""
    record = task.record
    verdict, result = record.verdict, record.result
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(one_line(task.id, 60), "bold")
    status: str = result.status if result else "failed" if record.failure else ""
    if record.task is not None and not status:
        status = "unfinished"
    if status:
        text.append(" · ")
        text.append(status, STATUS.get(status, ""))
    if task.resolved is not None:
        told, style = ("resolved", "bold green") if task.resolved else ("not resolved", "red")
        text.append(" · ")
        text.append(told, style)
    if verdict and verdict.chosen:
        text.append(f" · patch {verdict.chosen}")
    if verdict and verdict.confidence is not None:
        text.append(f" · confidence {verdict.confidence:.2f}")
    if result is None and len(task.episodes) == 1:
        about = task.episodes[0].about
        text.append(f" · {one_line(about.model, 60)} · {one_line(about.end, 60)}")
        if about.usage is not None and about.usage.usd is not None:
            text.append(f" · {money(about.usage.usd)}")
    if result:
        text.append(f" · {money(result.cost_usd)} · {duration(result.seconds)}")
    return text


def line_about(about: About, steps: int) -> Text:
    """Return what an episode was."""
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(about.label, "bold")
    text.append(f" · {several(steps, 'step')}")
    if about.damaged:
        text.append(" · damaged", "bold red")
    if about.planner:
        text.append(f" · {about.planner}, {about.sampling}")
    if about.end or about.number is not None:
        text.append(f" · {one_line(about.end, 200)}" if about.end else " · no end yet")
    return text
