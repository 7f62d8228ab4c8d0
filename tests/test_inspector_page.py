"""The inspector's page: whole, without a network, and in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from agent.errors import UserError
from agent.inspector.html_page import PAGE, page
from agent.inspector.opened_run import OpenedRun
from agent.inspector.opening import open_path
from agent.trajectory.reader import load_run
from tests.screens import EXAMPLE, OTHERS
from tests.test_cli import run

TASK = "sympy-14774-c10de226"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Tags(HTMLParser):
    """Checks that tags close in order, and keeps the text and what is loaded."""

    EMPTY = ("meta", "input", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.words: list[str] = []
        self.steps = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.loads += [str(named[name]) for name in ("src", "href") if name in named]
        self.steps += tag == "details" and "step" in (named.get("class") or "").split()
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def parsed(text: str) -> Tags:
    tags = Tags()
    tags.feed(text)
    assert not tags.open
    return tags


def test_it_holds_every_step_patch_and_check_and_loads_nothing() -> None:
    tags = parsed(page(open_path(EXAMPLE)))
    assert tags.steps == 13
    assert all(one.startswith("#") for one in tags.loads)
    words = "".join(tags.words)
    (task,) = load_run(EXAMPLE).tasks()
    assert task.matrix is not None
    for check in task.matrix.checks:
        assert check.id in words
    for candidate in task.candidates:
        assert f"Candidate {candidate.id}:" in words


def test_another_agents_file_has_its_page() -> None:
    assert parsed(page(open_path(OTHERS))).steps == 6


def test_two_runs_stand_side_by_side() -> None:
    both = open_path(EXAMPLE)
    assert isinstance(both, OpenedRun)
    tags = parsed(page(both, both))
    assert tags.steps == 26


def test_what_others_wrote_is_no_markup(tmp_path: Path) -> None:
    hostile = "</pre><script>alert(1)</script><img src=http://e/x onerror=alert(2)>\x1b[2J\x00"
    shutil.copytree(EXAMPLE / TASK, tmp_path / TASK)
    for path in (tmp_path / TASK).glob("attempt-*.jsonl"):
        lines = [json.loads(line) for line in path.read_bytes().splitlines()]
        for line in lines:
            if line["kind"] == "observation":
                line["text"] = hostile
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    issue = json.loads((tmp_path / TASK / "task.json").read_text())
    (tmp_path / TASK / "task.json").write_text(json.dumps(issue | {"title": hostile}))
    text = page(open_path(tmp_path / TASK))
    tags = parsed(text)
    assert text.count("<script>") == 1
    assert "<img" not in text
    assert all(one.startswith("#") for one in tags.loads)
    assert "\\x1b[2J\\x00" in "".join(tags.words)
    assert not re.search("[\x00-\x08\x0b-\x1f]", text)


def test_a_file_of_somebody_elses_is_not_overwritten(tmp_path: Path) -> None:
    mine, other = tmp_path / "a.html", tmp_path / "b.html"
    mine.write_text(page(open_path(OTHERS)))
    PAGE.refuse_foreign(mine)
    other.write_text("<html>precious</html>")
    with pytest.raises(UserError):
        PAGE.refuse_foreign(other)
    done = run(tmp_path, "inspect", str(OTHERS), "--html", "b.html")
    assert (done.returncode, other.read_text()) == (2, "<html>precious</html>")
    assert run(tmp_path, "inspect", str(OTHERS), "--html", "c.html").returncode == 0
    assert parsed((tmp_path / "c.html").read_text()).steps == 6


def test_attempts_are_written_in_the_forms_of_others(tmp_path: Path) -> None:
    done = run(tmp_path, "inspect", f"{EXAMPLE}/{TASK}/attempt-1", "--traj", "a.traj.json",
               "--messages", "a.jsonl")  # fmt: skip
    assert done.returncode == 0, done.stderr
    again = open_path(tmp_path / "a.traj.json")
    assert isinstance(again, OpenedRun)
    task = again.task(again.ids[0])
    assert task.record.candidates[0].patch == (EXAMPLE / TASK / "candidate-1.1.patch").read_text()
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert all(line["messages"][-1]["role"] == "assistant" for line in lines)
    assert len(lines) == len({json.dumps(line) for line in lines}) > 3
    done = run(tmp_path, "inspect", f"{EXAMPLE}/{TASK}/attempt-1", "--traj", "a.traj.json")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_nothing_is_written_when_one_of_two_forms_cannot_be(tmp_path: Path) -> None:
    done = run(tmp_path, "inspect", str(OTHERS), "--traj", "a.traj.json", "--messages", "a.jsonl")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--traj" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
@pytest.mark.parametrize("width", [360, 1200])
def test_a_browser_shows_it_without_scrolling_sideways(tmp_path: Path, width: int) -> None:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert browser, "install chromium: apt-get install chromium"
    told = (
        "<script>for (const d of document.querySelectorAll('details')) d.open = true;"
        "document.getElementById('failed').click();"
        "document.title = document.documentElement.scrollWidth + ' ' + innerWidth"
        " + ' ' + document.querySelectorAll('.step.is-failed[open]').length;</script>"
    )
    file = tmp_path / "page.html"
    text = page(open_path(EXAMPLE)).replace("</body>", f"{told}</body>")
    file.write_text(text)
    words = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/b"]
    words += [f"--window-size={width},900", "--dump-dom", file.as_uri()]
    done = subprocess.run(
        [browser, *words], capture_output=True, text=True, timeout=120, check=True
    )
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title, done.stderr
    whole, visible, failed = map(int, title[1].split())
    assert whole <= visible
    assert failed >= 8
