"""One issue from words to verdict: read this file first.

intake    issue + repository + environment -> Task, Image, a place to open sandboxes
attempts  each in a sandbox of its own: planner (model + tools) -> Candidate
judge     candidates x checks -> behaviour classes -> vote -> Verdict
store     everything on disk as it happens; result.json last
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.config import Config
from agent.disk import EventLog
from agent.errors import Interrupted, UserError
from agent.events import End, Event, Header
from agent.intake.issue import TaskFile
from agent.intake.workplace import Workplace, open_workplace
from agent.judge.candidate import HarvestFailed, harvest, merge
from agent.judge.evidence import gather
from agent.judge.verdict import judge
from agent.judge.verify import verify
from agent.model.budget import Budget, Limits
from agent.model.protocol import Model
from agent.planner import free
from agent.planner.episode import Conversation
from agent.planner.reproduce import CONVERSATION, reproduce
from agent.recording import read_record, read_task
from agent.records import (
    Call,
    Candidate,
    Counts,
    Matrix,
    Reproduction,
    Result,
    Sampling,
    Task,
    Usage,
    Verdict,
)
from agent.show.progress import Watch
from agent.show.verdict import sheet
from agent.store import TaskFolder, patch_name
from tools.base import SandboxLost
from tools.sandbox import Sandbox
from tools.toolbox import Toolbox


@dataclass(frozen=True)
class Solving:
    """What the stages of one task share."""

    config: Config
    model: Model
    place: Workplace
    folder: TaskFolder
    budget: Budget
    watch: Watch
    errors: list[str] = field(default_factory=list)


def solve(
    issue: TaskFile, config: Config, model: Model, folder: TaskFolder, watch: Watch
) -> Result:
    """Turn an issue into a judged patch in `folder` and return the result.

    Raises UserError, WorldError, and Interrupted after the work so far has been saved.
    """
    with open_workplace(issue, config, watch.stage) as place:
        remember(folder, place)
        budget = Budget(limits(config), usage=spent(folder))
        work = Solving(config, model, place, folder, budget, watch)

        written = write_reproduction(work)
        candidates = [one for number in attempt_numbers(work) for one in attempt(work, number)]
        matrix, distinct = run_matrix(work, merge(candidates), written, candidates)
        dropped = [item for candidate in candidates for item in candidate.dropped]
        verdict = judge(distinct, matrix, dropped)
        return conclude(work, distinct, matrix, verdict, written)


def remember(folder: TaskFolder, place: Workplace) -> None:
    """Write down what is worked on; a folder of other work is the user's to move."""
    known: Task | None = read_record(folder.path / "task.json", Task)
    if known is not None and _of(known) != _of(place.task):
        raise UserError(
            f"{folder.path} holds work on {known.repository} at {known.base_commit[:12]}",
            "choose another folder with -o",
        )
    folder.write("task", place.task)
    folder.write("image", place.image)


def _of(task: Task) -> tuple[object, ...]:
    return task.repository, task.base_commit, task.title, task.body


def spent(folder: TaskFolder) -> Usage:
    """Return what earlier starts of this task have used: limits are for the whole task."""
    recorded = read_task(folder.path)
    calls = [call for attempt in recorded.attempts for call in attempt.calls]
    calls += [event for event in recorded.shared if isinstance(event, Call)]
    return sum((call.usage for call in calls), Usage())


def limits(config: Config) -> Limits:
    """Return the limits that a configuration sets."""
    return Limits(config.max_steps, config.time_limit, config.max_tokens, config.max_usd)


def write_reproduction(work: Solving) -> Reproduction:
    """Have a test written from the issue alone, once for all attempts."""
    known: Reproduction | None = read_record(work.folder.path / "reproduction.json", Reproduction)
    if known is not None:
        return known
    work.watch.stage("writing a test from the issue")
    with work.folder.shared_log() as log, work.place.sandboxes.open() as sandbox:
        talk = conversation(work, CONVERSATION, Sampling(seed=work.config.seed), log)
        written = reproduce(talk, sandbox, work.place.task, work.place.image)
    work.folder.write("reproduction", written)
    return written


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
    if ends.get(number) not in (None, "interrupted"):
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
        tools = free.toolbox(sandbox, image.test_command)
        talk = conversation(work, f"attempt-{number}", sampling, log)
        log.append(header(work, number, sampling, tools))
        try:
            end = free.run(talk, tools, sandbox, task, image)
            found = take(work, sandbox, number, before)
        except Interrupted as stop:  # the work so far is a candidate, also after Ctrl-C
            take(work, sandbox, number, before)
            log.append(End("interrupted", str(stop), talk.used, round(talk.seconds, 3)))
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

    return Conversation(name, work.model, work.budget, sampling, record)


def last_action(call: Call) -> str:
    """Return what a reply does, in one line."""
    reply = call.replies[0]
    acts = [f"{tool.name} {tool.arguments}" for tool in reply.tool_calls]
    return "; ".join(acts) or reply.content.strip().partition("\n")[0] or "an empty reply"


def run_matrix(
    work: Solving, distinct: list[Candidate], written: Reproduction, authors: list[Candidate]
) -> tuple[Matrix, list[Candidate]]:
    """Run every distinct candidate against the existing and the reproduction tests."""
    command = work.place.image.test_command
    if not distinct or command is None:
        notes = () if command else ("the repository has no tests and no test runner",)
        return Matrix((), (), (), notes), distinct
    with work.place.sandboxes.open() as clean:
        files = gather(clean, distinct, written.tests, authors)
    for file in files:
        if file.content is not None:
            work.folder.write_text(f"checks/{file.path}", file.content)
    issue = work.place.task.text
    return verify(work.place.sandboxes, command, distinct, files, issue, work.watch.stage)


def conclude(
    work: Solving,
    candidates: list[Candidate],
    matrix: Matrix,
    verdict: Verdict,
    written: Reproduction,
) -> Result:
    """Write the verdict and, last of all, the result."""
    folder, usage = work.folder, work.budget.usage
    judged = {candidate.id: candidate for candidate in candidates}
    recorded = read_task(folder.path).candidates
    folder.write_candidates([judged.get(one.id, one) for one in recorded])
    result = Result(
        task_id=work.place.task.id,
        status=verdict.status,
        patch=str(folder.path / patch_name(verdict.chosen)) if verdict.chosen else None,
        confidence=verdict.confidence,
        entropy=verdict.entropy,
        attempts=len(read_task(folder.path).attempts),
        candidates=len(candidates),
        classes=len(verdict.classes),
        tokens=Counts(usage.prompt, usage.completion, usage.cached),
        cost_usd=usage.usd,
        seconds=round(work.budget.seconds, 1),
        model=work.model.name,
        image=work.place.image.reference,
        errors=(*filter(None, [written.remark]), *work.errors),
    )
    folder.write("matrix", matrix)
    folder.write("verdict", verdict)
    text = sheet(
        task=work.place.task,
        image=work.place.image,
        candidates=candidates,
        matrix=matrix,
        verdict=verdict,
        result=result,
    )
    folder.write_text("verdict.md", text)
    folder.finish(result)
    return result
