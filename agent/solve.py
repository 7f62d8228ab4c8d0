"""One issue from words to verdict: read this file first.

intake    issue + repository + environment -> Task, Image, a place to open sandboxes
approach  once for all attempts: what the issue is about, tests made of it, who drives
attempts  each in a sandbox of its own: planner (model + tools) -> Candidates
judge     candidates x checks -> behaviour classes -> vote -> Verdict
store     everything on disk as it happens; result.json last
"""

from __future__ import annotations

from agent.approach import decide, look_around, write_reproduction
from agent.attempts import attempt, attempt_numbers
from agent.config import Config
from agent.environment.environment import Environment, open_environment
from agent.errors import UserError
from agent.intake.issue import TaskFile
from agent.model.budget import Budget
from agent.model.protocol import Model
from agent.model.run_budget import RunBudget
from agent.records import (
    Candidate,
    Counts,
    Matrix,
    Reproduction,
    Result,
    Task,
    Verdict,
)
from agent.selection.checks import gather
from agent.selection.harvest import merge
from agent.selection.matrix import verify
from agent.selection.verdict import judge
from agent.show.markdown import markdown
from agent.show.progress import Watch
from agent.show.verdict_sheet import verdict_sheet
from agent.task_run import TaskRun, limits, note_opening, planner_of, spent
from agent.trajectory.reader import read_record, read_task
from agent.trajectory.run_folder import TaskFolder, patch_name


def solve(
    issue: TaskFile,
    config: Config,
    model: Model,
    folder: TaskFolder,
    watch: Watch,
    purse: RunBudget | None = None,
) -> Result:
    """Turn an issue into a judged patch in `folder` and return the result.

    `purse` is the money of the run that the task is part of. Raises UserError, WorldError, and
    Interrupted after the work so far has been saved.
    """
    with open_environment(issue, config, watch.stage) as place:
        remember(folder, place)
        note_opening(folder, model)
        budget = Budget(
            limits(config, model), usage=spent(folder.path), purse=purse, even=bool(config.samples)
        )
        planner = planner_of(config, model.capabilities)
        work = TaskRun(config, model, place, folder, budget, watch, planner)

        known = look_around(work)
        written = write_reproduction(work, known)
        approach = decide(work, known, written)
        candidates = [
            one for number in attempt_numbers(work) for one in attempt(work, approach, number)
        ]
        matrix, distinct = run_matrix(work, merge(candidates), written, candidates)
        dropped = [item for candidate in candidates for item in candidate.dropped]
        rejected = sum(one.rejected for one in read_task(folder.path).attempts)
        verdict = judge(distinct, matrix, dropped, rejected)
        return conclude(work, distinct, matrix, verdict, written)


def remember(folder: TaskFolder, place: Environment) -> None:
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


def run_matrix(
    work: TaskRun, distinct: list[Candidate], written: Reproduction, authors: list[Candidate]
) -> tuple[Matrix, list[Candidate]]:
    """Run every distinct candidate against the existing and the reproduction tests."""
    command = work.place.image.test_command
    if not distinct or command is None:
        notes = () if command else ("the repository has no tests and no test runner",)
        return Matrix((), (), (), notes), distinct
    with work.place.sandboxes.open() as clean:
        files = gather(clean, distinct, written, authors)
    for file in files:
        if file.content is not None:
            work.folder.write_text(f"checks/{file.path}", file.content)
    issue = work.place.task.text
    return verify(work.place.sandboxes, command, distinct, files, issue, work.watch.stage)


def conclude(
    work: TaskRun,
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
        cost_usd=None if usage.usd is None else round(usage.usd, 8),
        seconds=round(work.budget.seconds, 1),
        model=work.model.name,
        image=work.place.image.reference,
        errors=(*filter(None, [written.remark]), *work.errors),
    )
    folder.write("matrix", matrix)
    folder.write("verdict", verdict)
    sheet = verdict_sheet(
        task=work.place.task,
        image=work.place.image,
        candidates=candidates,
        matrix=matrix,
        verdict=verdict,
        result=result,
    )
    folder.write_text("verdict.md", markdown(sheet))
    folder.finish(result)
    return result
