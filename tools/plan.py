"""The plan tool: a short list of steps with states, shown to the user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import ConfigDict, Field


@dataclass(frozen=True)
class Step:
    """One step of the plan."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    text: Annotated[str, Field(min_length=1, max_length=200, description="What will be done.")]
    state: Annotated[Literal["todo", "doing", "done"], Field(description="How far it is.")]


@dataclass(frozen=True)
class Arguments:
    """What the model gives."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    steps: Annotated[
        tuple[Step, ...], Field(min_length=1, max_length=10, description="The whole list.")
    ]


@dataclass(frozen=True)
class Plan:
    """Keeps the steps in view; the whole list is given each time."""

    name = "plan"
    description = (
        "Write down or update the plan: the whole list of steps each time, at most ten, each with "
        "its state. It is shown to the user."
    )
    arguments = Arguments

    def __call__(self, arguments: Arguments) -> str:
        """Return the list as it stands."""
        return "\n".join(f"[{step.state}] {step.text}" for step in arguments.steps)
