"""The inspector in a terminal: its first screen, copying, the editor."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.screen import Screen

from agent.inspector.common_tasks import two_sides
from agent.inspector.compare import CompareScreen
from agent.inspector.dialogs import Above, help_page
from agent.inspector.filtered_list import Listing
from agent.inspector.opened_run import OpenedRun
from agent.inspector.opening import Opened, RunShelf
from agent.inspector.run_screens import RunsScreen, screen_of
from agent.inspector.task_screen import TaskScreen
from agent.inspector.widgets import Page
from agent.show.markdown import markdown
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

    def notify(self, message: str, **how: Any) -> None:
        """Show a message in the corner, in place of the one before."""
        self.clear_notifications()
        super().notify(message, **how)

    def _fatal_error(self) -> None:
        """Close without textual's traceback: `run_to_end` raises what went wrong."""
        self._close_messages_no_wait()

    def on_mount(self) -> None:
        """Show the runs, the tasks of one, its only task, or two of them side by side."""
        self.theme = "textual-dark"
        if isinstance(self._opened, RunShelf):
            self.push_screen(RunsScreen(self._opened))
        elif self._beside is not None:
            self.push_screen(CompareScreen(*two_sides(self._opened, self._beside)))
        else:
            self.push_screen(screen_of(self._opened, []))

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

    def _text(self) -> str:
        """Return what the screen shows, whole."""
        screen: Screen[object] = self.screen
        if isinstance(screen, Listing):
            return screen.text
        if isinstance(screen, Above):
            return screen.query_one(Page).text
        return markdown(
            screen.current_page if isinstance(screen, TaskScreen | CompareScreen) else ()
        )

    def action_copy(self) -> None:
        """Copy what is shown."""
        text = self._text()
        self.copy_to_clipboard(text)
        self.notify(f"copied {len(text):,} characters", markup=False)

    def action_edit(self) -> None:
        """Open what is shown in the editor; nothing there comes back."""
        with tempfile.TemporaryDirectory(prefix="repair-agent-") as folder:
            path = Path(folder) / "shown.md"
            path.write_bytes(as_bytes(self._text()))
            try:
                command = [*shlex.split(self._editor), str(path)]
                with self.suspend():
                    subprocess.run(command, check=False)
            except (OSError, ValueError, SuspendNotSupported) as error:
                message = f"cannot start {self._editor}: {error}; set EDITOR"
                self.notify(message, severity="error", markup=False)


def run(opened: Opened, editor: str, beside: OpenedRun | None = None) -> None:
    """Show it until the user leaves; raises what ended it otherwise."""
    run_to_end(Inspector(opened, editor, beside))


def run_to_end(app: Inspector, *, headless: bool = False) -> None:
    """Run it to its end; raises what ended it but for its user."""
    app.run(headless=headless)
    if app._exception is not None:  # textual has no public name for it
        raise app._exception
