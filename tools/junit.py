"""One test's result, as read from a JUnit file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from xml.etree import ElementTree

from junitparser import Error, Failure, JUnitXml, JUnitXmlError, Skipped, TestCase

from tools.nondeterminism import normalized

Result = Literal["pass", "fail", "error", "timeout", "skip"]

# `path:line: in function` opens each entry of a short traceback; the last entry raised it.
_PROJECT = re.compile(r"^(?![/.~])")
_ENTRY = re.compile(r"^(?P<path>[^\s:][^:\n]*\.pyx?):(?P<line>\d+): in ", re.MULTILINE)
_RAISED = re.compile(r"^E\s+(?P<type>[A-Za-z_][\w.]*)(?::|$)", re.MULTILINE)
_ASSERTION = re.compile(r"^E\s+assert\b|^Failed:", re.MULTILINE)


@dataclass(frozen=True)
class CaseReport:
    """A test's id (`path::Class::name`), result, seconds, one-line message and full text.

    `exception` is the type that ended it, `frames` the files of the repository on its way there,
    the last one deepest; both are empty when the test passed or the report does not say.
    """

    id: str
    result: Result
    seconds: float = 0.0
    message: str = ""
    text: str = ""
    exception: str = ""
    frames: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of what it did, without addresses, times and temporary names."""
        text = normalized(f"{self.result}\n{self.exception}\n{self.message}")
        return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def parse_junit(data: bytes, paths: Sequence[str] = ()) -> tuple[CaseReport, ...]:
    """Return the tests of a pytest report in the xunit1 form; raises ValueError when damaged.

    `paths` are the test files that ran: a report names the file in which a test's function was
    written, which need not be the one that was run. A test that is reported twice counts with its
    worse result.
    """
    try:
        cases = list(_cases(JUnitXml.fromstring(data)))
    except (ElementTree.ParseError, JUnitXmlError, ValueError) as error:
        raise ValueError(f"not a JUnit report: {error}") from error
    found: dict[str, CaseReport] = {}
    for case in cases:
        report = _report(case, paths)
        known = found.get(report.id)
        if known is None or _badness(report) > _badness(known):
            found[report.id] = report
    return tuple(found.values())


def _cases(xml: Any) -> Iterator[Any]:
    for item in xml:
        if isinstance(item, TestCase):
            yield item
        else:
            yield from _cases(item)


def _badness(report: CaseReport) -> int:
    return ("skip", "pass", "fail", "error", "timeout").index(report.result)


def _report(case: Any, paths: Sequence[str]) -> CaseReport:
    identity, seconds = _identity(case, paths), float(case.time or 0)
    for result in case.result:
        text, message = result.text or "", (result.message or "").strip()
        first = message.splitlines()[0] if message else ""
        if isinstance(result, Skipped):
            return CaseReport(identity, "skip", seconds, first[:500])
        if isinstance(result, Failure | Error):
            kind: Result = "error" if isinstance(result, Error) else "fail"
            frames = (path for path, _ in _ENTRY.findall(text) if _PROJECT.match(path))
            return CaseReport(
                identity,
                kind,
                seconds,
                first[:500],
                text,
                _exception(message, text),
                tuple(dict.fromkeys(frames)),
            )
    return CaseReport(identity, "pass", seconds)


def _exception(message: str, text: str) -> str:
    if message.startswith("assert ") or _ASSERTION.search(text) or message.startswith("Failed:"):
        return "AssertionError"
    named = re.match(r"[A-Za-z_][\w.]*(?=:|$)", message)
    raised = [named[0]] if named else _RAISED.findall(text)
    return raised[-1].rpartition(".")[2] if raised else ""


def _identity(case: Any, paths: Sequence[str]) -> str:
    """Join file, classes and name as pytest writes them on its command line."""
    name: str = case.name or ""
    module: str = case.classname or ""
    written: str = case._elem.attrib.get("file", "")
    if not module and _dotted(written).endswith(name):
        return written  # the file itself could not be collected
    for path in (*paths, written):
        classes = module.removeprefix(_dotted(path))
        if path and classes != module and classes[:1] in ("", "."):
            return "::".join([path, *filter(None, classes.split(".")), name])
    return "::".join(filter(None, [module.replace(".", "/"), name]))


def _dotted(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")
