"""What differs between two runs of the same tests: addresses, temporary names, durations."""

from __future__ import annotations

import re

_VARYING = (
    (re.compile(r"0x[0-9a-fA-F]+"), "0x"),
    (re.compile(r"/tmp/[^\s'\"]+"), "/tmp/"),
    (re.compile(r"\d+(\.\d+)?\s?(s|ms|seconds)\b"), "time"),
    (re.compile(r"test_[0-9a-f]{10}\b"), "test_"),
)


def normalized(text: str) -> str:
    """Return a text with placeholders for what differs from run to run."""
    for pattern, stand_in in _VARYING:
        text = pattern.sub(stand_in, text)
    return text
