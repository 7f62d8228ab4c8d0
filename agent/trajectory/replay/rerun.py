"""The actions of a recorded attempt, done again: what they gave then and what they give now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from difflib import unified_diff

from agent.conversation.context_window import Window
from agent.conversation.conversation import Conversation
from agent.environment.environment import Environment
from agent.localization.survey import survey
from agent.model import scripted
from agent.model.budget import Budget, Limits
from agent.planner import free
from agent.planner.guided.planner import NAME as GUIDED
from agent.planner.guided.planner import Agenda, Guided
from agent.planner.guided.trial import Bench
from agent.records import Call, Candidate, Message, Reproduction, Sampling
from agent.selection.harvest import HarvestFailed, harvest
from agent.show.terminal_safe import one_line
from agent.trajectory.events import End, Event, Header
from agent.trajectory.reader import Log, RecordedTask
from tools.base import EpisodeOver, Observation
from tools.nondeterminism import steady
from tools.sandbox.protocol import Sandbox

ENDED, NOTHING = "[the attempt ended]", "[nothing was done]"
CUT = ("interrupted", "model_lost", "sandbox_lost")
"""Ends that stopped an attempt wherever it was."""
LONGEST_ACTION = 200
MOST_SHOWN = 20
"""Lines of a difference."""


@dataclass(frozen=True)
class Action:
    """One action, the step of the attempt that it belongs to, and what it gave."""

    step: int
    name: str
    then: str
    now: str

    @property
    def same(self) -> bool:
        """True when it gave the same but for times, addresses and temporary names."""
        return steady(self.then) == steady(self.now)

    @property
    def difference(self) -> list[str]:
        """The lines that differ, without what differs from run to run."""
        return difference(steady(self.then), steady(self.now))


@dataclass(frozen=True)
class Again:
    """What an attempt's actions gave, and the patches that they left, by id, now and then.

    `then` is None where the attempt was cut while it acted.
    """

    actions: tuple[Action, ...]
    now: dict[str, str]
    then: dict[str, str] | None

    @property
    def other(self) -> list[Action]:
        """The actions that gave something else."""
        return [one for one in self.actions if not one.same]

    @property
    def varied(self) -> int:
        """How many actions differ in times, addresses and temporary names alone."""
        return sum(one.same and one.then != one.now for one in self.actions)

    @property
    def same_patch(self) -> bool:
        """True when the patches are equal, or there is none to compare them with."""
        return self.then is None or self.then == self.now

    @property
    def exact(self) -> bool:
        """True when everything is as it was."""
        return self.same_patch and not self.other

    @property
    def patch_difference(self) -> list[str]:
        """The lines in which patches differ."""
        then = self.then or {}
        texts = (sorted(patches.items()) for patches in (then, self.now))
        before, after = ("".join(f"{name}\n{patch}" for name, patch in each) for each in texts)
        return difference(before, after)


def difference(then: str, now: str) -> list[str]:
    """Return the first lines in which texts differ, as a diff without its head."""
    lines = list(unified_diff(then.split("\n"), now.split("\n"), lineterm="", n=1))[2:]
    left = len(lines) - MOST_SHOWN
    return lines[:MOST_SHOWN] + ([f"... and {left} more lines"] if left > 0 else [])


def again(
    place: Environment, recorded: RecordedTask, log: Log, say: Callable[[str], None]
) -> Again:
    """Do an attempt's actions again in a fresh sandbox, and take what they leave.

    `say` hears of work that cannot be taken, which then left no patch. Raises SandboxLost and
    EngineError.
    """
    header = log.events[0]
    assert isinstance(header, Header)
    with place.sandboxes.open() as sandbox, ExitStack() as stack:
        if header.planner == GUIDED:
            trying = stack.enter_context(place.sandboxes.open())
            driver, actions = _asked_again(place, recorded, log, sandbox, trying)
            samples = driver.samples()
        else:
            actions = list(_called_again(sandbox, log, place.image.test_command))
            samples = iter([(1, 1)])
        now: dict[str, str] = {}
        for sample, _ in samples:
            try:
                left = harvest(sandbox, place.base, log.number, sample)
            except HarvestFailed as failed:
                say(f"what sample {sample} left cannot be taken: {failed}")
                continue
            if left is not None:
                now[left.id] = left.patch
    return Again(tuple(actions), now, _patches(recorded.candidates, log))


def _patches(candidates: Sequence[Candidate], log: Log) -> dict[str, str] | None:
    end = log.events[-1]
    if not isinstance(end, End) or end.reason == "interrupted":
        return None
    return {one.id: one.patch for one in candidates if one.attempt == log.number}


def _called_again(sandbox: Sandbox, log: Log, test_command: str | None) -> Iterator[Action]:
    """Run the tool calls of each reply, up to where the record ends."""
    header, end, step = log.events[0], log.events[-1], 0
    assert isinstance(header, Header)
    ended = isinstance(end, End) and end.reason not in CUT
    # A prepared model was not shown its diff before it was handed in.
    review = not header.model.startswith("scripted:")
    tools = free.toolbox(sandbox, test_command, review=review)
    for at, event in enumerate(log.events):
        step += isinstance(event, Call)
        if not isinstance(event, Message) or event.role != "assistant":
            continue
        seen = {one.call_id: one.text for one in _observed(log.events[at + 1 :])}
        for call in event.tool_calls:
            then = seen.get(call.id, ENDED)
            if then is ENDED and not (ended and call.name == "submit"):
                return  # it was cut here: what it did by then is not known
            try:
                now = tools.run(call).text
            except EpisodeOver:
                now = ENDED
            yield Action(step, one_line(f"{call.name} {call.arguments}", LONGEST_ACTION), then, now)
            if ENDED in (then, now):
                return


def _observed(events: Sequence[Event]) -> Iterator[Observation]:
    """Yield the observations up to the next reply."""
    for event in events:
        if isinstance(event, Message) and event.role == "assistant":
            return
        if isinstance(event, Observation):
            yield event


def _asked_again(
    place: Environment, recorded: RecordedTask, log: Log, sandbox: Sandbox, trying: Sandbox
) -> tuple[Guided, list[Action]]:
    """Let the program drive as it did, with the recorded replies, and pair what it observed."""
    header, task = log.events[0], place.task
    assert isinstance(header, Header)
    written = recorded.reproduction or Reproduction()
    checks = written.probes | written.tests
    agenda = Agenda(recorded.places)
    for before in recorded.logs:
        if before.number < log.number and checks:
            agenda.recall(before.number, before.events)
    events: list[Event] = []
    talk = Conversation(
        f"attempt-{log.number}",
        scripted.load(recorded.folder),
        Budget(Limits(None, None, None, None)).allowance(),
        Sampling(1, header.temperature, header.seed),
        events.append,
        Window(None, 1),
    )
    sources = survey(sandbox, task.text).index.sources
    bench = Bench(trying, place.image.test_command, checks)
    driver = Guided(talk, sandbox, bench, sources, agenda, log.number, task.text)
    driver.run()
    then, now = _tried(log.events), _tried(tuple(events))
    end = log.events[-1]
    most = max(len(then), len(now))
    if not isinstance(end, End) or end.reason in CUT:
        most = len(then)  # what would have come later is not known
    blank = (0, "", NOTHING)
    pairs = [
        (then[at] if at < len(then) else blank, now[at] if at < len(now) else blank)
        for at in range(most)
    ]
    return driver, [
        Action(old[0] or new[0], old[1] or new[1], old[2], new[2]) for old, new in pairs
    ]


def _tried(events: Sequence[Event]) -> list[tuple[int, str, str]]:
    """Return the step, the change and the outcome of each trial that a log tells of."""
    step, said, found = 0, {}, []
    for event in events:
        if isinstance(event, Call):
            step += 1
        elif isinstance(event, Message):
            said[event.id] = event.content
        elif isinstance(event, Observation) and event.call_id in said:
            change = one_line(f"try {said[event.call_id]}", LONGEST_ACTION)
            found.append((step, change, event.text))
    return found
