"""Where the repair belongs: a ranked search, then the model picks from a short list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from agent.conversation.context_window import issue_text
from agent.conversation.conversation import Conversation
from agent.localization.index import Hit, Index
from agent.localization.likely_lines import beginnings, docstrings, quiet_lines, weights
from agent.localization.ranking import Ranking
from agent.model.grammar import literal
from agent.records import Location, Sampling
from prompts import render
from tools.base import EpisodeOver

CONVERSATION = "localize"
MOST, LISTED = 8, 6
"""Places that are looked at, and those of them that the model picks from."""
LONGEST, TELLING = 90, 3
"""Lines of a place that are shown, and in the list; of a longer one, those that say most."""
PICKS, WARMTH = 4, 0.7
"""Samples of the pick: what most of them name comes first."""
SHARE_OF_ISSUE = 3
"""One part in so many of the window's share for an issue is enough to pick a place by."""


def places(index: Index, ranking: Ranking, issue: str, most: int = MOST) -> list[Location]:
    """Return the functions, short classes or parts of files that rank first, without overlap."""
    found: list[Location] = []
    for place in (*_definitions(index, ranking.definitions), *_files(index, ranking.files)):
        if len(found) >= most:
            break
        narrow = narrowed(place, index.sources[place.path], issue)
        if not any(_overlap(narrow, other) for other in found):
            found.append(narrow)
    return found


def _definitions(index: Index, hits: Sequence[Hit]) -> Iterator[Location]:
    for hit in hits:
        symbol = hit.symbol
        if symbol is None:
            continue
        inner = any(
            other.line > symbol.line and other.end <= symbol.end
            for other in index.symbols(hit.path)
        )
        if symbol.kind != "class" or not inner:
            yield Location(hit.path, symbol.name, symbol.line, symbol.end, symbol.signature)


def _files(index: Index, hits: Sequence[Hit]) -> Iterator[Location]:
    """Yield files in which nothing is known to be defined, such as those of other languages."""
    for hit in hits:
        if not index.symbols(hit.path):
            last = index.sources[hit.path].rstrip("\n").count("\n") + 1
            yield Location(hit.path, "", 1, last)


def narrowed(place: Location, source: str, issue: str) -> Location:
    """Return the part of a long place that has most of what the issue names, whole if short."""
    if place.last - place.first < LONGEST:
        return place
    quiet = docstrings(source)
    scores = weights(source.split("\n")[place.first - 1 : place.last], issue)
    told = [0.0 if at + place.first in quiet else score for at, score in enumerate(scores)]
    starts = range(len(told) - LONGEST + 1)
    best = max(starts, key=lambda at: (sum(told[at : at + LONGEST]), -at))
    first = place.first + best
    head = place.signature if best == 0 else ""  # elsewhere the first line is a line like others
    return replace(place, first=first, last=first + LONGEST - 1, signature=head)


def _overlap(one: Location, other: Location) -> bool:
    return one.path == other.path and one.first <= other.last and other.first <= one.last


def pick(talk: Conversation, index: Index, found: Sequence[Location], issue: str) -> list[Location]:
    """Return the places in the order in which the model picks them, those it does not last."""
    found, rest = list(found[:LISTED]), list(found[LISTED:])
    if len(found) < 2:
        return found
    window = talk.window.tokens
    prompt = render(
        "localize",
        issue=issue_text(issue, window and window // SHARE_OF_ISSUE),
        places=[
            {"called": called(place), "lines": telling(index.sources[place.path], place, issue)}
            for place in found
        ],
    )
    message = talk.add("user", prompt)
    named = [called(place) for place in found]
    choices = " | ".join(map(literal, named))
    grammar = f"root ::= {choices}" if talk.model.capabilities.grammar else None
    sampling = Sampling(PICKS, WARMTH, talk.sampling.seed, grammar)
    try:
        replies = talk.sample([message], sampling, max_tokens=64)
    except EpisodeOver:
        return [*found, *rest]
    votes = Counter(at for reply in replies for at in _picked(reply.content, named))
    return [*(found[at] for at in fused(votes, len(found))), *rest]


def called(place: Location) -> str:
    """Return how a place is named in a question and its answer."""
    return f"{place.path} {place.name or f'lines {place.first} to {place.last}'}"


def _picked(reply: str, named: Sequence[str]) -> list[int]:
    """Return the place that a reply names first, if any."""
    at = {number: reply.find(name) for number, name in enumerate(named) if name in reply}
    return sorted(at, key=lambda number: (at[number], -len(named[number])))[:1]


def fused(votes: Mapping[int, int], count: int) -> list[int]:
    """Return numbers by their rank in the search and their votes, best first."""
    total = max(1, sum(votes.values()))
    scores = [1 / (at + 1) + votes.get(at, 0) / total for at in range(count)]
    return sorted(range(count), key=lambda at: (-scores[at], at))


def telling(source: str, place: Location, issue: str) -> list[str]:
    """Return the lines of a place that an issue is likeliest to be about, in their order."""
    lines = source.split("\n")[place.first : place.last]
    quiet = {number - place.first - 1 for number in quiet_lines(source)}
    best = beginnings(lines, issue, quiet, TELLING)
    return [lines[at].strip()[:100] for at in sorted(best)]
