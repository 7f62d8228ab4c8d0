"""The guided planner: for models that cannot drive.

The program asks narrow questions: at one location in the code at a time it wants a few changes,
tries each, shows what failed, and goes on to the next location when none of them holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from functools import partial
from time import monotonic
from typing import Any

from agent.conversation.context_window import issue_text
from agent.conversation.conversation import Conversation
from agent.localization.likely_lines import explanatory_lines, likely_starts
from agent.localization.locations import MOST
from agent.messages import Message
from agent.planner.guided.edit_format import applied, grammar
from agent.planner.guided.trial import HOLDING, Bench, Trial, failures
from agent.records import Location
from agent.selection.harvest import canonical_key
from agent.trajectory.attempt import Attempt
from agent.trajectory.events import CHANGE, Action, End, Note, Outcome
from agent.trajectory.format_1 import location_number
from prompts import render
from tools.base import EpisodeOver
from tools.edit_problems import new_problems
from tools.sandbox.protocol import Sandbox

NAME = "guided"
UNUSABLE = Trial("unusable", "no change that can be applied")
NOT_APPLIED = ("problems", "unchanged", "unusable")
"""Results of changes that were never made in the sandbox."""
LINES, SAMPLES, AGAIN = 3, 3, 2
"""Lines at which changes are asked for first, how many at each, and at each thing tried later."""
MOST_UNPROVEN = 4
"""Samples that an attempt hands in when none of them holds."""
LOCATIONS, STRIDE = 2, MOST // 2
"""Locations that one attempt looks at, and how far apart these stand in their order: the first
attempts begin at the first locations."""
MOST_SHOWN = 3
"""Tests of the issue that a model with a window of known size is shown."""
LONGEST_CHANGE = 400
"""Tokens; three blocks of some lines have fewer."""


@dataclass(frozen=True)
class Sample:
    """One change: a file's new text, the message that asked for it, and what it did."""

    number: int
    path: str
    text: str
    trial: Trial
    root: int
    reply: Message


@dataclass
class Agenda:
    """The locations of one task, shared by its attempts: each looks at others.

    A location where a change held is looked at first by all that follow. Where attempts are to be
    `alike`, as samples are, each looks at what the first does.
    """

    locations: Sequence[Location]
    proven: list[Location] = field(default_factory=list)
    alike: bool = False

    def prove(self, location: Location) -> None:
        """Remember that a change holds at a location."""
        if location not in self.proven:
            self.proven.append(location)

    def of(self, attempt: int) -> list[Location]:
        """Return the locations of an attempt, counted from 1: the same when it is made again."""
        first = 0 if self.alike else attempt - 1
        own = [one for one in self.locations[first::STRIDE] if one not in self.proven]
        return [*self.proven[:1], *own][:LOCATIONS]

    def recall(self, attempt: Attempt) -> None:
        """Prove again what held in an attempt that is on record and had checks."""
        locations = self.of(attempt.number)
        for turn in attempt.turns:
            for act in turn.acts:
                if act.outcome is not None and act.outcome.trial == "holds":
                    known = act.action.location
                    self.prove(known or locations[location_number(turn.step) - 1])


@dataclass
class Guided:
    """One attempt: `sandbox` stays clean but for the sample that is being harvested."""

    talk: Conversation
    sandbox: Sandbox
    bench: Bench
    sources: Mapping[str, str]
    agenda: Agenda
    number: int
    issue: str
    found: list[Sample] = field(default_factory=list)
    name = NAME

    def run(self) -> End:
        """Ask for changes until some hold or the places are used up."""
        try:
            before = failures(self.bench.reports())
            for number, location in enumerate(self.agenda.of(self.number), 1):
                held = self._changes_that_hold(location, f"{self.talk.name}.{number}", before)
                if held:
                    raise EpisodeOver("submitted", f"{held} changes at {location} hold")
            raise EpisodeOver("submitted", "no change holds; the best are handed in")
        except EpisodeOver as over:
            left = len(self.found) - len(self._handed_in())
            seconds = round(self.talk.seconds, 3)
            return End(over.reason, over.detail, self.talk.used, seconds, left)

    def schemas(self) -> list[dict[str, Any]]:
        """Return no tools: the program acts."""
        return []

    def _handed_in(self) -> list[Sample]:
        """Return what this attempt leaves: once a change held in any attempt, no unproven ones."""
        found = handed_in(self.found)
        held = any(one.trial.passes for one in found)
        return found if held or not self.agenda.proven else []

    def samples(self) -> Iterator[tuple[int, int]]:
        """Put each sample that is handed in into the sandbox; yield its number and its root's."""
        for one in self._handed_in():
            before = self.sandbox.read(one.path)
            self.sandbox.write(one.path, one.text.encode("utf-8", "surrogateescape"))
            yield one.number, one.root
            self.sandbox.write(one.path, before)

    def _changes_that_hold(self, location: Location, name: str, failing: str) -> int:
        """Ask for changes at a location and return how many hold.

        A location that is too long for the model's window is passed over.
        """
        try:
            made = self._changes_at(location, name, failing)
        except EpisodeOver as over:
            if over.reason != "context":
                raise
            self.talk.record(Note(name, f"{location}: {over.detail}"))
            return 0
        return sum(one.trial.passes for one in made)

    def _changes_at(self, location: Location, name: str, failing: str) -> list[Sample]:
        """Ask for changes that begin at the likeliest lines, show what failed, ask for others."""
        prompt = self.talk.add("user", self._prompt(location, failing))
        starts = self._beginnings(location)
        ask = partial(self._sampled, location, name)
        made = [one for at in starts[:LINES] for one in ask([prompt], SAMPLES, [at])]
        if made and not any(one.trial.passes for one in made):
            best = min(made, key=lambda one: (one.trial.wrongs, one.number))
            text = render("guided_again", said=best.trial.report, path=location.path)
            again = [prompt, best.reply, self.talk.add("user", text)]
            made += ask(again, AGAIN, starts, best.root)
        for at in starts[LINES:]:
            if not any(one.trial.passes for one in made):
                made += ask([prompt], AGAIN, [at])
        return made

    def _prompt(self, location: Location, failing: str) -> str:
        window = self.talk.window.tokens
        return render(
            "guided_change",
            issue=issue_text(self.issue, window and window // 2),
            place=location,
            code="\n".join(self._lines(location)),
            checks=[issue_text(check, window and window // 4) for check in self._checks()],
            failing=failing,
        )

    def _checks(self) -> list[str]:
        """Return the tests that are shown: all, or where the window is small the shortest."""
        checks = sorted(self.bench.checks.values(), key=len)
        return checks[:MOST_SHOWN] if self.talk.window.tokens else checks

    def _lines(self, location: Location) -> list[str]:
        return self.sources[location.path].split("\n")[location.first - 1 : location.last]

    def _beginnings(self, location: Location) -> list[int]:
        """Return the lines where changes may begin: not at the head, and not in words."""
        shown = self._lines(location)
        quiet = {
            number - location.first for number in explanatory_lines(self.sources[location.path])
        }
        head = {0} if location.signature and len(shown) > 1 else set()
        return likely_starts(shown, self.issue, quiet | head, 2 * LINES)

    def _sampled(
        self,
        location: Location,
        name: str,
        messages: Sequence[Message],
        count: int,
        starts: Sequence[int],
        root: int | None = None,
    ) -> list[Sample]:
        """Ask for changes that begin at one of some lines; try those that can be applied."""
        lines = self._lines(location)
        sampling = replace(
            self.talk.sampling,
            n=count,
            seed=(self.talk.sampling.seed or 0) + starts[0],  # without a grammar prompts are equal
            grammar=grammar(lines, starts) if self.talk.model.capabilities.grammar else None,
        )
        made = []
        replies = self.talk.sample(messages, sampling, name=name, max_tokens=LONGEST_CHANGE)
        for reply in replies:
            after = applied(lines, reply.content)
            if after is None:
                self._put_on_record(Action(reply.id, CHANGE, location=location), UNUSABLE)
                continue
            started = monotonic()
            text = self._whole(location, after)
            trial = self._tried(location.path, text)
            number = len(self.found) + 1
            sample = Sample(number, location.path, text, trial, root or number, reply)
            action = Action(reply.id, CHANGE, "", number, sample.root, location)
            self._put_on_record(action, trial, round(monotonic() - started, 3))
            self.found.append(sample)
            made.append(sample)
            if trial.passes and self.bench.checks:  # at once: a limit may end the attempt
                self.agenda.prove(location)
        return made

    def _put_on_record(self, action: Action, trial: Trial, seconds: float = 0.0) -> None:
        """Put on record a proposed change, what came of it, and the seconds that it took."""
        assert action.location is not None
        applied_to = () if trial.result in NOT_APPLIED else (action.location.path,)
        self.talk.record(action)
        self.talk.record(
            Outcome(
                action=action.id,
                text=trial.report or trial.result,
                trial=trial.result,
                changed=applied_to,
                seconds=seconds,
            )
        )

    def _whole(self, location: Location, after: Sequence[str]) -> str:
        """Return the file with a location's new lines, all else byte for byte as it is."""
        lines = self._original(location.path).split("\n")
        end = "\r" if lines[location.first - 1].endswith("\r") else ""
        same = SequenceMatcher(None, self._lines(location), after, autojunk=False)
        for tag, old, until, new, last in reversed(same.get_opcodes()):
            if tag != "equal":
                at = location.first - 1
                lines[at + old : at + until] = [f"{line}{end}" for line in after[new:last]]
        return "\n".join(lines)

    def _original(self, path: str) -> str:
        return self.sandbox.read(path).decode("utf-8", "surrogateescape")

    def _tried(self, path: str, text: str) -> Trial:
        before = self._original(path)
        if path.endswith(".py") and canonical_key({path: text.encode("utf-8", "replace")}) == (
            canonical_key({path: before.encode("utf-8", "replace")})
        ):
            return Trial("unchanged", "The change changes nothing but white space or comments.")
        problems = new_problems(self.sandbox, path, before, text)
        if problems:
            return Trial("problems", f"The change would add problems: {'; '.join(problems)}")
        return self.bench.try_out(path, text)


def handed_in(found: Sequence[Sample]) -> list[Sample]:
    """Return the samples that hold, and beside two or more of them one that does not.

    That one shows in the matrix that the checks tell changes apart. If none holds, the few with the
    fewest wrongs are handed in; what does not even compile never is.
    """
    held = [one for one in found if one.trial.passes]
    failed = [one for one in found if one.trial.result not in (*NOT_APPLIED, *HOLDING)]
    failed.sort(key=lambda one: (one.trial.wrongs, one.number))
    return held + failed[: min(len(held) - 1, 1) if held else MOST_UNPROVEN]
