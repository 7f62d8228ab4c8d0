"""A test written from the issue alone, by calls that never see a patch."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.conversation.context_window import issue_text
from agent.conversation.conversation import Conversation
from agent.localization.index import Index
from agent.records import Image, Reproduction, Task
from agent.reproduction.issue_reason import issue_reason
from agent.reproduction.snippet_names import lines_giving
from prompts import render
from tools.base import EpisodeOver
from tools.nearby_tests import is_collected, tracked_files
from tools.run_tests import describe, run_written
from tools.sandbox.protocol import Sandbox

CONVERSATION = "reproduce"
NAME = "test_reported_issue.py"
TRIES = 2
LONGEST_TOP = 2000
"""Characters of the lines that every test is given."""
_BLOCK = re.compile(r"```[ \t]*(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Template:
    """Where a written test is put, "" for the usual folder, and the lines at its top."""

    path: str = ""
    top: str = ""

    def filled(self, test: str) -> str:
        """Return the whole file of a test."""
        return f"{self.top}\n\n\n{test}" if self.top and test.strip() else test


EMPTY = Template()


def template_like(index: Index, tests: Sequence[str]) -> Template:
    """Return a template with the imports and names of the nearest of the project's `tests`.

    A small model does not know where things are.
    """
    for path in tests:
        if path.endswith(".py") and is_collected(path):
            top, _ = lines_giving(None, index.sources[path])
            if top and len(top) <= LONGEST_TOP:
                return Template(posixpath.join(posixpath.dirname(path), NAME), top)
    return EMPTY


def reproduce(
    talk: Conversation, sandbox: Sandbox, task: Task, image: Image, template: Template = EMPTY
) -> Reproduction:
    """Ask for a test and return it when it fails on the clean base for the issue's reason.

    Of several samples of one prompt it is the first that shows the issue.
    """
    if image.test_command is None:
        return Reproduction({}, "the repository has no test runner, so no test was written")
    files = tracked_files(sandbox)
    path = free_name(template.path or usual_path(files), files)
    prompt = render(
        "reproduce",
        test_command=image.test_command,
        toolchain=image.toolchain,
        repository=task.repository,
        path=path,
        top=template.top,
        issue=issue_text(task.text, talk.window.tokens),
    )
    messages = [talk.add("user", prompt)]
    remark = "no reply was a test"
    try:
        for _ in range(TRIES):
            replies = talk.sample(messages)
            for reply in replies:
                content = template.filled(code_block(reply.content))
                remark, output = _try(sandbox, image.test_command, path, content, task)
                if not remark:
                    return Reproduction({path: content})
            again = render("reproduce_again", reason=remark, output=output)
            messages += [replies[-1], talk.add("user", again)]
    except EpisodeOver as over:
        remark = over.detail
    return Reproduction({}, f"no reproducing test was written: {remark}")


def _try(sandbox: Sandbox, command: str, path: str, content: str, task: Task) -> tuple[str, str]:
    """Return what is wrong with a test as a reproduction, "" when it is one, and its output."""
    if not content.strip():
        return "the reply held no fenced block of Python", ""
    run = run_written(sandbox, command, {path: content}, timeout=120)
    output = run.broken or describe(run.reports)
    if any(issue_reason(report, task.text) for report in run.reports):
        return "", output
    if run.reports and all(report.result == "pass" for report in run.reports):
        return "it passes on the code as it is now", output
    return "it fails, but not for the issue's reason", output


def free_name(path: str, files: Sequence[str]) -> str:
    """Return a path that no file of the project has."""
    while path in files:
        path = path.replace(".py", "_1.py")
    return path


def usual_path(files: list[str]) -> str:
    """Return where a new test file goes: among the shallowest collected tests."""
    folders = sorted({posixpath.dirname(file) for file in files if is_collected(file)})
    best = min(folders, key=lambda folder: (folder.count("/"), len(folder)), default="")
    return posixpath.join(best, NAME) if best else NAME


def code_block(reply: str) -> str:
    """Return the longest fenced block of a reply, "" when there is none."""
    return max(_BLOCK.findall(reply), key=len, default="")
