"""The attempts at one task: each in a sandbox of its own, and whatever happens, harvested."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from agent.approach import Approach, Driver
from agent.errors import Interrupted, ModelLost
from agent.records import Candidate, Sampling
from agent.selection.harvest import HarvestFailed, harvest
from agent.task_run import TO_BE_MADE, TaskRun, conversation
from agent.trajectory.events import End, Header
from agent.trajectory.reader import read_task
from tools.base import EndReason, SandboxLost
from tools.sandbox.protocol import Sandbox

COOLEST, WARMEST = 0.6, 1.0
"""Temperatures between which a small model's samples of one prompt differ and still make sense."""


def attempt_numbers(work: TaskRun) -> Sequence[int]:
    """Return the numbers of the attempts to make."""
    wanted = work.config.samples or work.config.attempts
    return range(1, (4 if wanted == "auto" else wanted) + 1)


def attempt(work: TaskRun, approach: Approach, number: int) -> list[Candidate]:
    """Make one attempt, again if its sandbox dies, and return what it left.

    An attempt that an earlier run of this folder finished is not made again; one that it began is,
    and what the model said then is paid for.
    """
    recorded = read_task(work.folder.path)
    before = [one for one in recorded.candidates if one.attempt < number]
    ends = {one.number: one.end for one in recorded.attempts}
    if ends.get(number) not in TO_BE_MADE:
        return [one for one in recorded.candidates if one.attempt == number]
    used_up = work.budget.spent()
    if used_up and number not in ends:
        work.errors.append(f"attempt {number} was not made: the limit of {used_up} is used up")
        return []
    work.watch.attempt(number, len(attempt_numbers(work)))
    try:
        return _attempt_once(work, approach, number, before)
    except SandboxLost as lost:
        work.watch.stage(f"{lost.message}; making attempt {number} again")
        return _attempt_once(work, approach, number, before)


def _attempt_once(
    work: TaskRun, approach: Approach, number: int, before: list[Candidate]
) -> list[Candidate]:
    warmth = temperature(number, work.config.temperature)
    if work.config.samples and "temperature" in work.config.origins:
        warmth = work.config.temperature
    if work.planner == "guided":
        warmth = min(WARMEST, max(COOLEST, warmth))
    sampling = Sampling(1, warmth, work.config.seed + number - 1)
    with (
        work.folder.attempt_log(number) as log,
        work.place.sandboxes.open() as sandbox,
        ExitStack() as stack,
    ):
        attempts_left = len(attempt_numbers(work)) - number + 1
        talk = conversation(work, f"attempt-{number}", sampling, log, attempts_left)
        driver = approach.driver(work, number, talk, sandbox, stack)
        log.append(header(work, number, sampling, driver))
        try:
            end = driver.run()
        except (Interrupted, ModelLost) as stop:  # the work so far is a candidate all the same
            take(work, driver, sandbox, number, before)
            why: EndReason = "interrupted" if isinstance(stop, Interrupted) else "model_lost"
            log.append(End(why, str(stop), talk.used, round(talk.seconds, 3)))
            raise
        talk.stored.leave()
        found = take(work, driver, sandbox, number, before)
        log.append(end)
    return found


def take(
    work: TaskRun, driver: Driver, sandbox: Sandbox, number: int, before: Sequence[Candidate]
) -> list[Candidate]:
    """Harvest an attempt's samples and put what they left beside what came before."""
    found = []
    for sample, root in driver.samples():
        try:
            left = harvest(sandbox, work.place.base, number, sample)
        except HarvestFailed as failed:  # this sample's loss, not the task's
            work.errors.append(f"attempt {number}: {failed}")
            continue
        if left:
            found.append(replace(left, root=f"{number}.{root}"))
    work.folder.write_candidates([*before, *found])
    return found


def temperature(number: int, first: float) -> float:
    """Return an attempt's temperature: low at first, then higher and varied."""
    return first if number == 1 else min(2.0, first + (0.4, 0.7, 1.0)[(number - 2) % 3])


def header(work: TaskRun, number: int, sampling: Sampling, driver: Driver) -> Header:
    """Return the first line of an attempt's log."""
    return Header(
        number,
        driver.name,
        work.model.name,
        sampling.seed or 0,
        sampling.temperature,
        work.place.image.reference,
        driver.schemas(),
    )
