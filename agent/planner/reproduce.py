"""A test written from the issue alone, by calls that never see a patch."""

from __future__ import annotations

import posixpath
import re
from shlex import quote

from agent.judge.reason import issue_reason
from agent.planner.context import issue_text
from agent.planner.episode import Conversation
from agent.records import Image, Message, Reproduction, Task
from prompts import render
from tools.base import EpisodeOver
from tools.nearby_tests import is_collected, tracked_files
from tools.run_tests import describe, run_tests
from tools.sandbox import Sandbox

CONVERSATION = "reproduce"
TRIES = 2
_BLOCK = re.compile(r"```[ \t]*(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL)


def reproduce(talk: Conversation, sandbox: Sandbox, task: Task, image: Image) -> Reproduction:
    """Ask for a test and return it when it fails on the clean base for the issue's reason."""
    if image.test_command is None:
        return Reproduction({}, "the repository has no test runner, so no test was written")
    path = place(tracked_files(sandbox))
    prompt = render(
        "reproduce",
        test_command=image.test_command,
        toolchain=image.toolchain,
        repository=task.repository,
        path=path,
        issue=issue_text(task.text, talk.window.tokens),
    )
    talk.add(Message("", "user", prompt))
    remark = "no reply was a test"
    try:
        for _ in range(TRIES):
            content = fenced(talk.ask().content)
            remark, output = _try(sandbox, image.test_command, path, content, task)
            if not remark:
                return Reproduction({path: content})
            talk.add(Message("", "user", render("reproduce_again", reason=remark, output=output)))
    except EpisodeOver as over:
        remark = over.detail
    return Reproduction({}, f"no reproducing test was written: {remark}")


def _try(sandbox: Sandbox, command: str, path: str, content: str, task: Task) -> tuple[str, str]:
    """Return what is wrong with a test as a reproduction, "" when it is one, and its output."""
    if not content.strip():
        return "the reply held no fenced block of Python", ""
    sandbox.write(path, content.encode())
    run = run_tests(sandbox, command, [path], timeout=120)
    sandbox.run(f"rm -f -- {quote(path)}")
    output = run.broken or describe(run.reports)
    if any(issue_reason(report, task.text) for report in run.reports):
        return "", output
    if run.reports and all(report.result == "pass" for report in run.reports):
        return "it passes on the code as it is now", output
    return "it fails, but not for the issue's reason", output


def place(files: list[str]) -> str:
    """Choose where a new test file goes: among the shallowest collected tests."""
    folders = sorted({posixpath.dirname(file) for file in files if is_collected(file)})
    best = min(folders, key=lambda folder: (folder.count("/"), len(folder)), default="")
    name = "test_reported_issue.py"
    return posixpath.join(best, name) if best else name


def fenced(reply: str) -> str:
    """Return the longest fenced block of a reply, "" when there is none."""
    return max(_BLOCK.findall(reply), key=len, default="")
