"""The submit tool: the end of an attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import ConfigDict, Field

from tools.base import EpisodeOver


@dataclass(frozen=True)
class Arguments:
    """What the model gives."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    summary: Annotated[
        str, Field(min_length=1, description="What was wrong, what was changed, how it was tested.")
    ]


@dataclass(frozen=True)
class Submit:
    """Ends the attempt; the program takes the diff from the repository itself."""

    name = "submit"
    description = (
        "Hand in the repository as it now stands and end. Leave the changes in the files; do not "
        "make a patch file and do not commit."
    )
    arguments = Arguments

    def __call__(self, arguments: Arguments) -> str:
        """Raise EpisodeOver: there is no observation after this."""
        raise EpisodeOver("submitted", arguments.summary)
