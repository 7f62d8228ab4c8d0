"""What `solve` does: one task solved in a run folder, its progress and its verdict shown."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from agent.config import Config
from agent.errors import EXIT_DISAGREE, EXIT_NO_PATCH, EXIT_UNVERIFIED, EXIT_VERIFIED, UserError
from agent.intake.issue import TaskFile
from agent.intake.repository_address import display_name, parse
from agent.model.choice import open_model
from agent.records import Result, Status
from agent.show.progress import progress
from agent.show.terminal import Screen
from agent.show.verdict_sheet import verdict_sheet
from agent.solve import solve
from agent.trajectory.reader import read_task
from agent.trajectory.run_folder import RunFolder, TaskFolder, new_run_id, versions

EXIT_CODES: dict[Status, int] = {
    "verified": EXIT_VERIFIED,
    "unverified": EXIT_UNVERIFIED,
    "disagree": EXIT_DISAGREE,
    "no_patch": EXIT_NO_PATCH,
}


def run_solve(issue: TaskFile, config: Config, output: Path | None, console: Console) -> Result:
    """Solve one task in a run folder, show how it goes, and return the result."""
    path = output or Path("runs") / new_run_id(datetime.now(UTC))
    with RunFolder.open(path, versions=versions(None), config=config.shown()) as run:
        folder = run.task(issue.id)
        finished = folder.finished
        if finished is not None:
            refuse_other_work(folder, issue)
            console.print(f"{folder.path} is finished already; choose another -o to solve it again")
            show(folder, console)
            return finished
        watch = progress(console)
        try:
            with open_model(config, watch.stage) as model:
                result = solve(issue, config, model, folder, watch)
        except UserError:  # there was nothing to work on, so nothing is left behind
            folder.discard_if_empty()
            run.discard_if_empty()
            raise
        except Exception as error:  # the one place where a task's failure is recorded
            folder.fail(error)
            raise
        finally:
            watch.done()
        show(folder, console)
        return result


def refuse_other_work(folder: TaskFolder, issue: TaskFile) -> None:
    """Raise UserError when a finished task is about another repository than the one asked for."""
    known, named = read_task(folder.path).task, issue.repository
    if known is not None and named is not None and display_name(parse(named)) != known.repository:
        reason = f"{folder.path} is finished, and is about {known.repository}"
        raise UserError(reason, "choose another folder with -o")


def show(folder: TaskFolder, console: Console) -> None:
    """Print the verdict sheet of a finished task."""
    known, path = read_task(folder.path), folder.path
    if known.task and known.image and known.verdict and known.result:
        sheet = verdict_sheet(
            task=known.task,
            image=known.image,
            candidates=known.candidates,
            matrix=known.matrix,
            verdict=known.verdict,
            result=known.result,
        )
        console.print(Screen(sheet))
        console.print(f"Everything is in {path}; read it with: repair-agent inspect {path}")
