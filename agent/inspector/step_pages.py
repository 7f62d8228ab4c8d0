"""The pages about an episode: a step, what was sent for it, the plan."""

from __future__ import annotations

import json
from collections.abc import Sequence

from agent.inspector.episode import Episode
from agent.inspector.step_view import Step
from agent.inspector.task_pages import SHOWN
from agent.messages import Message
from agent.show.blocks import Block, Bullets, Heading, Output, Paragraph
from agent.show.figures import duration, several, spent
from tools.clip import clip

FIRST, LAST = 20, 200
"""Messages of a request that are shown of a long one."""


def step_page(step: Step, label: str, *, whole: bool = False) -> list[Block]:
    """Return what one step thought, called and saw; texts are clipped unless `whole`."""

    def text(full: str) -> str:
        return full if whole else clip(full, SHOWN)

    figures = [spent(step.usage)]
    if step.seconds is not None:
        figures.append(f"model {duration(step.seconds)}")
    if step.acting:
        figures.append(f"tools {duration(step.acting)}")
    blocks: list[Block] = [
        Heading(f"{label} step {step.number}", 1),
        Paragraph((", ".join(figures),)),
    ]
    blocks += [Paragraph((f"[{remark}]",)) for remark in step.remarks]
    if step.thought.strip():
        blocks += [Heading("thought"), Output(text(step.thought.strip()))]
    for act in step.acts:
        edit = ", changes a file" if act.edits else ""
        failed = ", failed" if act.failed else ""
        took = f", {duration(act.seconds)}" if act.seconds else ""
        blocks += [Heading(f"{act.name}{edit}{failed}{took}"), _called(act.name, text(act.text))]
        if act.seen is None:
            blocks.append(Paragraph(("[nothing came back]",)))
        else:
            blocks += [Heading("observation", 3), Output(text(act.seen), bad=act.failed)]
    for said in step.heard:
        blocks += [Heading("the program said"), Output(text(said))]
    return blocks


def _called(name: str, text: str) -> Block:
    if name == "plan":
        try:
            steps = json.loads(text.removeprefix("steps="))
            return Bullets(tuple((f"[{one['state']}] {one['text']}",) for one in steps))
        except (ValueError, TypeError, KeyError):
            return Output(text)
    return Output(text)


def sent_page(messages: Sequence[Message], label: str, number: int) -> list[Block]:
    """Return the messages of a request as they were sent."""
    blocks: list[Block] = [
        Heading(f"{label} step {number}: the {several(len(messages), 'message')} sent", 1)
    ]
    left = len(messages) - FIRST - LAST
    shown = range(len(messages))
    for place in [*shown[:FIRST], *shown[FIRST + left :]] if left > 0 else shown:
        if left > 0 and place == FIRST + left:
            told = f"[{several(left, 'message')} left out here; --messages FILE writes all]"
            blocks.append(Paragraph((told,)))
        message = messages[place]
        blocks.append(Heading(f"{place + 1}. {message.role}"))
        if message.content:
            blocks.append(Output(clip(message.content, SHOWN)))
        for call in message.tool_calls:
            blocks.append(Output(f"{call.name} {clip(call.arguments, SHOWN)}"))
    return blocks


def plan_page(episode: Episode) -> list[Block]:
    """Return the plan of an attempt each time that it was set."""
    label = episode.about.label
    blocks: list[Block] = [Heading(f"{label}: the plan as it changed", 1)]
    for number in range(1, len(episode) + 1):
        for act in episode.step(number).acts:
            if act.name == "plan":
                blocks += [Heading(f"step {number}"), _called(act.name, act.text)]
    if len(blocks) == 1:
        blocks.append(Paragraph(("It made no plan.",)))
    return blocks
