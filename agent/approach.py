"""What is done once for all attempts at a task: look around, show the issue, decide who drives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from agent.conversation.conversation import Conversation
from agent.localization.locations import CONVERSATION as LOCALIZE
from agent.localization.locations import pick, places
from agent.localization.survey import Survey, survey
from agent.planner import free
from agent.planner.guided.planner import Agenda, Guided
from agent.planner.guided.trial import Bench
from agent.records import Location, Reproduction, Sampling
from agent.reproduction.probes import probes
from agent.reproduction.written_test import CONVERSATION as REPRODUCE
from agent.reproduction.written_test import NOTHING_GIVEN, nearest, reproduce
from agent.task_run import TO_BE_MADE, TaskRun, conversation
from agent.trajectory.events import End
from agent.trajectory.reader import read_record, read_task
from tools.sandbox.deadline import Bounded
from tools.sandbox.protocol import Sandbox

SAMPLES, WARMTH = 4, 0.7
"""Tests of one prompt that a small model is asked for, and their temperature."""


class Driver(Protocol):
    """One attempt, however it is driven."""

    @property
    def name(self) -> str: ...

    def schemas(self) -> list[dict[str, Any]]:
        """Return the tools that the model is offered."""

    def run(self) -> End:
        """Work to the end and return why it ended; ModelLost and Interrupted travel."""

    def samples(self) -> Iterator[tuple[int, int]]:
        """Put each sample into the attempt's sandbox in turn; yield its number and its root's."""


@dataclass(frozen=True)
class Approach:
    """How a task is attempted.

    `written` are the tests made of the issue. `overview` is the map that a model which drives is
    shown; `agenda` are the places that a guided one is asked about.
    """

    known: Survey
    written: Reproduction
    overview: str = ""
    agenda: Agenda = field(default_factory=lambda: Agenda([]))

    def driver(
        self,
        work: TaskRun,
        number: int,
        talk: Conversation,
        sandbox: Sandbox,
        stack: ExitStack,
    ) -> Driver:
        """Return who drives attempt `number`; what that opens is closed with `stack`."""
        task, image = work.place.task, work.place.image
        sandbox = Bounded(sandbox, lambda: talk.budget.seconds_left)
        if work.planner == "guided":
            opened = stack.enter_context(work.place.sandboxes.open())
            trying = Bounded(opened, lambda: talk.budget.seconds_left)
            bench = Bench(trying, image.test_command, self.written.probes | self.written.tests)
            sources = self.known.index.sources
            # Samples are independent: what one found out is no help to another.
            samples = bool(work.config.samples)
            agenda = Agenda(self.agenda.places, alike=True) if samples else self.agenda
            return Guided(talk, sandbox, bench, sources, agenda, number, task.text)
        review = not work.model.capabilities.prepared
        tools = free.toolbox(sandbox, image.test_command, review=review)
        return free.Free(talk, sandbox, tools, task, image, self.overview)


def look_around(work: TaskRun) -> Survey:
    """Read the repository and rank what is in it for the issue."""
    work.watch.stage("ranking what the issue may be about")
    with work.place.sandboxes.open() as clean:
        return survey(clean, work.place.task.text)


def write_reproduction(work: TaskRun, known: Survey) -> Reproduction:
    """Make tests of the issue alone: of its own snippets, and one that the model writes.

    A small model is asked only where the snippets show nothing: its tests are often wrong.
    """
    before: Reproduction | None = read_record(work.folder.path / "reproduction.json", Reproduction)
    if before is not None:
        return before
    task, image = work.place.task, work.place.image
    guided = work.planner == "guided"
    with work.folder.shared_log() as log, work.place.sandboxes.open() as sandbox:
        work.watch.stage("trying the snippets of the issue")
        command = image.test_command or ""
        shown = probes(sandbox, command, known.index, known.tests, task.text, work.errors.append)
        if shown and guided:
            written = Reproduction(probes=shown)
        else:
            work.watch.stage("writing a test from the issue")
            sampling = Sampling(seed=work.config.seed)
            if guided:
                sampling = replace(sampling, n=SAMPLES, temperature=WARMTH)
            talk = conversation(work, REPRODUCE, sampling, log)
            given = nearest(known.index, known.tests) if guided else NOTHING_GIVEN
            written = replace(reproduce(talk, sandbox, task, image, given), probes=shown)
            talk.stored.leave()
    work.folder.write("reproduction", written)
    return written


def decide(work: TaskRun, known: Survey, written: Reproduction) -> Approach:
    """Return how the attempts are made: with a map, or along the places that may need repair."""
    if work.planner == "guided":
        return Approach(known, written, agenda=_agenda(work, known, written))
    # Nothing that a prepared model is shown changes its replies.
    prepared = work.model.capabilities.prepared
    overview = "" if prepared else free.overview(known.index, known.ranking, work.window)
    return Approach(known, written, overview)


def _agenda(work: TaskRun, known: Survey, written: Reproduction) -> Agenda:
    """Return where attempts look, with what those that an earlier start finished found out."""
    agenda = Agenda(_places(work, known))
    recorded = read_task(work.folder.path)
    finished = {one.number for one in recorded.attempts if one.end not in TO_BE_MADE}
    for log in recorded.logs:
        if log.number in finished and (written.probes or written.tests):
            agenda.recall(log.number, log.events)
    return agenda


def _places(work: TaskRun, known: Survey) -> tuple[Location, ...]:
    """Return the places in the order in which they are looked at, picked once for a task."""
    path = work.folder.path / "places.json"
    before: tuple[Location, ...] | None = read_record(path, tuple[Location, ...])
    if before is not None:
        return before
    work.watch.stage("choosing the places to repair")
    issue = work.place.task.text
    with work.folder.shared_log() as log:
        talk = conversation(work, LOCALIZE, Sampling(seed=work.config.seed), log)
        found = places(known.index, known.ranking, issue)
        picked = tuple(pick(talk, known.index, found, issue))
        talk.stored.leave()
    work.folder.write_places(picked)
    return picked
