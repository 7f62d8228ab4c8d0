"""What an issue names: files, identifiers, exceptions, messages and plain words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_WORDS = """
a about after all also am an and any are as at be because been before bug but by can cannot
could did do does doing don each else error even example expected file following for from get
given had has have having he hello here how however i if import in instead into is issue it its
just know like line make may me might more most my need new no not now of on one only or other
our out over please print problem python raise recent reproduce result return same see seems
self should so some something still such than that the their them then there these they this
those to too traceback true try under up us use used using very was way we were what when where
which while who why will with without work works would yes you your call last def class none
false version actual behavior behaviour description steps code
"""
"""Words that every issue has, and the keywords of code blocks."""
MOST_TERMS = 120
LONGEST_ISSUE = 60_000
_HUMP = re.compile(r"[a-z0-9](?=[A-Z])|[A-Z](?=[A-Z][a-z])")
_PART = re.compile(r"[^\W_]+")
_COMMENT = re.compile(r"<!--.{0,2000}?-->", re.DOTALL)
_FENCED = re.compile(r"^[ \t]*(```|~~~)[^\n]*\n(.*?)^[ \t]*\1", re.DOTALL | re.MULTILINE)
_INDENTED = re.compile(r"^(?: {4}|\t|>>> |\.\.\. |In \[\d+\]: ).*$", re.MULTILINE)
_SPAN = re.compile(r"(`{1,2})([^`\n]{1,200})\1")
_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_CODELIKE = re.compile(r"_|[a-z0-9][A-Z]|[A-Z]{2}[a-z]|\w\.\w")
_CALLED = re.compile(r"(?<![\w.])([^\W\d][\w.]{0,100})\(")
_FRAME = re.compile(r'File "([^"\n]+)", line (\d+)(?:, in ([\w<>.]+))?')
_PYTEST_FRAME = re.compile(r"^([\w./-]+\.\w{1,4}):(\d+):(?: in (\w+))?", re.MULTILINE)
_FILE = re.compile(r"[\w./\\-]{4,200}")
_SUFFIX = re.compile(r"\w\.(?:py[xwi]?|[ch](?:pp)?|jsx?|tsx?|java|go|rs|rb|html?|css)$")
_EXCEPTION = re.compile(r"\b[A-Z]\w*(?:Error|Exception|Warning)\b")
_RAISED = re.compile(
    r"^(?:[\w.]+\.)?[A-Z]\w*(?:Error|Exception|Warning): (\S.{5,200})$", re.MULTILINE
)
_QUOTED = re.compile(r"(?<!\w)(\"|')(\w[^\"'\n]{6,120} [^\"'\n]{1,120})\1(?!\w)")
_STOP = frozenset(_WORDS.split())


@dataclass(frozen=True)
class Frame:
    """One line of a traceback; `function` is "" where the traceback does not name it."""

    path: str
    line: int
    function: str


@dataclass(frozen=True)
class Terms:
    """What an issue names, each kind in the order of first mention, without repetition.

    `frames` come outermost first. `names` are identifiers, dotted ones whole; `marked` are those
    of them that stand in the title, in inline code or in a traceback, where they mean the code.
    `title` and `words` are plain words, lower case, the most frequent first.
    """

    frames: tuple[Frame, ...] = ()
    paths: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    marked: frozenset[str] = frozenset()
    exceptions: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    title: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


def split_humps(text: str) -> str:
    """Return a text with a space between the humps of its camelCase."""
    return _HUMP.sub(r"\g<0> ", text)


def parts(identifier: str) -> list[str]:
    """Return the words of an identifier in lower case: `HTTPServer.get_name` has four."""
    return [part.lower() for part in _PART.findall(split_humps(identifier))]


def terms(issue_text: str) -> Terms:
    """Return what an issue names; its first line is its title."""
    text = _COMMENT.sub(" ", issue_text[:LONGEST_ISSUE])
    title, _, body = text.strip().partition("\n")
    code, prose = _divided(body)
    spans = [match[2] for match in _SPAN.finditer(f"{title}\n{prose}")]
    frames = _frames(text)
    marked = [
        *(name for span in spans for name in _DOTTED.findall(span)),
        *_codelike(title),
        *(frame.function for frame in frames if _DOTTED.fullmatch(frame.function)),
    ]
    names = [*marked, *_codelike(prose), *(name for part in code for name in _DOTTED.findall(part))]
    return Terms(
        frames,
        _unique(_paths(text)),
        _unique(name for name in names if name.lower() not in _STOP and len(name) > 1),
        frozenset(marked),
        _unique(_EXCEPTION.findall(text)),
        _unique(
            [*_RAISED.findall(text), *(match[2] for match in _QUOTED.finditer(f"{title}\n{prose}"))]
        ),
        _words(title),
        _words(body),
    )


def _divided(body: str) -> tuple[list[str], str]:
    """Return the blocks of code of a text, and the rest."""
    code = [match[2] for match in _FENCED.finditer(body)]
    rest = _FENCED.sub(" ", body)
    code += _INDENTED.findall(rest)
    return code, _INDENTED.sub(" ", rest)


def _frames(text: str) -> tuple[Frame, ...]:
    found = [
        (match.start(), Frame(match[1].replace("\\", "/"), int(match[2][:9]), match[3] or ""))
        for pattern in (_FRAME, _PYTEST_FRAME)
        for match in pattern.finditer(text)
    ]
    return tuple(frame for _, frame in sorted(found, key=lambda pair: pair[0]))


def _paths(text: str) -> Iterator[str]:
    for mention in _FILE.findall(text):
        path = mention.strip(".").replace("\\", "/")
        if _SUFFIX.search(path):
            yield path


def _codelike(prose: str) -> list[str]:
    """Return what cannot be a plain word: with a dot, an underscore or humps inside, or called."""
    dotted = [name for name in _DOTTED.findall(prose) if _CODELIKE.search(name)]
    return dotted + [name for name in _CALLED.findall(prose) if _DOTTED.fullmatch(name)]


def _words(text: str) -> tuple[str, ...]:
    counts = Counter(word for word in parts(text) if len(word) > 1 and word not in _STOP)
    return tuple(word for word, _ in counts.most_common(MOST_TERMS))


def _unique(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))[:MOST_TERMS]
