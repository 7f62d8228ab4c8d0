"""How a download is shown: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import io

from rich.console import Console

from agent.show.download_progress import transfer


def shown(*, terminal: bool, first: int = 0) -> str:
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=terminal, color_system=None, _environ={})
    with transfer(console, "small.gguf") as view:
        view.say("the hub [is] away")
        for tenth in range(first, 21):
            view.at(tenth * 100_000_000, 2_000_000_000)
    return out.getvalue()


def test_elsewhere_each_tenth_is_a_line() -> None:
    lines = shown(terminal=False).splitlines()
    assert lines[0] == "the hub [is] away"
    assert lines[1] == "small.gguf: 0 of 2,000 MB"
    assert lines[-1] == "small.gguf: 2,000 of 2,000 MB"
    assert len(lines) == 12


def test_what_was_here_already_is_said_once() -> None:
    assert shown(terminal=False, first=19).splitlines()[1:] == [
        "small.gguf: 1,900 of 2,000 MB",
        "small.gguf: 2,000 of 2,000 MB",
    ]


def test_a_terminal_has_a_bar() -> None:
    text = shown(terminal=True)
    assert "the hub [is] away" in text
    assert "small.gguf ━" in text
    assert "2.0/2.0 GB" in text
