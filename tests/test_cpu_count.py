"""Counting cores: siblings are one core, and a container may have less than all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.model.embedded.cpu_count import cores


@pytest.fixture
def one_core(tmp_path: Path) -> Path:
    """The files of a processor on which all that we may use are siblings."""
    for number in os.sched_getaffinity(0):
        folder = tmp_path / f"cpu{number}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text("0-1\n")
    return tmp_path


def test_siblings_are_one_core(one_core: Path, tmp_path: Path) -> None:
    assert cores(one_core, tmp_path / "no quota") == 1


def test_without_knowledge_all_that_are_allowed_count(tmp_path: Path) -> None:
    assert cores(tmp_path, tmp_path / "no quota") == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("quota", "count"),
    [("max 100000", None), ("50000 100000", 1), ("100001 100000", 2), ("900000 100000", None)],
)
def test_a_container_may_have_less(tmp_path: Path, quota: str, count: int | None) -> None:
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    allowed = len(os.sched_getaffinity(0))
    assert cores(tmp_path, tmp_path / "cpu.max") == min(count or allowed, allowed)
