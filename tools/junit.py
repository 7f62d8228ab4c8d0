"""One test's result, as read from a JUnit file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from xml.etree import ElementTree

from junitparser import Error, Failure, JUnitXml, JUnitXmlError, Skipped, TestCase

Result = Literal["pass", "fail", "error", "timeout", "skip"]

# `path:line: in function` opens each entry of a short traceback; the last entry raised it.
_ENTRY = re.compile(r"^(?P<path>[^\s:][^:\n]*\.pyx?):(?P<line>\d+): in ", re.MULTILINE)
_RAISED = re.compile(r"^E\s+(?P<type>[A-Za-z_][\w.]*)(?::|$)", re.MULTILINE)
_ASSERTION = re.compile(r"^E\s+assert\b|^Failed:", re.MULTILINE)
_VARYING = (
    (re.compile(r"0x[0-9a-fA-F]+"), "0x"),
    (re.compile(r"/tmp/[^\s'\"]+"), "/tmp/"),
    (re.compile(r"\d+(\.\d+)?\s?(s|ms|seconds)\b"), "time"),
    (re.compile(r"test_[0-9a-f]{10}\b"), "test_"),
)


@dataclass(frozen=True)
class CaseReport:
    """A test's id (`path::Class::name`), result, seconds, one-line message and full text.

    `exception` is the type that ended it, `raised_in` the file that raised it, both "" when the
    test passed or the report does not say.
    """

    id: str
    result: Result
    seconds: float = 0.0
    message: str = ""
    text: str = ""
    exception: str = ""
    raised_in: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of what it did, without addresses, times and temporary names."""
        said = f"{self.result}\n{self.exception}\n{self.message}"
        for pattern, stand_in in _VARYING:
            said = pattern.sub(stand_in, said)
        return hashlib.sha256(said.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def parse_junit(data: bytes) -> tuple[CaseReport, ...]:
    """Return the tests of a pytest report in the xunit1 form; raises ValueError when damaged.

    A test that is reported twice counts with its worse result.
    """
    try:
        cases = list(_cases(JUnitXml.fromstring(data)))
    except (ElementTree.ParseError, JUnitXmlError, ValueError) as error:
        raise ValueError(f"not a JUnit report: {error}") from error
    found: dict[str, CaseReport] = {}
    for case in cases:
        report = _report(case)
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


def _report(case: Any) -> CaseReport:
    identity, seconds = _identity(case), float(case.time or 0)
    for result in case.result:
        text, message = result.text or "", (result.message or "").strip()
        first = message.splitlines()[0] if message else ""
        if isinstance(result, Skipped):
            return CaseReport(identity, "skip", seconds, first[:500])
        if isinstance(result, Failure | Error):
            kind: Result = "error" if isinstance(result, Error) else "fail"
            raised = _ENTRY.findall(text)
            return CaseReport(
                identity,
                kind,
                seconds,
                first[:500],
                text,
                _exception(message, text),
                raised[-1][0] if raised else "",
            )
    return CaseReport(identity, "pass", seconds)


def _exception(message: str, text: str) -> str:
    if message.startswith("assert ") or _ASSERTION.search(text) or message.startswith("Failed:"):
        return "AssertionError"
    raised = _RAISED.findall(text)
    return raised[0].rpartition(".")[2] if raised else message.partition(":")[0].strip()


def _identity(case: Any) -> str:
    """Join file, classes and name as pytest writes them on its command line."""
    name: str = case.name or ""
    module: str = case.classname or ""
    path: str = case._elem.attrib.get("file", "")
    if not path:
        return f"{module.replace('.', '/')}.py::{name}" if module else name
    dotted = path.removesuffix(".py").replace("/", ".")
    if not module and dotted.endswith(name):
        return path  # the file itself could not be collected
    classes = module.removeprefix(dotted).strip(".")
    parts = [path, *(classes.split(".") if classes else []), name]
    return "::".join(part for part in parts if part)
