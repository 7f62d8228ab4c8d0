"""A step as it is shown: what it thought, what it did, what came of that."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.messages import Message, Usage
from agent.planner.guided.edit_format import DIVIDER, REPLACE, SEARCH
from agent.show.figures import several
from agent.trajectory.attempt import Act as RecordedAct
from agent.trajectory.attempt import Turn
from agent.trajectory.events import CHANGE, Outcome
from agent.trajectory.formats.foreign import reasoning_in

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
