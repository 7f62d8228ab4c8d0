"""What the stages of one task share: the model, its limits, and how it is talked to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from agent.config import Config
from agent.conversation.context_window import Window
from agent.conversation.conversation import Conversation
from agent.conversation.stored_replies import StoredReplies, stored
from agent.environment.environment import Environment
from agent.model.budget import Budget, Limits
from agent.model.protocol import Capabilities, Model
from agent.records import Call, Sampling, Usage
from agent.show.progress import Watch
from agent.trajectory.durable_files import EventLog
from agent.trajectory.events import Event
from agent.trajectory.reader import read_events
from agent.trajectory.run_folder import TaskFolder
from tools.base import Observation

Planner = Literal["free", "guided"]
UNPRICED_TOKENS = 5_000_000
LOCAL_SECONDS = 900.0
SMALL = 14e9
"""Parameters below which a model is guided: mini-swe-agent resolves 9 % of SWE-bench Verified with
a model of 32 billion, and with the embedded one it could not hold its form at all."""
MARKER = re.compile(r"```|<<<<<<<|=======|>>>>>>>")
TO_BE_MADE = (None, "interrupted", "model_lost")
"""Ends after which an attempt is made again when its run is taken up."""
SHORT = 8_000
"""Tokens of a window in which a conversation with tools soon forgets what it saw."""


@dataclass(frozen=True)
class TaskRun:
    """What the stages of one task share."""

    config: Config
    model: Model
    place: Environment
    folder: TaskFolder
    budget: Budget
    watch: Watch
    planner: Planner = "free"
    errors: list[str] = field(default_factory=list)

    @property
    def window(self) -> int | None:
        """The model's window in tokens, None when nobody knows it."""
        return self.config.window or self.model.capabilities.context


def planner_of(config: Config, able: Capabilities) -> Planner:
    """Return who drives: the program, where a model is small or forgets soon, else the model."""
    if config.planner != "auto":
        return config.planner
    if able.prepared:
        return "guided" if able.narrow else "free"
    small = able.parameters is not None and able.parameters < SMALL
    short = (config.window or able.context or SHORT) < SHORT
    return "guided" if small or short else "free"


def note_opening(folder: TaskFolder, model: Model) -> None:
    """Put on record what finding out about the model has cost: it counts like any other call."""
    if model.opening == Usage():
        return
    with folder.shared_log() as log:
        log.append(Call("c0", "probe", (), {}, Sampling(), "", (), model.opening, 0.0))


def spent(folder: Path) -> Usage:
    """Return what earlier starts of a task have used: limits are for the whole task."""
    logs = [*folder.glob("attempt-*.jsonl"), folder / "shared.jsonl"]
    events = (event for log in logs for event in read_events(log))
    calls = (event for event in events if isinstance(event, Call))
    return sum((call.usage for call in calls if not call.served), Usage())


def limits(config: Config, model: Model) -> Limits:
    """Return the limits of a task.

    A model whose price is not known is limited by tokens, and a local one has less time, unless
    the configuration says otherwise.
    """
    tokens, seconds = config.max_tokens, config.time_limit
    unpriced = model.cost(1, 1) is None and not model.capabilities.prepared
    if tokens is None and unpriced:
        tokens = UNPRICED_TOKENS
    if "time_limit" not in config.origins and model.name.partition(":")[0] == "local":
        seconds = LOCAL_SECONDS
    return Limits(config.max_steps, seconds, tokens, config.max_usd)


def conversation(
    work: TaskRun, name: str, sampling: Sampling, log: EventLog, attempts_left: int = 1
) -> Conversation:
    """Return an empty conversation whose events are logged and shown as they happen.

    What an earlier start of it was told is not asked for again. It has an equal share of what the
    budget leaves to `attempts_left`, itself among them.
    """

    def record(event: Event) -> None:
        log.append(event)
        if isinstance(event, Call):
            work.watch.step(budget.steps, last_action(event), work.budget.usage)
        elif isinstance(event, Observation) and work.planner == "guided":
            work.watch.stage(event.text.partition("\n")[0])

    able = work.model.capabilities
    reply = min(work.config.reply_tokens, able.output or work.config.reply_tokens)
    window = Window(work.window, reply)
    prefix = "" if name.startswith("attempt-") else f"{name}-"  # these share one log
    earlier = stored_replies(work, name, prefix, log)
    budget = work.budget.allowance(attempts_left, earlier.usage)
    return Conversation(name, work.model, budget, sampling, record, window, prefix, earlier)


def stored_replies(work: TaskRun, name: str, prefix: str, log: EventLog) -> StoredReplies:
    """Return what a model was paid for in earlier starts; a prepared one is asked again."""
    if work.model.capabilities.prepared:
        return StoredReplies()

    def note(text: str) -> None:
        log.append(Observation(name, text))
        work.errors.append(text)
        work.watch.stage(text)

    events = read_events(work.folder.path / f"{'shared' if prefix else name}.jsonl")
    return StoredReplies(stored(events, prefix, work.model.name), note)


def last_action(call: Call) -> str:
    """Return what a reply does, in one line."""
    if not call.replies:
        return "no reply"
    reply = call.replies[0]
    acts = [f"{tool.name} {tool.arguments}" for tool in reply.tool_calls]
    return "; ".join(acts) or first_words(reply.content) or "an empty reply"


def first_words(text: str) -> str:
    """Return the first line of a text that is no fence and no marker."""
    lines = (line.strip() for line in text.split("\n"))
    return next((line for line in lines if line and not MARKER.match(line)), "")
