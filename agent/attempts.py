"""The attempts at one task: each in a sandbox of its own, and whatever happens, harvested."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Protocol

from agent.conversation.conversation import Conversation
from agent.errors import Interrupted, ModelLost
from agent.localization.survey import Survey
from agent.messages import Sampling
from agent.planner import free
from agent.planner.guided.planner import Agenda, Guided
from agent.planner.guided.trial import Bench
from agent.preparation import make_agenda
from agent.records import Candidate, Reproduction
from agent.selection.harvest import HarvestFailed, harvest
from agent.task_run import TaskRun, open_conversation
from agent.trajectory.events import RESUMABLE, End, Header
from agent.trajectory.task_log import LogFile, attempt_name
from tools.base import EndReason, SandboxLost
from tools.sandbox.delegation import Bounded
from tools.sandbox.protocol import Sandbox

COOLEST, WARMEST = 0.6, 1.0
"""Temperatures between which a small model's samples of one prompt differ and still make sense."""


class Driver(Protocol):
    """One attempt, however it is driven."""

    @property
    def name(self) -> str: ...

    def schemas(self) -> list[dict[str, Any]]:
        """Return the tools that the model is offered."""

    def run(self) -> End:
        """Work to the end and return why it ended; ModelLost and Interrupted travel."""

    def samples(self) -> Iterator[tuple[int, int]]:
        """Put each sample into the attempt's sandbox in turn; yield its number and its root's."""


@dataclass(frozen=True)
class Plan:
    """How all attempts at a task are made.

    `overview` is the map that a model which drives is shown; `agenda` are the locations that a
    guided one is asked about.
    """

    known: Survey
    reproduction: Reproduction
    overview: str = ""
    agenda: Agenda | None = None


def plan_attempts(run: TaskRun, known: Survey, reproduction: Reproduction) -> Plan:
    """Decide how the attempts are made: with a map, or along the locations that may need repair."""
    if run.planner == "guided":
        return Plan(known, reproduction, agenda=make_agenda(run, known, reproduction))
    # Nothing that a prepared model is shown changes its replies.
    prepared = run.model.capabilities.prepared
    overview = "" if prepared else free.overview(known.index, known.ranking, run.window)
    return Plan(known, reproduction, overview)


def attempt_numbers(run: TaskRun) -> Sequence[int]:
    """Return the numbers of the attempts to make."""
    wanted = run.config.samples or run.config.attempts
    return range(1, (4 if wanted == "auto" else wanted) + 1)


def attempt(run: TaskRun, plan: Plan, number: int) -> Sequence[Candidate]:
    """Make one attempt, again if its sandbox dies, and return what it left.

    An attempt that an earlier run of this folder finished is not made again; one that it began is,
    and what the model said then is paid for.
    """
    before = run.log.attempt(number)
    if before is not None and before.end is not None and before.end.reason not in RESUMABLE:
        return before.candidates
    used_up = run.budget.spent()
    if used_up and before is None:
        run.errors.append(f"attempt {number} was not made: the limit of {used_up} is used up")
        return []
    run.watch.attempt(number, len(attempt_numbers(run)))
    try:
        return _attempt_once(run, plan, number)
    except SandboxLost as lost:
        run.watch.stage(f"{lost.message}; making attempt {number} again")
        return _attempt_once(run, plan, number)


def _attempt_once(run: TaskRun, plan: Plan, number: int) -> list[Candidate]:
    sampling = Sampling(1, temperature(run, number), run.config.seed + number - 1)
    name = attempt_name(number)
    with (
        run.log.open(name) as log,
        run.environment.sandboxes.open() as sandbox,
        ExitStack() as stack,
    ):
        attempts_left = len(attempt_numbers(run)) - number + 1
        talk = open_conversation(run, name, sampling, log, attempts_left)
        driver = _driver(run, plan, number, talk, sandbox, stack)
        log.append(_header(run, number, sampling, driver))
        try:
            end = driver.run()
        except (Interrupted, ModelLost) as stop:  # the work so far is a candidate all the same
            _harvest(run, log, driver, sandbox, number)
            why: EndReason = "interrupted" if isinstance(stop, Interrupted) else "model_lost"
            log.append(End(why, str(stop), talk.used, round(talk.seconds, 3)))
            raise
        talk.stored.leave()
        candidates = _harvest(run, log, driver, sandbox, number)
        log.append(end)
    return candidates


def _driver(
    run: TaskRun, plan: Plan, number: int, talk: Conversation, sandbox: Sandbox, stack: ExitStack
) -> Driver:
    """Return who drives attempt `number`; what that opens is closed with `stack`."""
    task, image = run.environment.task, run.environment.image
    sandbox = Bounded(sandbox, lambda: talk.budget.seconds_left)
    if plan.agenda is not None:
        opened = stack.enter_context(run.environment.sandboxes.open())
        trying = Bounded(opened, lambda: talk.budget.seconds_left)
        checks = plan.reproduction.probes | plan.reproduction.tests
        bench = Bench(trying, image.test_command, checks)
        # Samples are independent: what one found out is no help to another.
        independent = bool(run.config.samples)
        agenda = Agenda(plan.agenda.locations, alike=True) if independent else plan.agenda
        return Guided(talk, sandbox, bench, plan.known.index.sources, agenda, number, task.text)
    review = not run.model.capabilities.prepared
    tools = free.toolbox(sandbox, image.test_command, review=review)
    return free.Free(talk, sandbox, tools, task, image, plan.overview)


def _harvest(
    run: TaskRun, log: LogFile, driver: Driver, sandbox: Sandbox, number: int
) -> list[Candidate]:
    """Take each sample that an attempt left as a candidate, and put it on record."""
    candidates = []
    for sample, root in driver.samples():
        try:
            left = harvest(sandbox, run.environment.base, number, sample)
        except HarvestFailed as failed:  # this sample's loss, not the task's
            run.errors.append(f"attempt {number}: {failed}")
            continue
        if left:
            candidate = replace(left, root=f"{number}.{root}")
            run.folder.write_patch(candidate)
            log.append(candidate)
            candidates.append(candidate)
    return candidates


def temperature(run: TaskRun, number: int) -> float:
    """Return an attempt's temperature: low at first, then higher and varied.

    Samples whose temperature the user set all have that one.
    """
    first = run.config.temperature
    fixed = run.config.samples and "temperature" in run.config.origins
    warmer = 0.0 if number == 1 or fixed else (0.4, 0.7, 1.0)[(number - 2) % 3]
    chosen = min(2.0, first + warmer)
    return min(WARMEST, max(COOLEST, chosen)) if run.planner == "guided" else chosen


def _header(run: TaskRun, number: int, sampling: Sampling, driver: Driver) -> Header:
    return Header(
        number,
        driver.name,
        run.model.name,
        sampling.seed or 0,
        sampling.temperature,
        run.environment.image.reference,
        driver.schemas(),
    )
