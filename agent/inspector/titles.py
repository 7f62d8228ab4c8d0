"""A task and an episode in one line each."""

from __future__ import annotations

from agent.inspector.episode import About
from agent.inspector.opened_run import OpenedTask
from agent.show.blocks import Marked, Piece, Words
from agent.show.figures import duration, money, several
from agent.show.terminal_safe import one_line


def task_words(task: OpenedTask, *more: Piece) -> Words:
    """Return what a task came to, with more behind it."""
    record = task.record
    verdict, result = record.verdict, record.result
    parts: list[Piece] = [Marked(one_line(task.id, 60), "label")]
    status: str = result.status if result else "failed" if record.failure else ""
    if record.task is not None and not status:
        status = "unfinished"
    if status:
        parts.append(Marked(status, status))
    if task.resolved is not None:
        parts.append(
            Marked("resolved", "resolved")
            if task.resolved
            else Marked("not resolved", "unresolved")
        )
    if verdict and verdict.chosen:
        parts.append(f"patch {verdict.chosen}")
    if verdict and verdict.confidence is not None:
        parts.append(f"confidence {verdict.confidence:.2f}")
    if result is None and len(task.episodes) == 1:
        about = task.episodes[0].about
        parts += [one_line(about.model, 60), one_line(about.end, 60)]
        if about.usage is not None and about.usage.usd is not None:
            parts.append(money(about.usage.usd))
    if result:
        parts += [money(result.cost_usd), duration(result.seconds)]
    return with_dots([*parts, *more])


def episode_words(about: About, steps: int, *, model: bool = False) -> Words:
    """Return what an episode was, with its model where that is asked for."""
    parts: list[Piece] = [Marked(about.label, "label"), several(steps, "step")]
    if about.damaged:
        parts.append(Marked("damaged", "damaged"))
    how = (about.planner, about.model if model else "", about.sampling)
    parts.append(", ".join(filter(None, how)))
    no_end = "no end yet" if about.number is not None else ""
    parts.append(one_line(about.end, 200) or no_end)
    return with_dots([part for part in parts if part])


def with_dots(parts: list[Piece]) -> Words:
    """Return parts with dots between them."""
    return tuple(piece for part in parts for piece in (" · ", part))[1:]
