"""A page as values: what every view yields, and what one renderer for each medium takes.

The renderers are `markdown`, `terminal` and `html`, each in the module of its name.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """Words to be shown letter by letter: paths, ids, what a program printed."""

    text: str


@dataclass(frozen=True)
class Marked:
    """Words with a colour; each of the blank-separated `kinds` names one, in every medium.

    `hint` is shown where the medium can show more on demand.
    """

    text: str
    kinds: str
    hint: str = ""


@dataclass(frozen=True)
class StepLink:
    """The name of a step of an attempt, which leads to it where the medium can follow."""

    attempt: str
    number: int

    @property
    def text(self) -> str:
        """The words that are shown."""
        return f"{self.attempt} step {self.number}"


Piece = str | Code | Marked | StepLink
Words = tuple[Piece, ...]
"""Our own words, and pieces with a meaning of their own between them."""


@dataclass(frozen=True)
class Heading:
    """A title; level 1 is the page's."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """Words that flow."""

    words: Words


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: tuple[Words, ...]


@dataclass(frozen=True)
class Table:
    """Rows of cells under their columns' names.

    `kind` is "numbers" where all columns but the first are aligned to the right, and "matrix" for
    candidates x checks.
    """

    columns: tuple[str | Marked, ...]
    rows: tuple[tuple[Words, ...], ...]
    kind: str = ""


@dataclass(frozen=True)
class Diff:
    """A patch in full."""

    text: str


@dataclass(frozen=True)
class Output:
    """What a program or a model said, line by line; `bad` where it tells of a failure."""

    text: str
    bad: bool = False


@dataclass(frozen=True)
class Fold:
    """Blocks under a title, folded away where the medium can open them; `kinds` are its marks."""

    title: Words
    blocks: tuple[Block, ...]
    open: bool = False
    kinds: str = ""


Block = Heading | Paragraph | Bullets | Table | Diff | Output | Fold


def plain_words(words: Words) -> str:
    """Return words without what marks them."""
    return "".join(piece if isinstance(piece, str) else piece.text for piece in words)
