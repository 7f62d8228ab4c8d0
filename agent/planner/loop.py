"""The loop: reply, run the calls, append the observations, until somebody ends it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from agent.conversation.conversation import Conversation
from agent.messages import Message
from agent.trajectory.events import End, Outcome
from tools.base import EpisodeOver
from tools.toolbox import Toolbox


class Advisor(Protocol):
    """Looks at each step and says what the model should hear; ends what leads nowhere."""

    def __call__(self, reply: Message, outcomes: Sequence[Outcome]) -> str:
        """Return advice, "" for none; raise EpisodeOver to end the attempt."""


def run(talk: Conversation, toolbox: Toolbox, advise: Advisor) -> End:
    """Drive one attempt to its end and return the reason."""
    try:
        while True:
            reply = talk.ask(toolbox)
            outcomes = [talk.observe(call.id, toolbox.run(call)) for call in reply.tool_calls]
            advice = advise(reply, outcomes)
            if advice:
                talk.add("user", advice)
    except EpisodeOver as over:
        return End(over.reason, over.detail, talk.used, round(talk.seconds, 3))
