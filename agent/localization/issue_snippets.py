"""The code that an issue shows, and what it says that this code should do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice, pairwise
from typing import Literal

LONGEST_ISSUE = 60_000
MOST = 8
"""Snippets, and stated results, that are taken from one issue."""
_COMMENT = re.compile(r"<!--.{0,2000}?-->", re.DOTALL)
_PIECE = re.compile(
    r"^[ \t]*(?P<fence>`{3,20}|~{3,20})(?![`~])[^\n]*\n(?P<block>.*?)^[ \t]*(?P=fence)"
    r"|(?P<tick>`{1,2})(?P<span>[^`\n]{1,300})(?P=tick)(?!`)"
    r"|(?P<indented>(?:^(?: {4}|\t|>>> |\.\.\. |(?:In |Out)\[\d+\]: )[^\n]*\n?)+)",
    re.DOTALL | re.MULTILINE,
)
_PROMPT = re.compile(r"^[ \t]*(?:>>> ?|In \[\d+\]: ?)(.*)$")
_MORE = re.compile(r"^[ \t]*(?:\.\.\. ?|   \.\.\.: ?)(.*)$")
_OUT = re.compile(r"^Out\[\d+\]: ?")
_GIVES = re.compile(
    r"\b(?:gives?|gave|returns?|returned|returning|yields?|produces?|produced|prints?|printed"
    r"|outputs?|evaluates? to|results? in|becomes?|is)\b|->|=>|⇒",
    re.IGNORECASE,
)
_SHOULD = re.compile(
    r"\b(?:should|(?<!as )expect(?:s|ed|ing)?|must|ought to|supposed to)\b", re.IGNORECASE
)
_VALUE = re.compile(
    r"(?:\b(?:be|equal|give|return|yield|print|produce|output|evaluate to|result in|show)"
    r"(?: equal to| to)?|\b(?:result|output|value|outcome)(?: is| should be)?|expected)[:,]?\s*$",
    re.IGNORECASE,
)
"""How words end before a value that is the right one; others, such as `raise` or `use`, are not."""
_NOT_SO = re.compile(r"\binstead of\b|\brather than\b", re.IGNORECASE)
_DENIED = re.compile(r"\b(?:not|never|no longer|cannot|unless|if)\b|n't\b", re.IGNORECASE)
_REMARK = re.compile(
    r"#\s*(?:.{0,80}\b)?"
    r"(?:should (?:be|return|give|print|equal)|expect(?:ed|s)?:?|must be)\s+(.+)$",
    re.IGNORECASE,
)
_ANNOUNCED = re.compile(
    r"(?:the )?(?:expected|correct|right|desired)(?: \w+){0,2}(?: is| would be)?:?", re.IGNORECASE
)
_NEAR = 80
"""Characters that may lie between two parts of one statement."""


@dataclass(frozen=True)
class Statement:
    """What an issue says that an expression gives and should give, each as it is written.

    `setup` is the code before it; `actual` is None where the issue does not say.
    """

    expression: str
    expected: str
    actual: str | None = None
    setup: str = ""


@dataclass(frozen=True)
class Piece:
    """A part of an issue: prose, an inline span, or a block of code."""

    kind: Literal["prose", "span", "block"]
    text: str


@dataclass(frozen=True)
class Session:
    """A block of code as one program, and the expressions in it whose output is shown.

    `shown` has for each the code before it, the expression, and its output.
    """

    code: str
    shown: tuple[tuple[str, str, str], ...] = ()


@lru_cache(maxsize=4)
def pieces(issue: str) -> list[Piece]:
    """Return the parts of an issue in their order; callers share the list, so do not change it."""
    text = _COMMENT.sub(" ", issue[:LONGEST_ISSUE]).replace("\r\n", "\n")
    found: list[Piece] = []
    end = 0
    for match in _PIECE.finditer(text):
        found.append(Piece("prose", text[end : match.start()]))
        end = match.end()
        if match["span"] is not None:
            found.append(Piece("span", match["span"].strip()))
        else:
            block = match["block"] if match["block"] is not None else match["indented"]
            found.append(Piece("block", _dedented(block)))
    return [*found, Piece("prose", text[end:])]


def _dedented(block: str) -> str:
    lines = block.expandtabs(4).split("\n")
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    least = min(indents, default=0)
    return "\n".join(line[least:] for line in lines).strip("\n")


def programs(issue: str) -> list[str]:
    """Return the blocks of an issue that are Python, without their outputs, in their order."""
    sessions = (_session(piece.text) for piece in pieces(issue) if piece.kind == "block")
    codes = dict.fromkeys(session.code for session in sessions if session)
    # A block that is an expression without a call only shows something, such as a result.
    return [code for code in codes if _calls(code) or not is_expression(code)][:MOST]


def statements(issue: str) -> list[Statement]:
    """Return what an issue says that expressions should give."""
    parts = pieces(issue)
    sources = (_in_prose, _in_remarks, _in_blocks, _behind_blocks)
    found = islice(chain.from_iterable(read(parts) for read in sources), 2 * MOST)
    whole = (each for each in found if parse(f"{each.setup}\n{each.expression}"))
    return list(dict.fromkeys(whole))[:MOST]


def _session(block: str) -> Session | None:
    """Return a block as code: with prompts what was typed, without prompts all of it, if Python."""
    lines = block.split("\n")
    if not any(_PROMPT.match(line) for line in lines):
        code = block.strip()
        return Session(code) if code and parse(code) else None
    typed: list[str] = []
    shown: list[tuple[str, str, str]] = []
    output: list[str] = []

    def finish_output() -> None:
        text = "\n".join(output).strip()
        if typed and text and is_expression(typed[-1]):
            shown.append(("\n".join(typed[:-1]), typed[-1], text))
        output.clear()

    for line in lines:
        prompt, continued = _PROMPT.match(line), _MORE.match(line)
        if prompt:
            finish_output()
            typed.append(prompt[1])
        elif continued and typed and not output:
            typed[-1] += f"\n{continued[1]}"
        else:
            output.append(_OUT.sub("", line))
    finish_output()
    code = "\n".join(typed).strip()
    return Session(code, tuple(shown)) if parse(code) else None


def parse(code: str) -> ast.Module | None:
    """Return the tree of a program, None for what is no Python or too deep for the parser."""
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _calls(code: str) -> bool:
    """Tell whether a program calls something: names and literals alone show nothing."""
    tree = parse(code)
    return tree is not None and any(isinstance(node, ast.Call) for node in ast.walk(tree))


def is_expression(code: str) -> bool:
    """Tell whether code is one expression."""
    try:
        ast.parse(code.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _is_call(code: str) -> bool:
    """Tell whether code is an expression that calls something."""
    return is_expression(code) and not re.fullmatch(r"[\w.]+|[\"'].*[\"']", code) and _calls(code)


def _in_prose(parts: Sequence[Piece]) -> Iterator[Statement]:
    """Read sentences such as: `f(x)` gives `1` instead of `2`; `f(x)` should be `2`."""
    spans = [at for at, piece in enumerate(parts) if piece.kind == "span"]
    for number, at in enumerate(spans):
        if not _is_call(parts[at].text):
            continue
        values: list[str] = []
        between: list[str] = []
        for before, after in pairwise(spans[number : number + 3]):
            words = _words(parts, before, after)
            if words is None or (values and _is_call(parts[before].text)):
                break
            between.append(words)
            values.append(parts[after].text)
        statement = _statement(parts[at].text, values, between)
        if statement:
            yield statement


def _words(parts: Sequence[Piece], before: int, after: int) -> str | None:
    """Return the prose between two spans of one statement, None when they are apart."""
    between = parts[before + 1 : after]
    words = "".join(piece.text for piece in between)
    far = any(piece.kind != "prose" for piece in between) or len(words) > _NEAR
    return None if far or re.search(r"\n\s*\n|[.;]\s", words) else words


def _statement(expression: str, values: list[str], between: list[str]) -> Statement | None:
    """Return what a sentence states of an expression by the values and the words behind it."""
    if not values or _DENIED.search(between[0]):
        return None
    if len(values) == 2:
        first, second = values
        if _wants_value(between[0]):
            return Statement(expression, first, second if _NOT_SO.search(between[1]) else None)
        instead = _NOT_SO.search(between[1]) or _wants_value(between[1])
        if _GIVES.search(between[0]) and instead and not _SHOULD.search(between[0]):
            return Statement(expression, second, first)
    if _wants_value(between[0]):
        return Statement(expression, values[0])
    return None


def _wants_value(words: str) -> bool:
    """Tell whether words say that the value behind them is the right one."""
    return bool(_SHOULD.search(words) and _VALUE.search(words))


def _in_remarks(parts: Sequence[Piece]) -> Iterator[Statement]:
    """Read code whose lines end in remarks such as `# should be 2`."""
    for piece in parts:
        if piece.kind != "block":
            continue
        before: list[str] = []
        for line in piece.text.split("\n"):
            prompt = _PROMPT.match(line)
            text = prompt[1] if prompt else line
            remark = _REMARK.search(text)
            code = text[: remark.start()].strip() if remark else ""
            value = remark[1].strip(" .`") if remark else ""
            # `should be a list` names no value.
            if remark and _is_call(code) and is_expression(value):
                yield Statement(_printed(code), value, None, "\n".join(before).strip())
            before.append(text)


def _printed(code: str) -> str:
    """Return the argument of a call of print, other code as it is."""
    match ast.parse(code.strip(), mode="eval").body:
        case ast.Call(func=ast.Name(id="print"), args=[argument], keywords=[]):
            return ast.unparse(argument)
    return code.strip()


def _in_blocks(parts: Sequence[Piece]) -> Iterator[Statement]:
    """Read a session and, after words of expectation, the output that it should have had."""
    blocks = [at for at, piece in enumerate(parts) if piece.kind == "block"]
    for first, second in pairwise(blocks):
        words = " ".join(piece.text for piece in parts[first + 1 : second])
        session = _session(parts[first].text)
        if not session or not session.shown or not _announces_output(words):
            continue
        setup, expression, actual = session.shown[-1]
        later = _session(parts[second].text)
        if later and later.shown:
            same = [output for _, typed, output in later.shown if typed == expression]
            expected = same[-1] if same else ""
        else:
            expected = parts[second].text.strip()
        if expected and expected != actual and "\n" not in expected:
            yield Statement(_printed(expression), expected, actual, setup)


def _announces_output(words: str) -> bool:
    """Tell whether words end with the announcement of what should come out."""
    last = words.strip().rpartition("\n")[2].strip(" *#_")
    return len(words) < 600 and bool(_ANNOUNCED.fullmatch(last) or _wants_value(last))


def _behind_blocks(parts: Sequence[Piece]) -> Iterator[Statement]:
    """Read a session and, in the sentence behind it, the value that its last output should be."""
    for block, words, span in zip(parts, parts[1:], parts[2:], strict=False):
        if (block.kind, words.kind, span.kind) != ("block", "prose", "span"):
            continue
        session = _session(block.text)
        between = words.text.strip()
        near = len(between) <= _NEAR and not _DENIED.search(between)
        if session and session.shown and near and _wants_value(between):
            setup, expression, actual = session.shown[-1]
            yield Statement(_printed(expression), span.text, actual, setup)
