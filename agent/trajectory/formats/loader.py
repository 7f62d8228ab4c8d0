"""The door to what other agents recorded: one reader for all the files that are known."""

from __future__ import annotations

from pathlib import Path

from agent.trajectory.formats import mini_swe_agent, mini_swe_agent_steps, swe_agent
from agent.trajectory.formats.foreign import Environment, Trajectory
from agent.trajectory.json_file import plain_in

__all__ = ["Environment", "Trajectory", "is_trajectory", "load"]

SUFFIXES = (*mini_swe_agent.SUFFIXES, *swe_agent.SUFFIXES)


def is_trajectory(path: Path) -> bool:
    """Tell by its name whether a file is a trajectory."""
    return path.name.endswith(SUFFIXES)


def load(path: Path) -> Trajectory:
    """Read a trajectory of mini-swe-agent or SWE-agent, gzipped or not; raises UserError.

    What the file holds tells which it is; where it is neither, its name says what it should be.
    """
    named = path.name.endswith(swe_agent.SUFFIXES)
    plain = plain_in(path, "trajectory", swe_agent.HINT if named else mini_swe_agent.HINT)
    keys = plain if isinstance(plain, dict) else {}
    if {"trajectory", "attempts"} & set(keys) or (named and "trajectory_format" not in keys):
        return swe_agent.trajectory(path, plain)
    return mini_swe_agent_steps.trajectory(path, plain)
