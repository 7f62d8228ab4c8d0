"""Another agent's trajectory as an episode."""

from __future__ import annotations

from collections.abc import Sequence

from agent.inspector.episode import About, Act, Step
from agent.records import Message
from agent.show.trajectory_text import written
from agent.trajectory.formats.loader import Trajectory


class ForeignTrajectory:
    """A trajectory that was read whole; it does not grow."""

    def __init__(self, trajectory: Trajectory) -> None:
        self.trajectory = trajectory

    @property
    def about(self) -> About:
        """What the file says of itself."""
        one = self.trajectory
        end = one.exit_status or "no end, it was interrupted"
        return About(one.agent or "trajectory", one.model, end=end, usage=one.usage)

    def __len__(self) -> int:
        return len(self.trajectory.steps)

    def step(self, number: int) -> Step:
        """Return a step with each call beside what it gave."""
        if not 1 <= number <= len(self):
            raise IndexError(f"no step {number}")
        one = self.trajectory.steps[number - 1]
        seen = {observation.call_id: observation for observation in one.observations}
        bad = {
            saw.call_id for saw, failed in zip(one.observations, one.failed, strict=True) if failed
        }
        acts = tuple(
            Act(
                call.name,
                written(call),
                call.arguments,
                seen[call.id].text if call.id in seen else None,
                seconds=(seen[call.id].seconds or None) if call.id in seen else None,
                ended_badly=call.id in bad,
            )
            for call in one.calls
        )
        heard = tuple(saw.text for saw in one.observations if not saw.call_id)
        reasoning = f"{one.reasoning.strip()}\n\n" if one.reasoning.strip() else ""
        return Step(number, reasoning + one.thought, acts, one.usage, one.seconds, (), heard)

    def sent(self, number: int) -> Sequence[Message]:
        """Return the conversation before a step."""
        found = list(self.trajectory.opening)
        for place, step in enumerate(self.trajectory.steps[: number - 1], 1):
            found.append(Message(f"s{place}", "assistant", step.thought, step.calls))
            found += [
                Message(f"s{place}.{of}", "tool" if saw.call_id else "user", saw.text)
                for of, saw in enumerate(step.observations, 1)
            ]
        return found

    def refresh(self) -> bool:
        """Tell that nothing came."""
        return False
