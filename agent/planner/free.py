"""The free planner: for models that can drive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from agent.conversation.context_window import issue_text
from agent.conversation.conversation import Conversation
from agent.localization.index import Index
from agent.localization.ranking import Ranking
from agent.localization.repository_map import outline
from agent.planner import loop
from agent.planner.loop_guard import Advice
from agent.records import Image, Task
from agent.trajectory.events import End
from prompts import render
from tools.bash import Bash
from tools.changed_files import ChangedFiles
from tools.clip import clip
from tools.edit import Edit
from tools.plan import Plan
from tools.quick_tests import QuickTests
from tools.read import Read
from tools.run_tests import RunTests
from tools.sandbox.protocol import Sandbox
from tools.search import Search
from tools.submit import Submit
from tools.toolbox import Toolbox

NAME = "free"
MOST_ENTRIES = 60
MOST_OF_MAP, SHARES_OF_MAP = 2000, 16
"""Tokens of the map: at most so many, and one part in so many of the window."""
MOST_OF_DIFF = 8000
"""Characters of a diff that are shown for review."""


def toolbox(sandbox: Sandbox, test_command: str | None, *, review: bool = True) -> Toolbox:
    """Return the tools of one attempt; with `review`, the diff is read before it is handed in."""
    return Toolbox(
        [
            Bash(sandbox),
            Read(sandbox),
            Search(sandbox),
            Edit(sandbox, QuickTests(sandbox, test_command)),
            RunTests(sandbox, test_command),
            Plan(),
            Submit(partial(reviewed, sandbox) if review else None),
        ],
        ChangedFiles(sandbox),
    )


@dataclass
class Free:
    """One attempt: the model drives in `sandbox`, and what it leaves there is its one sample."""

    talk: Conversation
    sandbox: Sandbox
    tools: Toolbox
    task: Task
    image: Image
    overview: str = ""
    name = NAME

    def run(self) -> End:
        """Let the model drive to its end."""
        return run(self.talk, self.tools, self.sandbox, self.task, self.image, self.overview)

    def schemas(self) -> list[dict[str, Any]]:
        """Return the tools as the model is told of them."""
        return self.tools.schemas()

    def samples(self) -> Iterator[tuple[int, int]]:
        """Yield the number of the sample that stands in the sandbox, which is its own root."""
        yield 1, 1


def run(
    talk: Conversation,
    tools: Toolbox,
    sandbox: Sandbox,
    task: Task,
    image: Image,
    overview: str = "",
) -> End:
    """Give the model the issue and let it drive until it submits or a limit ends it.

    `overview` is the map of the repository, "" for none.
    """
    native = talk.model.capabilities.tools
    nudge = render(
        "free_nudge" if native else "text_nudge",
        tools=", ".join(schema["function"]["name"] for schema in tools.schemas()),
    )
    talk.add("system", render("free_system"))
    first = first_message(sandbox, task, image, overview, talk.window.tokens)
    talk.add("user", first)
    return loop.run(talk, tools, Advice(talk.budget, nudge))


def overview(index: Index, ranking: Ranking, window: int | None) -> str:
    """Return the map of a clean repository that fits the model's window."""
    most = MOST_OF_MAP if window is None else min(MOST_OF_MAP, window // SHARES_OF_MAP)
    return outline(index, ranking, most)


def first_message(
    sandbox: Sandbox, task: Task, image: Image, overview: str, window: int | None
) -> str:
    """Return the issue with what the model must know of the repository."""
    entries = sandbox.run("ls -Ap | grep -v '^.git/$'").output.splitlines()
    more = [f"... and {len(entries) - MOST_ENTRIES} more"] if len(entries) > MOST_ENTRIES else []
    return render(
        "free_task",
        root=sandbox.root,
        toolchain=image.toolchain,
        test_command=image.test_command,
        listing="\n".join(entries[:MOST_ENTRIES] + more),
        overview=overview,
        issue=issue_text(task.text, window),
    )


def reviewed(sandbox: Sandbox) -> str:
    """Return the change so far with what to look for in it."""
    diff = sandbox.run("git add -AN . && git diff --no-color --no-ext-diff").output
    return render("review", diff=clip(diff.strip(), MOST_OF_DIFF))
