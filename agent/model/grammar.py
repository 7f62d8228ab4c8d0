"""Grammars in GBNF, to which llama.cpp holds a reply."""

from __future__ import annotations


def literal(text: str) -> str:
    """Return a text as a terminal of GBNF."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return '"' + escaped.replace("\n", "\\n") + '"'
