"""The free planner: for models that can drive."""

from __future__ import annotations

from agent.events import End
from agent.planner import episode
from agent.planner.episode import Conversation
from agent.records import Image, Message, Task
from prompts import render
from tools.bash import Bash
from tools.edit import Edit
from tools.plan import Plan
from tools.read import Read
from tools.run_tests import RunTests
from tools.sandbox import Sandbox
from tools.search import Search
from tools.submit import Submit
from tools.toolbox import Toolbox

NAME = "free"
MOST_ENTRIES = 60


def toolbox(sandbox: Sandbox, test_command: str | None) -> Toolbox:
    """Return the tools of one attempt."""
    return Toolbox(
        [
            Bash(sandbox),
            Read(sandbox),
            Search(sandbox),
            Edit(sandbox),
            RunTests(sandbox, test_command),
            Plan(),
            Submit(),
        ]
    )


def run(talk: Conversation, tools: Toolbox, sandbox: Sandbox, task: Task, image: Image) -> End:
    """Give the model the issue and let it drive until it submits or a limit ends it."""
    talk.add(Message("", "system", render("free_system")))
    talk.add(Message("", "user", first_message(sandbox, task, image)))
    names = ", ".join(schema["function"]["name"] for schema in tools.schemas())
    return episode.run(talk, tools, render("free_nudge", tools=names))


def first_message(sandbox: Sandbox, task: Task, image: Image) -> str:
    """Return the issue with what the model must know of the repository."""
    entries = sandbox.run("ls -Ap | grep -v '^.git/$'").output.splitlines()
    more = [f"... and {len(entries) - MOST_ENTRIES} more"] if len(entries) > MOST_ENTRIES else []
    return render(
        "free_task",
        root=sandbox.root,
        toolchain=image.toolchain,
        test_command=image.test_command,
        listing="\n".join(entries[:MOST_ENTRIES] + more),
        issue=task.text,
    )
