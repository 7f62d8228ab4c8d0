"""The guided planner: for models that cannot drive.

The program asks narrow questions: of one place in the code at a time it wants a few changes, tries
each, shows what failed, and goes on to the next place when none of them holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from time import monotonic
from typing import Any

from agent.conversation.context_window import issue_text
from agent.conversation.conversation import Conversation, Question
from agent.localization.likely_lines import explanatory_lines, likely_starts
from agent.localization.locations import MOST
from agent.planner.guided.edit_format import applied, grammar
from agent.planner.guided.trial import Bench, Trial, failures
from agent.records import Call, Location, Message
from agent.selection.harvest import canonical_key
from agent.trajectory.events import End, Event
from prompts import render
from tools.base import EpisodeOver, Observation
from tools.edit_problems import new_problems
from tools.sandbox.protocol import Sandbox

NAME = "guided"
PROBLEMS = "problems"
"""Stands for a check of a change that adds syntax errors or undefined names, or changes nothing."""
LINES, SAMPLES, AGAIN = 3, 3, 2
"""Lines at which changes are asked for first, how many at each, and at each thing tried later."""
MOST_UNPROVEN = 4
"""Samples that an attempt hands in when none of them holds."""
PLACES, STRIDE = 2, MOST // 2
"""Places that one attempt looks at, and how far apart these stand in their order: the first
attempts begin at the first places."""
MOST_SHOWN = 3
"""Tests of the issue that a model with a window of known size is shown."""
HELD = re.compile(r"sample \d+: holds")
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


@dataclass(frozen=True)
class Spot:
    """A place, and what the requests about it are called."""

    place: Location
    name: str


@dataclass
class Agenda:
    """The places of one task, shared by its attempts: each looks at others.

    A place where a change held is looked at first by all that follow. Where attempts are to be
    `alike`, as samples are, each looks at what the first does.
    """

    places: Sequence[Location]
    proven: list[Location] = field(default_factory=list)
    alike: bool = False

    def prove(self, place: Location) -> None:
        """Remember that a change holds at a place."""
        if place not in self.proven:
            self.proven.append(place)

    def of(self, attempt: int) -> list[Location]:
        """Return the places of one attempt, counted from 1: the same when it is made again."""
        first = 0 if self.alike else attempt - 1
        own = [one for one in self.places[first::STRIDE] if one not in self.proven]
        return [*self.proven[:1], *own][:PLACES]

    def recall(self, attempt: int, events: Sequence[Event]) -> None:
        """Prove again what held in an attempt that is on record and had checks."""
        places, at = self.of(attempt), 0
        for event in events:
            if isinstance(event, Call):
                at = int(event.conversation.rpartition(".")[2]) - 1
            elif isinstance(event, Observation) and HELD.fullmatch(event.text):
                self.prove(places[at])


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
            for number, place in enumerate(self.agenda.of(self.number), 1):
                held = self._fitting(place, f"{self.talk.name}.{number}", before)
                if held:
                    raise EpisodeOver("submitted", f"{held} changes at {place} hold")
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

    def _fitting(self, place: Location, name: str, failing: str) -> int:
        """Ask for changes at a place; one too long for the model's window is passed over."""
        try:
            return self._changes_at(place, name, failing)
        except EpisodeOver as over:
            if over.reason != "context":
                raise
            self.talk.record(Observation(name, f"{place}: {over.detail}", error=True))
            return 0

    def _changes_at(self, place: Location, name: str, failing: str) -> int:
        """Ask for changes that begin at the likeliest lines, show what failed, ask for others."""
        asked = self.talk.add(Message("", "user", self._prompt(place, failing)))
        starts = self._beginnings(place)
        here = Spot(place, name)
        made = [one for at in starts[:LINES] for one in self._sampled(here, [asked], SAMPLES, [at])]
        if made and not any(one.trial.passes for one in made):
            best = min(made, key=lambda one: (one.trial.wrongs, one.number))
            said = render("guided_again", said=best.trial.said, path=place.path)
            again = [asked, best.reply, self.talk.add(Message("", "user", said))]
            made += self._sampled(here, again, AGAIN, starts, best.root)
        for at in starts[LINES:]:
            if not any(one.trial.passes for one in made):
                made += self._sampled(here, [asked], AGAIN, [at])
        return sum(one.trial.passes for one in made)

    def _prompt(self, place: Location, failing: str) -> str:
        window = self.talk.window.tokens
        return render(
            "guided_change",
            issue=issue_text(self.issue, window and window // 2),
            place=place,
            code="\n".join(self._shown(place)),
            checks=[issue_text(check, window and window // 4) for check in self._checks()],
            failing=failing,
        )

    def _checks(self) -> list[str]:
        """Return the tests that are shown: all, or where the window is small the shortest."""
        checks = sorted(self.bench.checks.values(), key=len)
        return checks[:MOST_SHOWN] if self.talk.window.tokens else checks

    def _shown(self, place: Location) -> list[str]:
        return self.sources[place.path].split("\n")[place.first - 1 : place.last]

    def _beginnings(self, place: Location) -> list[int]:
        """Return the lines where changes may begin: not at the head, and not in words."""
        shown = self._shown(place)
        quiet = {number - place.first for number in explanatory_lines(self.sources[place.path])}
        head = {0} if place.signature and len(shown) > 1 else set()
        return likely_starts(shown, self.issue, quiet | head, 2 * LINES)

    def _sampled(
        self,
        here: Spot,
        messages: Sequence[Message],
        count: int,
        starts: Sequence[int],
        root: int | None = None,
    ) -> list[Sample]:
        """Ask for changes that begin at one of some lines; try and return those that are any."""
        place, shown = here.place, self._shown(here.place)
        sampling = replace(
            self.talk.sampling,
            n=count,
            seed=(self.talk.sampling.seed or 0) + starts[0],  # without a grammar prompts are equal
            grammar=grammar(shown, starts) if self.talk.model.capabilities.grammar else None,
        )
        made = []
        for reply in self.talk.sample(Question(messages, sampling, here.name, LONGEST_CHANGE)):
            after = applied(shown, reply.content)
            if after is None:
                self._note(reply, "no change that can be applied", good=False)
                continue
            text = self._whole(place, after)
            started = monotonic()
            trial = self._tried(place.path, text)
            took = round(monotonic() - started, 3)
            number = len(self.found) + 1
            one = Sample(number, place.path, text, trial, root or number, reply)
            self._note(reply, f"sample {number}: {trial.verdict}", good=trial.passes, seconds=took)
            self.found.append(one)
            made.append(one)
            if trial.passes and self.bench.checks:  # at once: a limit may end the attempt
                self.agenda.prove(place)
        return made

    def _whole(self, place: Location, after: Sequence[str]) -> str:
        """Return the file with a place's new lines, all else byte for byte as it is."""
        lines = self._original(place.path).split("\n")
        end = "\r" if lines[place.first - 1].endswith("\r") else ""
        same = SequenceMatcher(None, self._shown(place), after, autojunk=False)
        for tag, old, until, new, last in reversed(same.get_opcodes()):
            if tag != "equal":
                at = place.first - 1
                lines[at + old : at + until] = [f"{line}{end}" for line in after[new:last]]
        return "\n".join(lines)

    def _original(self, path: str) -> str:
        return self.sandbox.read(path).decode("utf-8", "surrogateescape")

    def _tried(self, path: str, text: str) -> Trial:
        before = self._original(path)
        if path.endswith(".py") and canonical_key({path: text.encode("utf-8", "replace")}) == (
            canonical_key({path: before.encode("utf-8", "replace")})
        ):
            said = "The change changes nothing but white space or comments."
            return Trial(failing=(*self.bench.checks, PROBLEMS), said=said)
        problems = new_problems(self.sandbox, path, before, text)
        if problems:
            said = f"The change would add problems: {'; '.join(problems)}"
            return Trial(failing=(*self.bench.checks, PROBLEMS), said=said)
        return self.bench.try_out(path, text)

    def _note(self, reply: Message, outcome: str, *, good: bool, seconds: float = 0.0) -> None:
        """Put on record what came of a reply, and the seconds that trying it took."""
        self.talk.record(Observation(reply.id, outcome, not good, seconds))


def handed_in(found: Sequence[Sample]) -> list[Sample]:
    """Return the samples that hold, and beside two or more of them one that does not.

    That one shows in the matrix that the checks tell changes apart. If none holds, the few with the
    fewest wrongs are handed in; what does not even compile never is.
    """
    held = [one for one in found if one.trial.passes]
    failed = [one for one in found if one.trial.failing[-1:] != (PROBLEMS,) and one not in held]
    failed.sort(key=lambda one: (one.trial.wrongs, one.number))
    return held + failed[: min(len(held) - 1, 1) if held else MOST_UNPROVEN]
