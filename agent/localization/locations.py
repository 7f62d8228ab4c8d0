"""Where the repair belongs: a ranked search, then the model picks from a short list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from agent.conversation.context_window import issue_text
from agent.conversation.conversation import Conversation
from agent.localization.index import Hit, Index
from agent.localization.likely_lines import docstrings, explanatory_lines, likely_starts, weights
from agent.localization.ranking import Ranking
from agent.messages import Sampling
from agent.model.grammar import literal
from agent.records import Location
from prompts import render
from tools.base import EpisodeOver

CONVERSATION = "localize"
MOST, LISTED = 8, 6
"""Locations that are tried, and those of them that the model picks from."""
LONGEST, MOST_LINES = 90, 3
"""Lines that a location has at most, and those of them that the list shows."""
SAMPLES, TEMPERATURE = 4, 0.7
"""Of the pick: what most of the samples name comes first."""
SHARE_OF_ISSUE = 3
"""One part in so many of the window's share for an issue is enough to pick a location by."""


def likely_locations(
    index: Index, ranking: Ranking, issue: str, most: int = MOST
) -> list[Location]:
    """Return the functions, short classes or parts of files that rank first, without overlap."""
    found: list[Location] = []
    for whole in (*_definitions(index, ranking.definitions), *_files(index, ranking.files)):
        if len(found) >= most:
            break
        location = narrow(whole, index.sources[whole.path], issue)
        if not any(_overlap(location, other) for other in found):
            found.append(location)
    return found


def _definitions(index: Index, hits: Sequence[Hit]) -> Iterator[Location]:
    """Yield definitions, but not classes in which others are defined."""
    for hit in hits:
        symbol = hit.symbol
        if symbol is None:
            continue
        has_inner = any(
            other.line > symbol.line and other.end <= symbol.end
            for other in index.symbols(hit.path)
        )
        if symbol.kind != "class" or not has_inner:
            yield Location(hit.path, symbol.name, symbol.line, symbol.end, symbol.signature)


def _files(index: Index, hits: Sequence[Hit]) -> Iterator[Location]:
    """Yield files in which nothing is known to be defined, such as those of other languages."""
    for hit in hits:
        if not index.symbols(hit.path):
            last = index.sources[hit.path].rstrip("\n").count("\n") + 1
            yield Location(hit.path, "", 1, last)


def narrow(location: Location, source: str, issue: str) -> Location:
    """Return the part of a long location that has most of what the issue names."""
    if location.last - location.first < LONGEST:
        return location
    explaining = docstrings(source)
    scores = weights(source.split("\n")[location.first - 1 : location.last], issue)
    scores = [0.0 if at in explaining else one for at, one in enumerate(scores, location.first)]
    starts = range(len(scores) - LONGEST + 1)
    best = max(starts, key=lambda at: (sum(scores[at : at + LONGEST]), -at))
    first = location.first + best
    # Only at the start of a definition is the first line its signature.
    signature = location.signature if best == 0 else ""
    return replace(location, first=first, last=first + LONGEST - 1, signature=signature)


def _overlap(one: Location, other: Location) -> bool:
    return one.path == other.path and one.first <= other.last and other.first <= one.last


def pick_locations(
    talk: Conversation, index: Index, found: Sequence[Location], issue: str
) -> list[Location]:
    """Return the locations in the order in which the model picks them, the others last."""
    listed, rest = list(found[:LISTED]), list(found[LISTED:])
    if len(listed) < 2:
        return listed
    window = talk.window.tokens
    labels = [label(location) for location in listed]
    prompt = render(
        "localize",
        issue=issue_text(issue, window and window // SHARE_OF_ISSUE),
        locations=[
            {"label": name, "lines": telling_lines(index.sources[location.path], location, issue)}
            for name, location in zip(labels, listed, strict=True)
        ],
    )
    message = talk.add("user", prompt)
    choices = " | ".join(map(literal, labels))
    grammar = f"root ::= {choices}" if talk.model.capabilities.grammar else None
    sampling = Sampling(SAMPLES, TEMPERATURE, talk.sampling.seed, grammar)
    try:
        replies = talk.sample([message], sampling, max_tokens=64)
    except EpisodeOver:
        return [*listed, *rest]
    votes = Counter(number for reply in replies for number in _picked(reply.content, labels))
    return [*(listed[number] for number in fused_order(votes, len(listed))), *rest]


def label(location: Location) -> str:
    """Return how a location is named in a question and its answer."""
    name = location.name or f"lines {location.first} to {location.last}"
    return f"{location.path} {name}"


def _picked(reply: str, labels: Sequence[str]) -> list[int]:
    """Return the number of the location that a reply names first, if any."""
    at = {number: reply.find(name) for number, name in enumerate(labels) if name in reply}
    return sorted(at, key=lambda number: (at[number], -len(labels[number])))[:1]


def fused_order(votes: Mapping[int, int], count: int) -> list[int]:
    """Return the numbers below `count`, ranks of a search, by rank and votes together."""
    total = max(1, sum(votes.values()))
    scores = [1 / (rank + 1) + votes.get(rank, 0) / total for rank in range(count)]
    return sorted(range(count), key=lambda rank: (-scores[rank], rank))


def telling_lines(source: str, location: Location, issue: str) -> list[str]:
    """Return the lines of a location that an issue is likeliest to be about, in their order."""
    lines = source.split("\n")[location.first : location.last]
    left_out = {number - location.first - 1 for number in explanatory_lines(source)}
    return [
        lines[at].strip()[:100] for at in sorted(likely_starts(lines, issue, left_out, MOST_LINES))
    ]
