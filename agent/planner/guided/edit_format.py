"""A change as a small model can write it: which lines to replace, and by what.

The form is the search/replace block that aider made common. A small model that has to copy lines
gets them wrong, so where the server takes a grammar, only lines that stand there can be written,
one after another as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from agent.model.grammar import literal

SEARCH, DIVIDER, REPLACE = "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE"
NEWLINE = "\n"
MOST_BLOCKS = 3
MOST_OLD, MOST_NEW = 4, 12
"""Lines that a block written by a grammar replaces, and that take their place."""
ALIKE = 0.8
"""Likeness of lines below which a copy without a grammar is not what it should be."""
_BLOCK = re.compile(
    rf"^{SEARCH}[ \t]*\n(.*?)^{DIVIDER}[ \t]*\n(.*?)^{REPLACE}", re.DOTALL | re.MULTILINE
)


def grammar(lines: Sequence[str], starts: Sequence[int]) -> str:
    """Return a GBNF grammar of one block that replaces a few of these lines.

    Each line of what is searched must be followed by the next one that stands there, or by the end.
    A block begins at one of `starts`, counted from 0: left to itself a small model begins at the
    first line and copies all of them. What takes its place is indented as it is: left to itself the
    model takes the indentation of the example.
    """
    rules = [
        f"root ::= {' | '.join(f'b{at}' for at in starts)}",
        'new ::= "\\n" | [^\\n<=>] [^\\n]* "\\n"',
    ]
    wanted: list[tuple[int, int]] = []
    for at in starts:
        indent = literal(lines[at][: _indent(lines[at])])
        first = f'({indent} [^ \\t\\n<=>] [^\\n]* "\\n" new{{0,{MOST_NEW - 1}}})?'
        rules.append(f'b{at} ::= "{SEARCH}\\n" l{at}-1 "{DIVIDER}\\n" {first} "{REPLACE}\\n"')
        wanted.append((at, 1))
    while wanted:
        at, count = wanted.pop()
        more = count < MOST_OLD and at + 1 < len(lines)
        following = f" l{at + 1}-{count + 1}?" if more else ""
        rules.append(f"l{at}-{count} ::= {literal(lines[at] + NEWLINE)}{following}")
        if more:
            wanted.append((at + 1, count + 1))
    return "\n".join(dict.fromkeys(rules))


def applied(lines: Sequence[str], reply: str) -> list[str] | None:
    """Return the lines with a reply's blocks applied, None when nothing in them applies.

    A block that was cut, or whose lines do not stand there, is left out; lines that are nearly
    right are taken for those that they are most like.
    """
    after = list(lines)
    for old, new in _blocks(reply):
        at = _place(after, old)
        if at is not None:
            after[at : at + len(old)] = _shifted(after[at : at + len(old)], old, new)
    return after if after != list(lines) else None


def _blocks(reply: str) -> Iterator[tuple[list[str], list[str]]]:
    for match in list(_BLOCK.finditer(reply.replace("\r\n", "\n")))[:MOST_BLOCKS]:
        old, new = match[1].split("\n")[:-1], match[2].split("\n")[:-1]
        while old and not old[0].strip():
            del old[0]
        if old:
            yield old, new


def _place(lines: Sequence[str], old: Sequence[str]) -> int | None:
    """Return where lines stand, or where the lines stand that are most like them."""
    places = range(len(lines) - len(old) + 1)
    exact = next((at for at in places if list(lines[at : at + len(old)]) == list(old)), None)
    if exact is not None:
        return exact
    scored = [(_likeness(lines[at : at + len(old)], old), -at) for at in places]
    best, at = max(scored, default=(0.0, 0))
    return -at if best >= ALIKE else None


def _likeness(some: Sequence[str], other: Sequence[str]) -> float:
    """Return how alike lines are without their indentation, 0 to 1."""
    left, right = ("\n".join(line.strip() for line in each) for each in (some, other))
    return SequenceMatcher(None, left, right, autojunk=False).ratio()


def _shifted(stands: Sequence[str], old: Sequence[str], new: Sequence[str]) -> list[str]:
    """Indent new lines as the old ones are indented that stand there."""
    by = _indent(stands[0]) - _indent(old[0])
    if by == 0:
        return list(new)
    shift = stands[0][: max(0, by)]
    return [
        (f"{shift}{line}" if by > 0 else line[min(-by, _indent(line)) :]) if line.strip() else line
        for line in new
    ]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))
