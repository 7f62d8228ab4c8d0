"""The actions of a recorded attempt, done again: what they gave then and what they give now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from difflib import unified_diff
from itertools import zip_longest

from agent.conversation.context_window import Window
from agent.conversation.conversation import Conversation
from agent.environment.environment import Environment
from agent.localization.survey import survey
from agent.messages import Sampling
from agent.model import scripted
from agent.model.budget import Budget, Limits
from agent.planner import free
from agent.planner.guided.planner import NAME as GUIDED
from agent.planner.guided.planner import Agenda, Guided
from agent.planner.guided.trial import Bench
from agent.records import Candidate, Reproduction
from agent.selection.harvest import HarvestFailed, harvest
from agent.show.terminal_safe import one_line
from agent.trajectory.attempt import Attempt, Turn, turns_of
from agent.trajectory.events import Event
from agent.trajectory.reader import RecordedTask
from agent.trajectory.task_log import attempt_name
from tools.base import EpisodeOver
from tools.nondeterminism import normalized
from tools.sandbox.protocol import Sandbox

ENDED, NOTHING = "[the attempt ended]", "[nothing was done]"
CUT = ("interrupted", "model_lost", "sandbox_lost")
"""Ends that stopped an attempt wherever it was."""
LONGEST_ACTION = 200
MOST_SHOWN = 20
"""Lines of a difference."""


@dataclass(frozen=True)
class Rerun:
    """One action that was done again, its step, and what it gave then and now."""

    step: int
    name: str
    then: str
    now: str

    @property
    def same(self) -> bool:
        """True when it gave the same but for times, addresses and temporary names."""
        return normalized(self.then) == normalized(self.now)

    @property
    def difference(self) -> list[str]:
        """The lines that differ, without what differs from run to run."""
        return difference(normalized(self.then), normalized(self.now))


@dataclass(frozen=True)
class Again:
    """What an attempt's actions gave, and the patches that they left, by id, now and then.

    `then` is None where the attempt was cut while it acted.
    """

    actions: tuple[Rerun, ...]
    now: dict[str, str]
    then: dict[str, str] | None

    @property
    def other(self) -> list[Rerun]:
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
    environment: Environment, recorded: RecordedTask, attempt: Attempt, say: Callable[[str], None]
) -> Again:
    """Do an attempt's actions again in a fresh sandbox, and take what they leave.

    `say` hears of work that cannot be taken, which then left no patch. Raises SandboxLost and
    EngineError.
    """
    with environment.sandboxes.open() as sandbox, ExitStack() as stack:
        if attempt.header.planner == GUIDED:
            trying = stack.enter_context(environment.sandboxes.open())
            driver, actions = _asked_again(environment, recorded, attempt, sandbox, trying)
            samples = driver.samples()
        else:
            actions = list(_called_again(sandbox, attempt, environment.image.test_command))
            samples = iter([(1, 1)])
        now: dict[str, str] = {}
        for sample, _ in samples:
            try:
                left = harvest(sandbox, environment.base, attempt.number, sample)
            except HarvestFailed as failed:
                say(f"what sample {sample} left cannot be taken: {failed}")
                continue
            if left is not None:
                now[left.id] = left.patch
    return Again(tuple(actions), now, _patches(recorded.candidates, attempt))


def _patches(candidates: Sequence[Candidate], attempt: Attempt) -> dict[str, str] | None:
    if attempt.end is None or attempt.end.reason == "interrupted":
        return None
    return {one.id: one.patch for one in candidates if one.attempt == attempt.number}


def _was_cut(attempt: Attempt) -> bool:
    """Tell whether the attempt was stopped wherever it was: what came later is not known."""
    return attempt.end is None or attempt.end.reason in CUT


def _called_again(sandbox: Sandbox, attempt: Attempt, test_command: str | None) -> Iterator[Rerun]:
    """Run the tool calls of each reply, up to where the record ends."""
    # A prepared model was not shown its diff before it was handed in.
    review = not attempt.header.model.startswith("scripted:")
    tools = free.toolbox(sandbox, test_command, review=review)
    for turn in attempt.turns:
        calls = {call.id: call for reply in turn.step.replies for call in reply.tool_calls}
        for act in turn.acts:
            call = calls[act.action.id]
            if act.outcome is None and (_was_cut(attempt) or call.name != "submit"):
                return  # it was cut here: what it did by then is not known
            then = act.outcome.text if act.outcome else ENDED
            try:
                now = tools.run(call).text
            except EpisodeOver:
                now = ENDED
            name = one_line(f"{call.name} {call.arguments}", LONGEST_ACTION)
            yield Rerun(turn.number, name, then, now)
            if ENDED in (then, now):
                return


def _asked_again(
    environment: Environment,
    recorded: RecordedTask,
    attempt: Attempt,
    sandbox: Sandbox,
    trying: Sandbox,
) -> tuple[Guided, list[Rerun]]:
    """Let the program drive as it did, with the recorded replies, and pair what it observed."""
    header, task = attempt.header, environment.task
    reproduction = recorded.reproduction or Reproduction()
    checks = reproduction.probes | reproduction.tests
    agenda = Agenda(recorded.locations)
    for before in recorded.attempts:
        if before.number < attempt.number and checks:
            agenda.recall(before)
    events: list[Event] = []
    talk = Conversation(
        attempt_name(attempt.number),
        scripted.load(recorded.folder),
        Budget(Limits(None, None, None, None)).allowance(),
        Sampling(1, header.temperature, header.seed),
        events.append,
        Window(None, 1),
    )
    sources = survey(sandbox, task.text).index.sources
    bench = Bench(trying, environment.image.test_command, checks)
    driver = Guided(talk, sandbox, bench, sources, agenda, attempt.number, task.text)
    driver.run()
    then, now = list(_tried(attempt.turns)), list(_tried(turns_of(events)))
    if _was_cut(attempt):
        now = now[: len(then)]  # what would have come later is not known
    pairs = zip_longest(then, now, fillvalue=(0, "", NOTHING))
    return driver, [Rerun(old[0] or new[0], old[1] or new[1], old[2], new[2]) for old, new in pairs]


def _tried(turns: Iterable[Turn]) -> Iterator[tuple[int, str, str]]:
    """Yield the step, the change and the outcome of each trial."""
    for turn in turns:
        replies = {reply.id: reply.content for reply in turn.step.replies}
        for act in turn.acts:
            if act.outcome is not None and act.action.id in replies:
                change = one_line(f"try {replies[act.action.id]}", LONGEST_ACTION)
                yield turn.number, change, act.outcome.text
