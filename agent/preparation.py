"""What is done once for all attempts at a task: localization and reproduction."""

from __future__ import annotations

from dataclasses import replace

from agent.localization.locations import CONVERSATION as LOCALIZE
from agent.localization.locations import likely_locations, pick_locations
from agent.localization.survey import Survey, survey
from agent.messages import Sampling
from agent.planner.guided.planner import Agenda
from agent.records import Location, Reproduction
from agent.reproduction.probes import probes
from agent.reproduction.written_test import CONVERSATION as REPRODUCE
from agent.reproduction.written_test import EMPTY, reproduce, template_like
from agent.task_run import TaskRun, open_conversation
from agent.trajectory.events import RESUMABLE, Locations
from agent.trajectory.task_log import SHARED

SAMPLES, TEMPERATURE = 4, 0.7
"""Tests of one prompt that a small model is asked for, and their temperature."""


def survey_repository(run: TaskRun) -> Survey:
    """Read the repository and rank what is in it for the issue."""
    run.watch.stage("ranking what the issue may be about")
    with run.environment.sandboxes.open() as clean:
        return survey(clean, run.environment.task.text)


def make_reproduction(run: TaskRun, known: Survey) -> Reproduction:
    """Make tests of the issue alone: of its own snippets, and one that the model writes.

    A small model is asked only where the snippets show nothing: its tests are often wrong.
    """
    if run.log.reproduction is not None:
        return run.log.reproduction
    task, image, guided = run.environment.task, run.environment.image, run.planner == "guided"
    with run.log.open(SHARED) as log, run.environment.sandboxes.open() as sandbox:
        run.watch.stage("trying the snippets of the issue")
        command = image.test_command or ""
        found = probes(sandbox, command, known.index, known.tests, task.text, run.errors.append)
        if found and guided:
            reproduction = Reproduction(probes=found)
        else:
            run.watch.stage("writing a test from the issue")
            sampling = Sampling(seed=run.config.seed)
            if guided:
                sampling = replace(sampling, n=SAMPLES, temperature=TEMPERATURE)
            talk = open_conversation(run, REPRODUCE, sampling, log)
            template = template_like(known.index, known.tests) if guided else EMPTY
            written = reproduce(talk, sandbox, task, image, template)
            reproduction = replace(written, probes=found)
            talk.stored.leave()
        log.append(reproduction)
    return reproduction


def make_agenda(run: TaskRun, known: Survey, reproduction: Reproduction) -> Agenda:
    """Return the locations that guided attempts look at, with what finished ones found out."""
    agenda = Agenda(_locations(run, known))
    if reproduction.probes or reproduction.tests:
        for attempt in run.log.attempts:
            if attempt.end is not None and attempt.end.reason not in RESUMABLE:
                agenda.recall(attempt)
    return agenda


def _locations(run: TaskRun, known: Survey) -> tuple[Location, ...]:
    """Return the locations in the order in which they are looked at, picked once for a task."""
    if run.log.locations is not None:
        return run.log.locations.locations
    run.watch.stage("choosing the places to repair")
    issue = run.environment.task.text
    with run.log.open(SHARED) as log:
        talk = open_conversation(run, LOCALIZE, Sampling(seed=run.config.seed), log)
        found = likely_locations(known.index, known.ranking, issue)
        picked = tuple(pick_locations(talk, known.index, found, issue))
        talk.stored.leave()
        log.append(Locations(picked))
    return picked
