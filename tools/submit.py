"""The submit tool: the end of an attempt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
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


@dataclass
class Submit:
    """Ends the attempt; the program takes the diff from the repository itself.

    With a `review`, the first call brings that text instead of the end.
    """

    review: Callable[[], str] | None = None
    _reviewed: bool = field(default=False, init=False)
    name = "submit"
    description = (
        "Hand in the repository as it now stands and end. Leave the changes in the files; do not "
        "make a patch file and do not commit."
    )
    arguments = Arguments

    def __call__(self, arguments: Arguments) -> str:
        """Return the review, once; then raise EpisodeOver: there is no observation after that."""
        if self.review and not self._reviewed:
            self._reviewed = True
            return self.review()
        raise EpisodeOver("submitted", arguments.summary)
