"""What an attempt's log is made of: one line for each, in the order in which it happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agent.records import Call, Message, Usage
from tools.base import EndReason, Observation


@dataclass(frozen=True)
class Header:
    """The first line of an attempt's log: everything but what happens later."""

    number: int
    planner: str
    model: str
    seed: int
    temperature: float
    image: str
    tools: list[dict[str, Any]]


@dataclass(frozen=True)
class End:
    """The last line of an attempt's log.

    `rejected` counts the samples that it tried and did not hand in.
    """

    reason: EndReason
    detail: str
    usage: Usage
    seconds: float
    rejected: int = 0


Event = Header | Message | Call | Observation | End
"""One line of a log."""
