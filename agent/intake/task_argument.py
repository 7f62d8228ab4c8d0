"""The task that a command line names: a file, an issue on GitHub, or a row of a dataset."""

from __future__ import annotations

from dataclasses import replace

from agent.config import Config
from agent.intake import dataset, github, issue
from agent.intake.issue import INSTANCE, Options, TaskFile
from tools.base import UserError

DEFAULT_DATASET = "lite"


def task_named(text: str, options: Options, config: Config) -> TaskFile:
    """Return the task that TASK names, as the options want it.

    Raises UserError for words that mean nothing or do not go together, NetworkError.
    """
    found = _read(text, options, config)
    if options.repo is not None and options.repo != found.repository:
        found = replace(
            found, repository=options.repo, ref=None
        )  # the task's ref belongs to the task's repository
    return replace(
        found, ref=options.ref or found.ref, test_command=config.test_command or found.test_command
    )


def _read(text: str, options: Options, config: Config) -> TaskFile:
    name = issue.on_github(text)
    if options.dataset and name:
        raise UserError("--dataset goes with an instance's id, not with an issue", "leave it out")
    if name:
        return github.read(name, config, options)
    if options.at_issue_time:
        raise UserError("--at-issue-time goes with an issue on GitHub", "name the code with --ref")
    if options.dataset or INSTANCE.fullmatch(text):
        row = dataset.task(text, options.dataset or DEFAULT_DATASET)
        if options.ref and options.ref != row.ref:
            raise UserError("--ref does not go with an instance: it has its commit", "leave it out")
        if options.repo:  # the same commit, from another repository
            return replace(row, repository=options.repo)
        return row
    return issue.read(text)
