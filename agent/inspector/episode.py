"""An episode as it is looked at: steps that are read when they are shown, whoever recorded it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.planner.guided.edit_format import DIVIDER, REPLACE, SEARCH
from agent.records import Message, Usage

WRITING = re.compile(
    r"(?:^|[\s;&|(])(?:sed\s+(?:-\w+\s+)*-\w*i|tee\b|patch\b|git\s+apply|git\s+checkout\s+--|ed\b)"
    r"|(?<![\d&<>-])>{1,2}(?!=)\s*(?!&|/dev/|/tmp/)\S"
    r"|\.write(?:_text|lines)?\(|str_replace_editor\s+(?:str_replace|create|insert)"
)
"""What a command looks like that changes a file; it may look so and change none."""
ENDED_BADLY = re.compile(
    r"\[exit code (?!0[,\]])|^\[killed after |<returncode>(?!0<)", re.MULTILINE
)
BLOCK = re.compile(
    rf"^{SEARCH}[ \t]*\n(.*?)^{DIVIDER}[ \t]*\n(.*?)^(?:{REPLACE}|\Z)", re.DOTALL | re.MULTILINE
)
"""A change as guided models write it; one that was cut, too."""
MARKER = re.compile(rf"^(?:{SEARCH}|{DIVIDER}|{REPLACE})$\n?", re.MULTILINE)
APPLIED = re.compile(r"sample \d+: (?!The change would add problems)")
"""What is said of a guided model's change that was made and tried."""
TESTS_FAILED = re.compile(r"\b[1-9]\d* (?:fail|error)\b|^No test ran\.")


@dataclass(frozen=True)
class Act:
    """One thing that a reply did: a tool call, or a proposed change, and what came of it.

    `text` is what was called as it reads best, `given` the same as it was written; `seen` is what
    the model was shown of it, None when nothing came back. `seconds` are None where unknown;
    `ended_badly` where the record says so beside the text.
    """

    name: str
    text: str
    given: str = ""
    seen: str | None = None
    refused: bool = False
    seconds: float | None = None
    ended_badly: bool = False

    @property
    def failed(self) -> bool:
        """Tell whether it was refused, ended badly, or ran tests of which some failed."""
        seen = self.seen or ""
        if (
            self.refused
            or self.ended_badly
            or ENDED_BADLY.search(seen[-400:])
            or ENDED_BADLY.search(seen[:400])
        ):
            return True
        tests = self.name == "run_tests" or self.name.startswith("sample")
        return tests and bool(TESTS_FAILED.search(seen.partition("\n")[0]))

    @property
    def edits(self) -> bool:
        """Tell whether it changed a file, or looks as if it did."""
        if self.name.startswith("sample"):
            # One that made tests fail was made all the same, and may go along as a candidate.
            return bool(APPLIED.match(self.seen or ""))
        if self.refused:
            return False
        if self.name == "edit":
            return True
        return self.name == "bash" and bool(WRITING.search(self.text))


def gist(text: str) -> str:
    """Return what a call says; of a replacement, the lines that become other."""
    found = BLOCK.search(text)
    if found is None:
        return MARKER.sub("", text).strip()
    old, new = found[1].splitlines(), found[2].splitlines()
    added = [f"+ {line.strip()}" for line in new if line.strip() and line not in old]
    removed = [f"- {line.strip()}" for line in old if line.strip() and line not in new]
    return " ".join(added or removed) or "the same lines again"


@dataclass(frozen=True)
class Step:
    """One request to the model: what it thought, what it did, and what that cost.

    `seconds` are the model's, None where unknown; `remarks` are ours: what was elided, given again
    or cut, and lines that cannot be read. `heard` is what the program said to the model afterwards.
    """

    number: int
    thought: str
    acts: tuple[Act, ...] = ()
    usage: Usage | None = None
    seconds: float | None = None
    remarks: tuple[str, ...] = ()
    heard: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Tell whether anything that it did failed."""
        return any(act.failed for act in self.acts)

    @property
    def edits(self) -> bool:
        """Tell whether it changed a file."""
        return any(act.edits for act in self.acts)

    @property
    def acting(self) -> float:
        """Seconds that its calls took, as far as they are known."""
        return sum(act.seconds or 0.0 for act in self.acts)

    @property
    def summary(self) -> str:
        """What it did in a line: the first call, or else the first words."""
        if self.acts:
            more = f" and {len(self.acts) - 1} more" if len(self.acts) > 1 else ""
            act = self.acts[0]
            return f"{act.name}{more}: {gist(act.text)[:400]}"
        return self.thought.strip()[:400] or (self.remarks[0] if self.remarks else "")


@dataclass(frozen=True)
class About:
    """What is known of an episode as a whole; None or "" where the record does not say."""

    label: str
    model: str = ""
    planner: str = ""
    sampling: str = ""
    end: str = ""
    usage: Usage | None = None
    seconds: float | None = None
    number: int | None = None
    restarts: int = 0
    damaged: bool = False


class Episode(Protocol):
    """One attempt, or work that attempts share; steps are counted from 1."""

    @property
    def about(self) -> About:
        """What is known of it as a whole, as of now."""

    def __len__(self) -> int: ...

    def step(self, number: int) -> Step:
        """Return a step; raises IndexError."""

    def sent(self, number: int) -> Sequence[Message]:
        """Return what the model was sent in a step, shortened as it was."""

    def refresh(self) -> bool:
        """Take in what was written since; tell whether there was anything."""


def writer_of(episode: Episode, line: str, path: str) -> int | None:
    """Return the last step that wrote a line of a patch, or else that changed the file."""
    wanted, name = line.strip(), path.rpartition("/")[2]
    touched = None
    for number in range(len(episode), 0, -1):
        for act in episode.step(number).acts:
            if not act.edits:
                continue
            if wanted and any(wanted == one.strip() for one in act.text.splitlines()):
                return number
            if wanted and wanted in act.text:
                return number
            if name and name in act.text and touched is None:
                touched = number
    return touched
