"""The task that a command line names: a file, an issue on GitHub, or a row of a dataset."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.config import Config
from agent.intake import dataset, github, issue
from agent.intake.issue import INSTANCE, TaskFile
from tools.base import UserError

DEFAULT_DATASET = "lite"


@dataclass(frozen=True)
class Options:
    """What options say of the task; None where they say nothing."""

    repo: str | None = None
    ref: str | None = None
    dataset: str | None = None
    at_issue_time: bool = False


def task_named(text: str, options: Options, config: Config) -> TaskFile:
    """Return the task that TASK names, as the options want it.

    Raises UserError for words that mean nothing or do not go together, NetworkError.
    """
    found = _read(text, options, config)
    if options.repo is not None and options.repo != found.repository:
        found = replace(found, repository=options.repo, ref=None)  # its ref was for its repository
    return replace(
        found,
        ref=options.ref or found.ref,
        test_command=config.test_command or found.test_command,
    )


def _read(text: str, options: Options, config: Config) -> TaskFile:
    name = issue.on_github(text)
    if options.dataset and name:
        raise UserError("--dataset goes with an instance's id, not with an issue", "leave it out")
    if name:
        wanted = github.Wanted(options.repo, options.ref, options.at_issue_time)
        return github.read(name, config, wanted)
    if options.at_issue_time:
        raise UserError("--at-issue-time goes with an issue on GitHub", "name the code with --ref")
    if options.dataset or INSTANCE.fullmatch(text):
        row = dataset.task(text, options.dataset or DEFAULT_DATASET)
        if options.ref and options.ref != row.ref:
            raise UserError("--ref does not go with an instance: it has its commit", "leave it out")
        if options.repo:  # another place to take the same commit from
            return replace(row, repository=options.repo)
        return row
    return issue.read(text)
