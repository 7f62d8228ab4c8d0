"""An episode as it is looked at: steps that are read when they are shown, whoever recorded it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from agent.inspector.step_view import Step, step_of
from agent.messages import Message, Usage
from agent.trajectory.formats.foreign import Trajectory
from agent.trajectory.indexed_log import IndexedLog


@dataclass(frozen=True)
class About:
    """What is known of an episode as a whole; None or "" where the record does not say.

    `remarks` are the program's on an episode without steps.
    """

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
    remarks: tuple[str, ...] = ()


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
        if not len(log):
            about = replace(about, remarks=tuple(one.text for one in log.notes_before_steps()))
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
