"""One issue from words to verdict: read this file first.

intake       issue + repository + environment -> Task, Image, a place to open sandboxes
preparation  once for all attempts: localization (what the issue is about), reproduction (tests)
attempts     each in a sandbox of its own: planner (model + tools) -> Candidates
selection    candidates x checks -> behaviour classes -> vote -> Verdict
trajectory   everything on disk as it happens; result.json last
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.attempts import attempt, attempt_numbers, plan_attempts
from agent.config import Config
from agent.environment.environment import open_environment
from agent.intake.issue import TaskFile
from agent.model.protocol import Model
from agent.model.run_budget import RunBudget
from agent.preparation import make_reproduction, survey_repository
from agent.records import Candidate, Counts, Matrix, Reproduction, Result, Verdict
from agent.selection.checks import gather
from agent.selection.harvest import merge
from agent.selection.matrix import verify
from agent.selection.verdict import judge
from agent.show.markdown import markdown
from agent.show.progress import Watch
from agent.show.verdict_sheet import verdict_sheet
from agent.task_run import TaskRun, begin
from agent.trajectory.reader import patch_name
from agent.trajectory.run_folder import TaskFolder


def solve(
    issue: TaskFile,
    config: Config,
    model: Model,
    folder: TaskFolder,
    watch: Watch,
    run_budget: RunBudget | None = None,
) -> Result:
    """Turn an issue into a judged patch in `folder` and return the result.

    `run_budget` is the money of the run that the task is part of. Raises UserError, WorldError, and
    Interrupted after the work so far has been saved.
    """
    with open_environment(issue, config, watch.stage) as environment:
        run = begin(config, model, environment, folder, watch, run_budget)
        known = survey_repository(run)
        reproduction = make_reproduction(run, known)
        plan = plan_attempts(run, known, reproduction)
        candidates = [
            candidate for number in attempt_numbers(run) for candidate in attempt(run, plan, number)
        ]
        matrix, distinct = run_matrix(run, candidates, reproduction)
        verdict = decide(run, candidates, distinct, matrix)
        return conclude(run, distinct, matrix, verdict, reproduction)


def run_matrix(
    run: TaskRun, candidates: Sequence[Candidate], reproduction: Reproduction
) -> tuple[Matrix, list[Candidate]]:
    """Run every distinct candidate against the existing and the reproduction tests."""
    distinct, command = merge(candidates), run.environment.image.test_command
    if not distinct or command is None:
        notes = () if command else ("the repository has no tests and no test runner",)
        return Matrix((), (), (), notes), distinct
    with run.environment.sandboxes.open() as clean:
        files = gather(clean, distinct, reproduction, candidates)
    for file in files:
        if file.content is not None:
            run.folder.write_text(f"checks/{file.path}", file.content)
    issue = run.environment.task.text
    matrix, judged = verify(
        run.environment.sandboxes, command, distinct, files, issue, run.watch.stage
    )
    twins = {one.id: one.merged for one in judged if one.merged}
    inapplicable = tuple(one.id for one in judged if not one.applies)
    return replace(matrix, twins=twins, inapplicable=inapplicable), judged


def decide(
    run: TaskRun,
    candidates: Sequence[Candidate],
    distinct: Sequence[Candidate],
    matrix: Matrix,
) -> Verdict:
    """Judge the distinct candidates; what attempts tried and rejected counts against them."""
    rejected = sum(one.end.rejected for one in run.log.attempts if one.end is not None)
    dropped = [item for candidate in candidates for item in candidate.dropped]
    return judge(distinct, matrix, dropped, rejected)


def conclude(
    run: TaskRun,
    candidates: Sequence[Candidate],
    matrix: Matrix,
    verdict: Verdict,
    reproduction: Reproduction,
) -> Result:
    """Write the verdict and, last of all, the result."""
    folder, usage, environment = run.folder, run.budget.usage, run.environment
    patch = next((one.patch for one in candidates if one.id == verdict.chosen), "")
    result = Result(
        task_id=environment.task.id,
        status=verdict.status,
        patch=str(folder.path / patch_name(verdict.chosen)) if verdict.chosen else None,
        confidence=verdict.confidence,
        entropy=verdict.entropy,
        attempts=len(run.log.attempts),
        candidates=len(candidates),
        classes=len(verdict.classes),
        tokens=Counts(usage.prompt, usage.completion, usage.cached),
        cost_usd=None if usage.usd is None else round(usage.usd, 8),
        seconds=round(run.budget.seconds, 1),
        model=run.model.name,
        image=environment.image.reference,
        errors=(*filter(None, [reproduction.remark]), *run.errors),
    )
    folder.write("matrix", matrix)
    folder.write("verdict", verdict)
    sheet = verdict_sheet(
        task=environment.task,
        image=environment.image,
        candidates=candidates,
        matrix=matrix,
        verdict=verdict,
        result=result,
    )
    folder.write_text("verdict.md", markdown(sheet))
    folder.finish(result, patch)
    return result
