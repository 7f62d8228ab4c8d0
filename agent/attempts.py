"""The attempts at one task: each in a sandbox of its own, and whatever happens, harvested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from agent.config import Config
from agent.disk import EventLog
from agent.errors import Interrupted, ModelLost
from agent.events import End, Event, Header
from agent.intake.workplace import Workplace
from agent.judge.candidate import HarvestFailed, harvest
from agent.model.budget import Budget, Limits
from agent.model.protocol import Model
from agent.planner import free
from agent.planner.context import Window
from agent.planner.episode import Conversation
from agent.recording import read_events, read_task
from agent.records import Call, Candidate, Sampling, Usage
from agent.show.progress import Watch
from agent.store import TaskFolder
from tools.base import EndReason, SandboxLost
from tools.sandbox import Sandbox
from tools.toolbox import Toolbox

UNPRICED_TOKENS = 5_000_000
LOCAL_SECONDS = 900.0
TO_BE_MADE = (None, "interrupted", "model_lost")
"""Ends after which an attempt is made again when its run is taken up."""


@dataclass(frozen=True)
class Solving:
    """What the stages of one task share."""

    config: Config
    model: Model
    place: Workplace
    folder: TaskFolder
    budget: Budget
    watch: Watch
    overview: str = ""
    errors: list[str] = field(default_factory=list)

    @property
    def window(self) -> int | None:
        """The model's window in tokens, None when nobody knows it."""
        return self.config.window or self.model.capabilities.context


def note_opening(folder: TaskFolder, model: Model) -> None:
    """Put on record what finding out about the model has cost: it counts like any other call."""
    if model.opening == Usage():
        return
    with folder.shared_log() as log:
        log.append(Call("c0", "probe", (), {}, Sampling(), "", (), model.opening, 0.0))


def spent(folder: TaskFolder) -> Usage:
    """Return what earlier starts of this task have used: limits are for the whole task."""
    logs = [*folder.path.glob("attempt-*.jsonl"), folder.path / "shared.jsonl"]
    events = (event for log in logs for event in read_events(log))
    return sum((event.usage for event in events if isinstance(event, Call)), Usage())


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


def look_around(work: Solving) -> Solving:
    """Return the work with a map of the repository, which all attempts are shown."""
    if work.model.capabilities.prepared:  # nothing that it is shown changes its replies
        return work
    work.watch.stage("ranking what the issue may be about")
    with work.place.sandboxes.open() as clean:
        return replace(work, overview=free.overview(clean, work.place.task, work.window))


def attempt_numbers(work: Solving) -> Sequence[int]:
    """Return the numbers of the attempts to make."""
    wanted = work.config.attempts
    return range(1, (4 if wanted == "auto" else wanted) + 1)


def attempt(work: Solving, number: int) -> list[Candidate]:
    """Make one attempt, again if its sandbox dies, and return what it left.

    An attempt that an earlier run of this folder finished is not made again.
    """
    recorded = read_task(work.folder.path)
    before = [one for one in recorded.candidates if one.attempt < number]
    ends = {one.number: one.end for one in recorded.attempts}
    if ends.get(number) not in TO_BE_MADE:
        return [one for one in recorded.candidates if one.attempt == number]
    used_up = work.budget.spent()
    if used_up:
        work.errors.append(f"attempt {number} was not made: the limit of {used_up} is used up")
        return []
    work.watch.attempt(number, len(attempt_numbers(work)))
    work.budget.begin_attempt(len(attempt_numbers(work)) - number + 1)
    try:
        return _attempt_once(work, number, before)
    except SandboxLost as lost:
        work.watch.stage(f"{lost.message}; making attempt {number} again")
        return _attempt_once(work, number, before)


def _attempt_once(work: Solving, number: int, before: list[Candidate]) -> list[Candidate]:
    task, image = work.place.task, work.place.image
    warmth = temperature(number, work.config.temperature)
    sampling = Sampling(1, warmth, work.config.seed + number - 1)
    with work.folder.attempt_log(number) as log, work.place.sandboxes.open() as sandbox:
        review = not work.model.capabilities.prepared
        tools = free.toolbox(sandbox, image.test_command, review=review)
        talk = conversation(work, f"attempt-{number}", sampling, log)
        log.append(header(work, number, sampling, tools))
        try:
            end = free.run(talk, tools, sandbox, task, image, work.overview)
            found = take(work, sandbox, number, before)
        except (Interrupted, ModelLost) as stop:  # the work so far is a candidate all the same
            take(work, sandbox, number, before)
            why: EndReason = "interrupted" if isinstance(stop, Interrupted) else "model_lost"
            log.append(End(why, str(stop), talk.used, round(talk.seconds, 3)))
            raise
        log.append(end)
    return found


def take(
    work: Solving, sandbox: Sandbox, number: int, before: Sequence[Candidate]
) -> list[Candidate]:
    """Harvest an attempt's sandbox and put what it left beside what came before."""
    try:
        left = harvest(sandbox, work.place.task.base_commit, number)
    except HarvestFailed as failed:  # this attempt's loss, not the task's
        work.errors.append(f"attempt {number}: {failed}")
        left = None
    found = [left] if left else []
    work.folder.write_candidates([*before, *found])
    return found


def temperature(number: int, first: float) -> float:
    """Return an attempt's temperature: low at first, then higher and varied."""
    return first if number == 1 else min(2.0, first + (0.4, 0.7, 1.0)[(number - 2) % 3])


def header(work: Solving, number: int, sampling: Sampling, tools: Toolbox) -> Header:
    """Return the first line of an attempt's log."""
    return Header(
        number,
        free.NAME,
        work.model.name,
        sampling.seed or 0,
        sampling.temperature,
        work.place.image.reference,
        tools.schemas(),
    )


def conversation(work: Solving, name: str, sampling: Sampling, log: EventLog) -> Conversation:
    """Return an empty conversation whose events are logged and shown as they happen."""

    def record(event: Event) -> None:
        log.append(event)
        if isinstance(event, Call):
            work.watch.step(work.budget.steps, last_action(event), work.budget.usage)

    able = work.model.capabilities
    reply = min(work.config.reply_tokens, able.output or work.config.reply_tokens)
    window = Window(work.window, reply)
    return Conversation(name, work.model, work.budget, sampling, record, window)


def last_action(call: Call) -> str:
    """Return what a reply does, in one line."""
    if not call.replies:
        return "no reply"
    reply = call.replies[0]
    acts = [f"{tool.name} {tool.arguments}" for tool in reply.tool_calls]
    return "; ".join(acts) or reply.content.strip().partition("\n")[0] or "an empty reply"
