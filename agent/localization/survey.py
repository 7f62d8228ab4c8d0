"""What is known of a repository before anybody changes it."""

from __future__ import annotations

from dataclasses import dataclass

from agent.localization.index import Index
from agent.localization.ranking import Ranking, rank
from agent.localization.repository_map import DEFINITIONS
from agent.localization.source_files import read_sources
from tools.sandbox.protocol import Sandbox


@dataclass(frozen=True)
class Survey:
    """A repository's sources, searchable, and how an issue ranks what is in them."""

    index: Index
    ranking: Ranking

    @property
    def tests(self) -> list[str]:
        """The files of the project's tests, those nearest to the issue first."""
        return [hit.path for hit in self.ranking.tests]


def survey(clean: Sandbox, issue: str) -> Survey:
    """Read a clean repository and rank its files and definitions for an issue."""
    index = Index(read_sources(clean))
    return Survey(index, rank(index, issue, DEFINITIONS))
