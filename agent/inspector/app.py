"""The inspector in a terminal: which screen follows on which, copying, the editor."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.screen import Screen

from agent.errors import UserError
from agent.inspector.common_tasks import Side, attempts_of, two_sides
from agent.inspector.compare import CompareScreen
from agent.inspector.dialogs import Above, help_page
from agent.inspector.filtered_list import Listing
from agent.inspector.opening import Opened, OpenedRun, OpenedTask, RunShelf
from agent.inspector.run_screens import RunsScreen, TasksScreen
from agent.inspector.task_screen import TaskScreen
from agent.inspector.widgets import Page
from agent.show.blocks import Block, markdown
from agent.trajectory.encoding import as_bytes


class Inspector(App[None]):
    """Opens on whatever was named; `editor` is the user's, as a command line."""

    CSS_PATH = "app.tcss"
    TITLE = "repair-agent inspect"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - textual declares it for instances
        (0, "-narrow"), (90, "-wide"),
    ]  # fmt: skip
    VERTICAL_BREAKPOINTS = [(0, "-low"), (16, "-short"), (30, "-high")]  # noqa: RUF012 - the same
    NOTIFICATION_TIMEOUT = 4
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c,ctrl+q", "quit", "out", show=False, priority=True),
    ]

    def __init__(self, opened: Opened, editor: str = "vi", beside: OpenedRun | None = None) -> None:
        super().__init__()
        self._opened, self._editor, self._beside = opened, editor, beside
        self._first: OpenedTask | None = None
        self._first_run: OpenedRun | None = None

    def notify(self, message: str, **how: Any) -> None:
        """Say something in the corner, in place of what was said there before."""
        self.clear_notifications()
        super().notify(message, **how)

    def _fatal_error(self) -> None:
        """Close without textual's traceback: `shown` raises what went wrong."""
        self._close_messages_no_wait()

    def on_mount(self) -> None:
        """Show the runs, the tasks of one, its only task, or two of them side by side."""
        self.theme = "textual-dark"
        if isinstance(self._opened, RunShelf):
            self.push_screen(RunsScreen(self._opened))
        elif self._beside is not None:
            self.push_screen(CompareScreen(*two_sides(self._opened, self._beside)))
        else:
            self.show_run(self._opened)

    def show_run(self, run: OpenedRun) -> None:
        """Show a run's tasks; the task itself where there is only one."""
        if len(run.ids) == 1:
            self.show_task(run.task(run.ids[0]), lambda: run.task(run.ids[0]))
        else:
            self.push_screen(TasksScreen(run))

    def show_task(self, task: OpenedTask, again: Callable[[], OpenedTask] | None = None) -> None:
        """Show one task, read anew with `again` when its folder changes."""
        self.push_screen(TaskScreen(task, again))

    def compare(self, task: OpenedTask, index: int) -> None:
        """Show an attempt beside the next one of its task."""
        places = attempts_of(task)
        if len(places) < 2:
            self.notify("there is one attempt only; inspect RUN OTHER compares two", markup=False)
            return
        at = places.index(index) if index in places else 0
        side = Side(task)
        self.push_screen(CompareScreen(side, side, (places[at], places[(at + 1) % len(places)])))

    def compare_with(self, task: OpenedTask) -> None:
        """Keep a task; with one kept, show both side by side."""
        if not task.episodes:
            raise UserError(f"{task.id} has no attempt to compare")
        if self._first is None or self._first.id == task.id:
            self._first = task
            self.notify(f"{task.id}: c on another task shows both", markup=False)
            return
        one, self._first = self._first, None
        self.push_screen(CompareScreen(Side(one, one.id), Side(task, task.id)))

    def compare_runs(self, run: OpenedRun) -> None:
        """Keep a run; with one kept, show the task that both share side by side."""
        if self._first_run is None or self._first_run.folder == run.folder:
            self._first_run = run
            self.notify(f"{run.name}: c on another run shows both", markup=False)
            return
        one, self._first_run = self._first_run, None
        self.push_screen(CompareScreen(*two_sides(one, run)))

    async def action_back(self) -> None:
        """Go back to the screen before; from the first one, out."""
        # Below the first screen of ours is textual's own empty one.
        if len(self.screen_stack) > 2:
            await self.pop_screen()
        else:
            self.exit()

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(Above(help_page()))

    def _shown(self) -> str:
        screen: Screen[object] = self.screen
        if isinstance(screen, Listing):
            return screen.text
        blocks: Sequence[Block] = ()
        if isinstance(screen, TaskScreen | CompareScreen):
            blocks = screen.shown
        elif isinstance(screen, Above):
            blocks = screen.query_one(Page).page
        return markdown(blocks)

    def action_copy(self) -> None:
        """Copy what is shown."""
        text = self._shown()
        self.copy_to_clipboard(text)
        self.notify(f"copied {len(text):,} characters", markup=False)

    def action_edit(self) -> None:
        """Open what is shown in the editor; nothing there comes back."""
        with tempfile.TemporaryDirectory(prefix="repair-agent-") as folder:
            path = Path(folder) / "shown.md"
            path.write_bytes(as_bytes(self._shown()))
            try:
                command = [*shlex.split(self._editor), str(path)]
                with self.suspend():
                    subprocess.run(command, check=False)
            except (OSError, ValueError, SuspendNotSupported) as error:
                told = f"cannot start {self._editor}: {error}; set EDITOR"
                self.notify(told, severity="error", markup=False)


def run(opened: Opened, editor: str, beside: OpenedRun | None = None) -> None:
    """Show it until the user leaves; raises what ended it otherwise."""
    shown(Inspector(opened, editor, beside))


def shown(app: Inspector, *, headless: bool = False) -> None:
    """Run it to its end; raises what ended it but for its user."""
    app.run(headless=headless)
    if app._exception is not None:  # textual has no public name for it
        raise app._exception
