"""The ways from one screen to another, which the application has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

from textual.screen import Screen

from agent.inspector.opening import OpenedRun, OpenedTask


class Navigation(Protocol):
    """What a screen asks the application to show."""

    def show_run(self, run: OpenedRun) -> None:
        """Show a run's tasks; the task itself where there is only one."""

    def show_task(self, task: OpenedTask, again: Callable[[], OpenedTask] | None = None) -> None:
        """Show one task, read anew with `again` when its folder changes."""

    def compare(self, task: OpenedTask, index: int) -> None:
        """Show an attempt beside the next one of its task."""

    def compare_with(self, task: OpenedTask) -> None:
        """Keep a task; with one kept, show both side by side."""

    def compare_runs(self, run: OpenedRun) -> None:
        """Keep a run; with one kept, show the task that both share side by side."""

    async def action_back(self) -> None:
        """Go back to the screen before; from the first one, out."""


def navigation(screen: Screen[Any]) -> Navigation:
    """Return the application that shows a screen."""
    return cast("Navigation", screen.app)
