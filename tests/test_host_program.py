"""Programs of the host: their lines, their time, and what makes them end."""

from __future__ import annotations

from pathlib import Path
from time import monotonic, sleep

import pytest

from agent.environment import host_program


def is_gone(process: int) -> bool:
    """Tell whether a process ends at once, though nobody may ask for its exit code."""
    until = monotonic() + 5
    while monotonic() < until:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        sleep(0.01)
    return False


def test_lines_are_followed_as_they_come_and_the_last_are_kept() -> None:
    heard: list[str] = []
    code, last = host_program.run(
        ["sh", "-c", "printf 'one\\rtwo\\r\\n\\nthr'; sleep 0.2; printf 'ee\\377'; exit 3"],
        {}, heard.append, seconds=20,
    )  # fmt: skip
    assert (code, last) == (3, ["one", "two", "three\ufffd"])
    assert heard == ["one", "two", "", "three\ufffd"]


def test_its_time_ends_it_with_its_children(tmp_path: Path) -> None:
    started = monotonic()
    code, _ = host_program.run(
        ["sh", "-c", "sleep 60 & echo $! > child; wait"], {}, seconds=1, folder=tmp_path
    )
    assert code < 0
    assert monotonic() - started < 20
    assert is_gone(int((tmp_path / "child").read_text()))


def test_what_heeds_can_end_it_though_it_says_nothing(tmp_path: Path) -> None:
    def check_halt() -> None:
        if (tmp_path / "child").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        host_program.run(
            ["sh", "-c", "echo $$ > child; exec sleep 60"], {}, seconds=50, folder=tmp_path,
            check_halt=check_halt,
        )  # fmt: skip
    assert is_gone(int((tmp_path / "child").read_text()))


def test_what_it_leaves_behind_is_not_waited_for_and_ends(tmp_path: Path) -> None:
    started = monotonic()
    code, last = host_program.run(
        ["sh", "-c", "sleep 60 & echo $! > child; echo said; exit 4"], {}, seconds=50,
        folder=tmp_path,
    )  # fmt: skip
    assert (code, last) == (4, ["said"])
    assert monotonic() - started < 20
    assert is_gone(int((tmp_path / "child").read_text()))
