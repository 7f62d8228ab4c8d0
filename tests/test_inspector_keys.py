"""What the inspector's keys do, pressed in a terminal of a certain size."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from textual.widget import Widget
from textual.widgets import DataTable, Input, Static, TabbedContent

from agent.inspector import dialogs
from agent.inspector.app import Inspector, run_to_end
from agent.inspector.compare import CompareScreen
from agent.inspector.dialogs import Above, Search
from agent.inspector.matrix_tables import CandidateTable
from agent.inspector.opened_run import OpenedRun
from agent.inspector.opening import open_path
from agent.inspector.run_screens import RunsScreen, TasksScreen
from agent.inspector.step_list import StepList
from agent.inspector.task_panes import PANES
from agent.inspector.task_screen import TaskScreen
from agent.inspector.widgets import Page
from tests.screens import EXAMPLE, OTHERS, opened

TASK = "sympy-14774-c10de226"
Pilot = Any
W = TypeVar("W", bound=Widget)


def example(editor: str = "true") -> Inspector:
    return Inspector(open_path(EXAMPLE), editor)


async def press(pilot: Pilot, *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await pilot.pause()
    await pilot.pause(0.05)


def one(app: Inspector, name: str, kind: type[W]) -> W:
    return app.screen.query_one(f"#{name}", kind)


def page_text(app: Inspector, name: str) -> str:
    return one(app, name, Page).text


def tab(app: Inspector) -> str:
    return one(app, "tabs", TabbedContent).active


pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_numbers_bring_tabs_to_the_front_and_q_leaves() -> None:
    app = example()
    async with app.run_test() as pilot:
        await pilot.pause()
        for key, name in zip(
            "234561", ("steps", "patches", "matrix", "cost", "issue", "why"), strict=True
        ):
            await press(pilot, key)
            assert tab(app) == name
        await press(pilot, "q")
        assert not app.is_running or app._exit


async def test_steps_are_walked_and_failed_and_editing_ones_found() -> None:
    app = example()
    async with app.run_test() as pilot:
        await press(pilot, "2", "j")
        steps = one(app, "steps-list", StepList)
        assert steps.number == 2
        assert page_text(app, "step-page").startswith("# attempt 1 step 2")
        await press(pilot, "g", "f")
        assert steps.number == 2, "the first step in which something failed"
        await press(pilot, "e")
        assert steps.number == 3
        await press(pilot, "E")
        assert steps.number == 1
        await press(pilot, "G")
        assert steps.number == 3
        await press(pilot, "F")
        assert steps.number == 2
        await press(pilot, "right_square_bracket")
        assert page_text(app, "step-page").startswith("# attempt 2 step 1")
        await press(pilot, "left_square_bracket", "left_square_bracket")
        assert page_text(app, "step-page").startswith("# shared step 1")


async def test_panes_are_changed_with_h_and_l() -> None:
    app = example()
    async with app.run_test() as pilot:
        await press(pilot, "2")
        assert one(app, "steps-list", StepList).has_focus
        await press(pilot, "l")
        assert one(app, "step-page", Page).has_focus
        await press(pilot, "j", "j")
        assert one(app, "step-page", Page).cursor == 2
        await press(pilot, "h")
        assert one(app, "steps-list", StepList).has_focus


async def test_a_line_of_a_patch_leads_to_the_step_that_wrote_it() -> None:
    app = example()
    async with app.run_test() as pilot:
        await press(pilot, "3", "l")
        page = one(app, "patch-page", Page)
        assert page.find('"acsc", "asec"')
        await press(pilot, "enter")
        assert tab(app) == "steps"
        assert page_text(app, "step-page").startswith("# attempt 1 step 1")
        line = one(app, "step-page", Page).at_cursor
        assert line is not None
        assert '"acsc", "asec"' in line.text.plain


async def test_from_beside_a_changed_line_the_nearest_one_leads_on() -> None:
    app = example()
    async with app.run_test() as pilot:
        await press(pilot, "3", "l", "g", "enter")
        assert tab(app) == "steps"
        assert page_text(app, "step-page").startswith("# attempt 1 step 1")


async def test_what_the_model_saw_before_a_wrong_edit_is_five_keys_away() -> None:
    app = example()
    async with app.run_test() as pilot:
        await press(pilot, "3")
        table = one(app, "candidates", CandidateTable)
        while table.record is None or table.record.id != "3.4":
            await press(pilot, "j")
        await press(pilot, "l", "enter")
        assert page_text(app, "step-page").startswith("# attempt 3 step 2")
        await press(pilot, "m")
        assert page_text(app, "above").startswith("# attempt 3 step 2: the 1 message sent")


async def test_words_are_found_everywhere_and_gone_through() -> None:
    app = example()
    async with app.run_test() as pilot:
        await press(pilot, "slash", *"acsc", "enter")
        assert isinstance(app.screen, Search)
        found = list(app.screen._hits)
        await press(pilot, "enter")
        assert len({hit.page for hit in found}) > 5
        for at, hit in [*enumerate(found), (0, found[0])]:
            told = f"place {at + 1} of {len(found)}"
            await until(pilot, lambda: isinstance(app.screen, Above if hit.sent else TaskScreen))  # noqa: B023
            if hit.sent:
                page = app.screen.query_one("#above", Page)
            else:
                await until(pilot, lambda: str(one(app, "title", Static).render()).endswith(told))  # noqa: B023
                assert tab(app) == hit.tab
                page = one(app, PANES[hit.tab][-1], Page)
            assert page.at_cursor is not None
            assert "acsc" in page.at_cursor.text.plain, (told, hit)
            await press(pilot, "n")
        await press(pilot, "N", "N")
        assert str(one(app, "title", Static).render()).endswith(
            f"place {len(found)} of {len(found)}"
        )
        await press(pilot, "1", "4")
        assert "place" not in str(one(app, "title", Static).render())


async def test_the_messages_that_were_sent_are_searched() -> None:
    app = example()
    async with app.run_test() as pilot:
        await press(pilot, "slash", *"small as possible", "enter", "enter")
        assert isinstance(app.screen, Above)
        at = app.screen.query_one("#above", Page).at_cursor
        assert at is not None
        assert "small as possible" in at.text.plain
        await press(pilot, "q")
        assert isinstance(app.screen, TaskScreen)
        assert tab(app) == "steps"


async def test_a_line_of_a_patch_leads_to_the_words_that_made_it_and_q_back() -> None:
    app = example()
    async with app.run_test() as pilot:
        await press(pilot, "3", "j", "j", "j", "l", "G", "enter")
        assert tab(app) == "steps"
        page = one(app, "step-page", Page)
        first = page.cursor
        assert first > 0
        await press(pilot, "q")
        assert tab(app) == "patches"
        assert one(app, "patch-page", Page).has_focus
        await press(pilot, "enter")
        assert (tab(app), page.cursor) == ("steps", first), "the second time as the first"
        await press(pilot, "3", "q")
        assert not app.is_running or app._exit


async def test_a_dear_step_opens_from_the_costs() -> None:
    app = example()
    async with app.run_test() as pilot:
        await press(pilot, "5")
        costs = one(app, "cost-page", Page)
        costs.find("attempt 4 step 2")
        await press(pilot, "enter")
        assert page_text(app, "step-page").startswith("# attempt 4 step 2")
        await press(pilot, "q")
        assert tab(app) == "cost"


async def test_a_row_of_the_costs_opens_from_each_of_its_lines() -> None:
    app = example()
    async with app.run_test() as pilot:
        await press(pilot, "5")
        costs = one(app, "cost-page", Page)
        costs.find("attempt 4 step 2")
        await press(pilot, "j")
        assert costs.row(costs.cursor).plain.startswith(" ")
        await press(pilot, "enter")
        assert page_text(app, "step-page").startswith("# attempt 4 step 2")


async def test_q_leads_back_to_where_a_search_began() -> None:
    app = example()
    async with app.run_test() as pilot:
        await press(pilot, "slash", *"arccsc", "enter", "enter", "n", "n")
        while isinstance(app.screen, Above) or tab(app) == "why":
            await press(pilot, "n")
        await press(pilot, "q")
        assert tab(app) == "why"
        await press(pilot, "q")
        assert not app.is_running or app._exit


async def test_attempts_are_gone_through_in_their_list() -> None:
    app = example()
    async with app.run_test() as pilot:
        await press(pilot, "2", "h", "j")
        assert page_text(app, "step-page").startswith("# attempt 2 step 1")
        await press(pilot, "G")
        assert page_text(app, "step-page").startswith("# shared step 1")
        await press(pilot, "g")
        assert page_text(app, "step-page").startswith("# attempt 1 step 1")


async def test_enter_away_from_a_changed_line_says_what_it_is_for() -> None:
    app = example()
    async with app.run_test(notifications=True) as pilot:
        await press(pilot, "g", "enter")
        assert tab(app) == "why"
        assert ["changed line" in one.message for one in app._notifications] == [True]
        await press(pilot, "c", "enter")
        assert len(app._notifications) <= 1, "what was said before gives way"


@pytest.mark.parametrize("size", [(24, 12), (40, 16), (60, 16), (80, 24), (120, 36)])
async def test_no_letter_hides_behind_a_scrollbar(size: tuple[int, int]) -> None:
    patch = (EXAMPLE / TASK / "candidate-1.1.patch").read_text()
    longest = max(patch.splitlines(), key=len)
    app = example()
    async with app.run_test(size=size) as pilot:
        await press(pilot, "3", "j", "k")
        page = one(app, "patch-page", Page)
        assert page.size.width < len(longest)
        seen = []
        for place in range(page.count):
            page.put(place)
            await pilot.pause()
            seen.append(page.render_line(place - int(page.scroll_offset.y)).text.rstrip())
        assert longest in "".join(row.removesuffix("↩") for row in seen)
        assert sum(row.endswith("↩") for row in seen) > 0


@pytest.mark.parametrize("size", [(60, 16), (80, 24)])
async def test_steps_are_seen_on_a_small_terminal(size: tuple[int, int]) -> None:
    app = example()
    async with app.run_test(size=size) as pilot:
        await press(pilot, "2")
        assert one(app, "steps-list", StepList).size.height >= 3
        assert one(app, "step-page", Page).size.height >= 3


async def test_two_runs_of_a_list_stand_side_by_side_by_name(tmp_path: Path) -> None:
    app = Inspector(opened("runs", tmp_path))
    async with app.run_test() as pilot:
        await press(pilot, "c")
        assert isinstance(app.screen, RunsScreen)
        await press(pilot, "j", "c")
        assert isinstance(app.screen, CompareScreen)
        names = [str(one(app, f"about-{side}", Static).render()) for side in "ab"]
        assert sorted(name.partition(":")[0] for name in names) == ["again", "example"]
        await press(pilot, "d")
        told = app.screen.query_one("#above", Page).text
        assert "again: candidate 1.1" in told
        assert "example: candidate 1.1" in told
        assert "Both leave the same lines." in told


async def test_a_filter_says_how_many_lines_it_lets_through(tmp_path: Path) -> None:
    app = Inspector(opened("runs", tmp_path))
    async with app.run_test() as pilot:
        await press(pilot, "slash", *"exam")
        assert str(one(app, "title", Static).render()).endswith("1 of 2 shown")
        await press(pilot, "q")
        assert str(one(app, "title", Static).render()).endswith("0 of 2 shown: no line has 'examq'")


async def test_what_is_not_there_is_said() -> None:
    app = example()
    async with app.run_test() as pilot:
        await press(pilot, "slash", *"no such words anywhere", "enter")
        assert str(app.screen.query_one("#found", Static).render()) == "nothing found"
        await press(pilot, "escape")
        assert isinstance(app.screen, TaskScreen)


async def test_a_task_without_a_patch_says_so(tmp_path: Path) -> None:
    recorded = json.loads(OTHERS.read_text())
    recorded["info"]["submission"] = ""
    (tmp_path / "none.traj.json").write_text(json.dumps(recorded))
    app = Inspector(open_path(tmp_path / "none.traj.json"))
    async with app.run_test() as pilot:
        await press(pilot, "3")
        assert page_text(app, "patch-page") == "No patch was handed in, or not yet.\n"


async def test_a_long_search_can_be_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogs, "AT_A_TIME", -1)
    monkeypatch.setattr(dialogs, "PAUSE", 30)
    app = example()
    async with app.run_test() as pilot:
        await press(pilot, "slash", *"inverse", "enter")
        assert "so far" in str(app.screen.query_one("#found", Static).render())
        await press(pilot, "escape")
        assert isinstance(app.screen, TaskScreen)


async def test_two_patches_are_compared() -> None:
    app = example()
    async with app.run_test() as pilot:
        await press(pilot, "3", "d", "G", "d")
        assert isinstance(app.screen, Above)
        assert page_text(app, "above").startswith("# From candidate 1.1 to candidate")
        await press(pilot, "q")
        assert isinstance(app.screen, TaskScreen)


async def test_the_request_and_the_plan_are_shown() -> None:
    app = example()
    async with app.run_test() as pilot:
        await press(pilot, "2", "m")
        told = page_text(app, "above")
        assert told.startswith("# attempt 1 step 1: the 1 message sent")
        assert "This issue was reported:" in told
        await press(pilot, "q", "p")
        assert "It made no plan." in page_text(app, "above")
        await press(pilot, "q", "question_mark")
        assert page_text(app, "above").startswith("# Keys")


async def test_two_attempts_stand_side_by_side() -> None:
    app = example()
    async with app.run_test() as pilot:
        await press(pilot, "c")
        assert isinstance(app.screen, CompareScreen)
        await press(pilot, "J")
        assert [one(app, f"steps-{side}", StepList).number for side in "ab"] == [2, 2]
        await press(pilot, "l", "K", "right_square_bracket")
        assert page_text(app, "page-b").startswith("# attempt 3 step 1")
        assert page_text(app, "page-a").startswith("# attempt 1 step 1")
        await press(pilot, "d")
        assert page_text(app, "above").startswith("# From candidate 1.1 to candidate 3.1")


async def test_matrix_cells_show_what_the_check_did() -> None:
    app = example()
    async with app.run_test() as pilot:
        await press(pilot, "4")
        assert "an issue check, fail on the clean base" in page_text(app, "check-page")
        await press(pilot, "j")
        assert "test_latex_functions" in page_text(app, "check-page")


async def test_runs_are_filtered_opened_and_left(tmp_path: Path) -> None:
    app = Inspector(opened("runs", tmp_path))
    async with app.run_test() as pilot:
        await pilot.pause()
        await app.workers.wait_for_complete()
        table = one(app, "list", DataTable)
        assert table.row_count == 2
        await press(pilot, "slash", *"again", "enter")
        assert table.row_count == 1
        await press(pilot, "enter")
        assert isinstance(app.screen, TaskScreen), "a run of one task opens that"
        await press(pilot, "q")
        assert isinstance(app.screen, RunsScreen)
        await press(pilot, "escape")
        assert one(app, "filter", Input).value == ""
        assert table.row_count == 2


async def test_runs_that_come_are_shown(tmp_path: Path) -> None:
    app = Inspector(open_path(opened("runs", tmp_path).runs[0].path.parent))  # type: ignore[union-attr]
    async with app.run_test() as pilot:
        await pilot.pause()
        shutil.copytree(EXAMPLE, tmp_path / "runs" / "third")
        await until(pilot, lambda: one(app, "list", DataTable).row_count == 3)


async def test_tasks_are_sorted_by_any_column(tmp_path: Path) -> None:
    app = Inspector(opened("others", tmp_path))
    async with app.run_test() as pilot:
        await pilot.pause()
        assert isinstance(app.screen, TasksScreen)
        table = one(app, "list", DataTable)
        first = [str(cell) for cell in table.get_row_at(0)]
        await press(pilot, "s", "S")
        assert str(table.get_row_at(1)[0]) == first[0], "the order of the first column is turned"


async def test_a_task_that_grows_is_followed(tmp_path: Path) -> None:
    whole = (EXAMPLE / TASK / "attempt-1.jsonl").read_bytes().splitlines(keepends=True)
    folder = tmp_path / "run" / TASK
    shutil.copytree(EXAMPLE / TASK, folder)
    log = folder / "attempt-1.jsonl"
    for gone in ("verdict.json", "result.json", "matrix.json"):
        (folder / gone).unlink()
    calls = [n for n, line in enumerate(whole) if line.startswith(b'{"kind":"call"')]
    log.write_bytes(b"".join(whole[: calls[0] + 1]) + whole[calls[0] + 1][:50])
    app = Inspector(open_path(folder))
    async with app.run_test() as pilot:
        await press(pilot, "2")
        steps = one(app, "steps-list", StepList)
        assert steps.count == 1, "a line that is being written does not count"
        log.write_bytes(b"".join(whole))
        await until(pilot, lambda: steps.count == 3)
        now = StepList()
        now.show(steps.episode)
        assert [steps.row(at) for at in range(3)] == [now.row(at) for at in range(3)]
        for name in ("verdict.json", "result.json", "matrix.json"):
            shutil.copy(EXAMPLE / TASK / name, folder / name)
        await until(pilot, lambda: "verified patch" in page_text(app, "why-page"))
        assert tab(app) == "steps", "it stays where it was"


async def until(pilot: Pilot, true: Callable[[], bool]) -> None:
    for _ in range(100):
        await pilot.pause(0.1)
        if true():
            return
    raise AssertionError("it never came")


@pytest.mark.parametrize("what", ["runs", "tasks", "task"])
async def test_a_run_that_is_removed_takes_no_screen_with_it(tmp_path: Path, what: str) -> None:
    runs = tmp_path / "runs"
    for name in ("a", "b"):
        shutil.copytree(EXAMPLE, runs / name)
    shutil.copytree(runs / "a" / TASK, runs / "a" / "other")
    app = Inspector(open_path({"runs": runs, "tasks": runs / "a", "task": runs / "b"}[what]))
    async with app.run_test() as pilot:
        await press(pilot, "j")
        shutil.rmtree(runs)
        told = "its files are gone" if what == "task" else "No such file"
        await until(pilot, lambda: told in str(one(app, "title", Static).render()))
        await press(pilot, "enter", "j", "l", "2", "j", "m")


class Failing(Inspector):
    """One in which something goes wrong that nobody foresaw."""

    CSS_PATH = str(Path(dialogs.__file__).with_name("app.tcss"))

    def on_mount(self) -> None:
        raise RuntimeError("unforeseen")


async def test_what_ends_it_is_raised_and_no_traceback_is_shown(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(RuntimeError, match="unforeseen"):
        await asyncio.to_thread(run_to_end, Failing(open_path(EXAMPLE)), headless=True)
    told = "".join(capfd.readouterr())
    assert "Traceback" not in told
    assert "unforeseen" not in told


async def test_what_is_shown_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    app = example()
    async with app.run_test() as pilot:
        await press(pilot, "2", "y")
        assert app.clipboard.startswith("# attempt 1 step 1")


async def test_an_editor_that_is_not_there_is_said() -> None:
    app = example("/no/such/editor")
    async with app.run_test(notifications=True) as pilot:
        await press(pilot, "2", "o")
        told = [one.message for one in app._notifications]
        assert any(message.startswith("cannot start /no/such/editor") for message in told)


async def test_the_mouse_chooses_a_step() -> None:
    app = example()
    async with app.run_test(size=(110, 32)) as pilot:
        await press(pilot, "2")
        await pilot.click("#steps-list", offset=(5, 2))
        await pilot.pause()
        assert one(app, "steps-list", StepList).number == 3


async def test_two_runs_of_others_stand_side_by_side() -> None:
    both = open_path(OTHERS)
    assert isinstance(both, OpenedRun)
    app = Inspector(both, "true", both)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert isinstance(app.screen, CompareScreen)
        assert page_text(app, "page-a") == page_text(app, "page-b")


async def test_what_a_model_wrote_never_reaches_the_terminal(tmp_path: Path) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J[bold]x[/bold] [link=http://e]l[/link]"
    folder = tmp_path / TASK
    shutil.copytree(EXAMPLE / TASK, folder)
    for path in folder.glob("attempt-*.jsonl"):
        lines = [json.loads(line) for line in path.read_bytes().splitlines()]
        for line in lines:
            for name in ("text", "content", "detail"):
                if name in line:
                    line[name] = hostile
            for reply in line.get("replies", ()):
                reply["content"] = hostile
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    app = Inspector(open_path(folder))
    async with app.run_test(size=(110, 32)) as pilot:
        await press(pilot, "2", "m", "q", "slash", *"owned", "enter")
        for screen in app.screen_stack:
            for page in [*screen.query(Page), *screen.query(StepList)]:
                for place in range(page.count):
                    assert not set("\x1b\x07\x00") & set(page.row(place).plain)
        svg = app.export_screenshot()
        assert "\x1b" not in svg
        assert "[bold]" in page_text_of(app, "step-page"), "no markup of others acts"


def page_text_of(app: Inspector, name: str) -> str:
    return app.screen_stack[1].query_one(f"#{name}", Page).text.replace("\\", "")
