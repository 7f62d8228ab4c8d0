"""An episode as it is looked at: steps that are read when they are shown, whoever recorded it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from agent.messages import Message, Usage
from agent.planner.guided.edit_format import DIVIDER, REPLACE, SEARCH
from agent.show.figures import several
from agent.trajectory.attempt import Act as RecordedAct
from agent.trajectory.attempt import Turn
from agent.trajectory.events import CHANGE, Outcome
from agent.trajectory.formats.foreign import Trajectory, reasoning_in
from agent.trajectory.indexed_log import IndexedLog

WRITING = re.compile(
    r"(?:^|[\s;&|(])(?:sed\s+(?:-\w+\s+)*-\w*i|tee\b|patch\b|git\s+apply|git\s+checkout\s+--|ed\b)"
    r"|(?<![\d&<>-])>{1,2}(?!=)\s*(?!&|/dev/|/tmp/)\S"
    r"|\.write(?:_text|lines)?\(|str_replace_editor\s+(?:str_replace|create|insert)"
)
"""What a command looks like that changes a file, where the record does not say: it may change none.
"""
BLOCK = re.compile(
    rf"^{SEARCH}[ \t]*\n(.*?)^{DIVIDER}[ \t]*\n(.*?)^(?:{REPLACE}|\Z)", re.DOTALL | re.MULTILINE
)
"""A change as guided models write it; one that was cut, too."""
MARKER = re.compile(rf"^(?:{SEARCH}|{DIVIDER}|{REPLACE})$\n?", re.MULTILINE)
ENDS = {"length": "cut at the limit of its length", "refusal": "refused"}


@dataclass(frozen=True)
class Act:
    """One thing that a reply did, as it is shown: a tool call, or a proposed change.

    `text` is what was called as it reads best, `given` the same as it was written; `seen` is what
    the model was shown of it, None when nothing came back. `seconds` are None where unknown.
    `refused` marks a wrong call, `failed` also one that ended badly or whose tests failed, and
    `edits` one that changed a file, or where that is not known looks as if it did.
    """

    name: str
    text: str
    given: str = ""
    seen: str | None = None
    refused: bool = False
    seconds: float | None = None
    failed: bool = False
    edits: bool = False
    proposed: bool = False


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
    """One request to the model, as it is shown: what it thought, what it did, and what that cost.

    `seconds` are the model's, None where unknown; `remarks` are ours: what was elided, given again
    or cut, and the `problems`: lines that cannot be read. `heard` is what the program said to the
    model afterwards, `sent` how many messages the request had, 0 where unknown.
    """

    number: int
    thought: str
    acts: tuple[Act, ...] = ()
    usage: Usage | None = None
    seconds: float | None = None
    remarks: tuple[str, ...] = ()
    heard: tuple[str, ...] = ()
    sent: int = 0
    problems: tuple[str, ...] = ()

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


def step_of(turn: Turn) -> Step:
    """Return a turn as it is shown."""
    step = turn.step
    replies = {reply.id: (place, reply) for place, reply in enumerate(step.replies, 1)}
    acts = [_act(act, replies, len(step.replies)) for act in turn.acts]
    proposed = any(act.proposed for act in acts)
    problems = tuple(note.text for note in turn.notes if not note.conversation)
    thoughts = [text for reply in step.replies for text in (reasoning_in(reply), reply.content)]
    return Step(
        turn.number,
        "" if proposed else "\n\n".join(text.strip() for text in thoughts if text.strip()),
        tuple(acts),
        None if step.usage == Usage() else step.usage,
        step.seconds or None,
        (*_remarks(turn), *(note.text for note in turn.notes)),
        tuple(message.content for message in turn.heard),
        len(step.sent),
        problems,
    )


def _act(recorded: RecordedAct, replies: Mapping[str, tuple[int, Message]], count: int) -> Act:
    action, outcome = recorded.action, recorded.outcome
    if action.name == CHANGE:
        place, reply = replies[action.id]
        unnumbered = f"reply {place} of {count}" if count > 1 else "sample"
        name = unnumbered if action.sample is None else f"sample {action.sample}"
        text = given = reply.content
    else:
        name, text, given = action.name, written(action.arguments), action.arguments
    if outcome is None:
        return Act(name, text, given, proposed=action.name == CHANGE)
    return Act(
        name,
        text,
        given,
        outcome.text,
        outcome.error,
        outcome.seconds or None,
        outcome.failed,
        _edits(action.name, text, outcome),
        action.name == CHANGE,
    )


def _edits(name: str, text: str, outcome: Outcome) -> bool:
    """Tell whether an action changed a file, or where the record does not say looks like it."""
    if outcome.changed is not None:
        return bool(outcome.changed)
    looks_so = name == "bash" and bool(WRITING.search(text))
    return looks_so or name in ("edit", CHANGE)


def _remarks(turn: Turn) -> Iterator[str]:
    """Yield what is remarkable about a request."""
    step = turn.step
    yield from (ENDS[reply.finish] for reply in step.replies if reply.finish)
    if step.elided:
        yield f"{several(len(step.elided), 'message')} of {len(step.sent)} sent shortened"
    if step.served:
        yield "given again from an earlier start, at no cost"
    if not step.replies and step.id:
        yield "no reply came"


def written(arguments: str) -> str:
    """Return a call's arguments as they read best: a single one bare, several by name."""
    try:
        values = json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments  # as the model wrote it: that it is no JSON is what is to be seen
    if not isinstance(values, dict):
        return arguments
    texts = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in values.items()
    }
    if len(texts) == 1:
        return next(iter(texts.values()))
    return "\n".join(f"{name}={text}" for name, text in texts.items())


@dataclass(frozen=True)
class About:
    """What is known of an episode as a whole; None or "" where the record does not say."""

    label: str
    model: str = ""
    planner: str = ""
    sampling: str = ""
    image: str = ""
    tools: str = ""
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

    @property
    def problems(self) -> Sequence[str]:
        """What of the record cannot be read, a line each."""

    def __len__(self) -> int: ...

    def step(self, number: int) -> Step:
        """Return a step; raises IndexError."""

    def sent(self, number: int) -> Sequence[Message]:
        """Return what the model was sent in a step, shortened as it was."""

    def refresh(self) -> bool:
        """Take in what was written since; tell whether there was anything."""


@dataclass(frozen=True)
class LoggedEpisode:
    """A log of ours, which may grow."""

    log: IndexedLog
    label: str

    @property
    def about(self) -> About:
        """What header and end say."""
        header, end, log = self.log.header, self.log.end, self.log
        about = About(self.label, restarts=log.restarts, damaged=bool(log.problems))
        if header is not None:
            sampling = f"seed {header.seed}, temperature {header.temperature:g}"
            tools = [str(tool.get("function", tool).get("name", "?")) for tool in header.tools]
            about = replace(
                about, model=header.model, planner=header.planner, sampling=sampling,
                image=header.image, tools=", ".join(tools), number=header.number,
            )  # fmt: skip
        if end is not None:
            reason = f"{end.reason}, {end.detail}" if end.detail else end.reason
            about = replace(about, end=reason, usage=end.usage, seconds=end.seconds)
        return about

    @property
    def problems(self) -> Sequence[str]:
        """What of the log cannot be read."""
        return self.log.problems

    def __len__(self) -> int:
        return len(self.log)

    def step(self, number: int) -> Step:
        """Read the lines of one step."""
        return step_of(self.log.turn(number))

    def sent(self, number: int) -> Sequence[Message]:
        """Rebuild what was sent."""
        return self.log.sent(number)

    def refresh(self) -> bool:
        """Find the lines that were written since."""
        return self.log.refresh()


@dataclass(frozen=True)
class ForeignTrajectory:
    """Another agent's trajectory, which was read whole and does not grow."""

    trajectory: Trajectory
    problems: Sequence[str] = ()

    @property
    def about(self) -> About:
        """What the file says of itself."""
        one = self.trajectory
        end = one.exit_status or "no end, it was interrupted"
        return About(one.agent or "trajectory", one.model, end=end, usage=one.usage)

    def __len__(self) -> int:
        return len(self.trajectory.turns)

    def step(self, number: int) -> Step:
        """Return a step with each call beside what it gave."""
        if not 1 <= number <= len(self):
            raise IndexError(f"no step {number}")
        return step_of(self.trajectory.turns[number - 1])

    def sent(self, number: int) -> Sequence[Message]:
        """Return the conversation before a step."""
        before = self.trajectory.turns[: number - 1]
        return [*self.trajectory.opening, *(said for turn in before for said in turn.messages)]

    def refresh(self) -> bool:
        """Tell that nothing came."""
        return False


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
