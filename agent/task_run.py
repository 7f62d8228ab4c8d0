"""What the stages of one task share: the model, its limits, and how it is talked to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from agent.config import Config
from agent.conversation.context_window import Window
from agent.conversation.conversation import Conversation
from agent.conversation.stored_replies import StoredReplies, stored
from agent.environment.environment import Environment
from agent.messages import Sampling, Usage
from agent.model.budget import Budget, Limits
from agent.model.protocol import Capabilities, Model
from agent.model.run_budget import RunBudget
from agent.show.progress import Watch
from agent.trajectory.events import Action, Event, Note, Outcome, Step
from agent.trajectory.reader import read_log
from agent.trajectory.run_folder import TaskFolder
from agent.trajectory.task_log import SHARED, LogFile, TaskLog

Planner = Literal["free", "guided"]
UNPRICED_TOKENS = 5_000_000
LOCAL_SECONDS = 900.0
SMALL = 14e9
"""Parameters below which a model is guided: mini-swe-agent resolves 9 % of SWE-bench Verified with
a model of 32 billion, and with the embedded one it could not hold its form at all."""
MARKER = re.compile(r"```|<<<<<<<|=======|>>>>>>>")
"""Lines of a model's reply that say nothing by themselves."""
SHORT = 8_000
"""Tokens of a window in which a conversation with tools soon forgets what it saw."""


@dataclass(frozen=True)
class TaskRun:
    """What the stages of one task share; `errors` are told with its result."""

    config: Config
    model: Model
    environment: Environment
    folder: TaskFolder
    log: TaskLog
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


def begin(
    config: Config,
    model: Model,
    environment: Environment,
    folder: TaskFolder,
    watch: Watch,
    run_budget: RunBudget | None = None,
) -> TaskRun:
    """Take up what earlier starts left of a task, write down what it is about, and go on.

    This is the last time that the folder is read. Raises UserError where it holds other work.
    """
    folder.remember(environment.task, environment.image)
    log = read_log(folder.path)
    if model.opening != Usage():  # finding out about the model counts like any other request
        with log.open(SHARED) as shared:
            probe = Step("s0", "probe", (), {}, Sampling(), "", (), model.opening, 0.0)
            shared.append(probe)
    even = bool(config.samples)
    budget = Budget(limits(config, model), usage=log.usage, run_budget=run_budget, even=even)
    planner = planner_of(config, model.capabilities)
    return TaskRun(config, model, environment, folder, log, budget, watch, planner)


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


def open_conversation(
    run: TaskRun, name: str, sampling: Sampling, log: LogFile, attempts_left: int = 1
) -> Conversation:
    """Return an empty conversation whose events are logged and shown as they happen.

    What an earlier start of it was told is not asked for again. It has an equal share of what the
    budget leaves to `attempts_left`, itself among them.
    """

    sample: int | None = None

    def record(event: Event) -> None:
        nonlocal sample
        log.append(event)
        if isinstance(event, Step):
            run.watch.step(allowance.steps, summary(event), run.budget.usage)
        elif isinstance(event, Action):
            sample = event.sample
        elif isinstance(event, Outcome) and run.planner == "guided":
            name = "a change" if sample is None else f"sample {sample}"
            first_line, _, _ = event.text.partition("\n")
            run.watch.stage(f"{name}: {first_line}")

    able = run.model.capabilities
    reply = min(run.config.reply_tokens, able.output or run.config.reply_tokens)
    window = Window(run.window, reply)
    # Conversations of the shared log are told apart by the ids of their messages.
    prefix = "" if log.name != SHARED else f"{name}-"
    earlier = stored_replies(run, name, prefix, log)
    allowance = run.budget.allowance(attempts_left, earlier.usage)
    return Conversation(name, run.model, allowance, sampling, record, window, prefix, earlier)


def stored_replies(run: TaskRun, name: str, prefix: str, log: LogFile) -> StoredReplies:
    """Return what a model was paid for in earlier starts; a prepared one is asked again."""
    if run.model.capabilities.prepared:
        return StoredReplies()

    def note(text: str) -> None:
        log.append(Note(name, text))
        run.errors.append(text)
        run.watch.stage(text)

    return StoredReplies(stored(run.log.events(log.name), prefix, run.model.name), note)


def summary(step: Step) -> str:
    """Return what a reply does, in one line."""
    if not step.replies:
        return "no reply"
    reply = step.replies[0]
    acts = [f"{tool.name} {tool.arguments}" for tool in reply.tool_calls]
    lines = (line.strip() for line in reply.content.split("\n"))
    words = next((line for line in lines if line and not MARKER.match(line)), "")
    return "; ".join(acts) or words or "an empty reply"
