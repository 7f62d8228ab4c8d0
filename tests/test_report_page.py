"""The page: that it needs nothing else, hides nothing, and is written over nothing of others."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from agent.benchmark.report import command
from agent.errors import UserError
from tests.reported import Made, make_run
from tests.test_cli import PROGRAM
from tests.test_report import SMALL, WARMTH


class Reader(HTMLParser):
    """Reads a page: names of elements, addresses that it would fetch, text of tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.addresses: list[str] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        names = ("src", "href", "xlink:href", "action", "data")
        self.addresses += [value or "" for name, value in attrs if name in names]
        if tag not in ("meta", "use", "path", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in ("meta", "use", "path", "br"):
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("meta", "use", "path", "br"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data.strip())


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return make_run(tmp_path / "small", SMALL, samples=3, temperatures=WARMTH)


def written(html: Path, *folders: Path) -> str:
    command.run(folders, as_json=False, html=html, out=io.StringIO())
    return html.read_text(encoding="utf-8")


def test_the_page_is_whole_in_itself(small: Path, tmp_path: Path) -> None:
    text = written(tmp_path / "page.html", small)
    page = Reader(text)
    assert page.open == []
    assert page.elements.count("svg") == 3
    assert not {"script", "link", "img", "iframe", "object"} & set(page.elements)
    assert [address for address in page.addresses if not address.startswith("#")] == []
    assert not re.search(r"https?://|@import|url\((?!#)", text)
    assert 'name="viewport"' in text


def test_the_page_has_the_figures_of_the_tables(small: Path, tmp_path: Path) -> None:
    out = io.StringIO()
    command.run([small], as_json=False, html=tmp_path / "page.html", out=out)
    page = Reader((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "1/3 = 33.3 %" in page.text
    shown = " ".join(" ".join(page.text).split())
    for line in out.getvalue().splitlines():
        for cell in re.split(r"\s{2,}|─+", line.strip()):
            assert cell in shown


def test_the_same_run_gives_the_same_page(small: Path, tmp_path: Path) -> None:
    assert written(tmp_path / "one.html", small) == written(tmp_path / "two.html", small)


def test_what_cannot_be_plotted_is_said(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [Made("a__x-1")], harness=None)
    text = written(tmp_path / "page.html", run)
    assert "<svg" not in text
    assert "No graded run was made with --samples." in text
    assert "Nothing is graded." in text


def test_a_cost_without_a_price_is_given_in_tokens(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [Made("a__x-1", vote=True, usd=None)])
    text = written(tmp_path / "page.html", run)
    assert "A price is unknown: the cost is given in tokens." in text
    assert "tokens for an instance, at most" in text


def test_what_stands_in_a_run_cannot_act_on_the_page(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>"
    run = make_run(tmp_path / "run", [Made("a__x-1", bad), Made("a__x-2", vote=True)], harness=bad)
    text = written(tmp_path / "page.html", run)
    assert "script" not in Reader(text).elements
    assert "&lt;script&gt;" in text


def test_only_a_report_of_ours_is_written_over(small: Path, tmp_path: Path) -> None:
    page, theirs = tmp_path / "page.html", tmp_path / "theirs.html"
    first = written(page, small)
    page.write_text(first.replace("33.3", "99.9"))
    assert written(page, small) == first
    theirs.write_text("<!DOCTYPE html>\n<title>mine</title>\n")
    for path, said in (
        (theirs, "no report"),
        (tmp_path, "not a file"),
        (tmp_path / "no/p", "no fo"),
    ):
        with pytest.raises(UserError, match=said):
            written(path, small)
    assert theirs.read_text() == "<!DOCTYPE html>\n<title>mine</title>\n"


def test_the_program_writes_the_page_and_json_alone_on_stdout(small: Path, tmp_path: Path) -> None:
    words = [str(PROGRAM), "report", "small", "--json", "--html", "page.html"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["resolved"] == 1
    assert (tmp_path / "page.html").read_text().startswith("<!DOCTYPE html>")


def test_without_matplotlib_one_line_says_what_to_install(small: Path, tmp_path: Path) -> None:
    words = "['repair-agent', 'report', 'small', '--html', 'page.html']"
    program = f"import sys; sys.modules['matplotlib'] = None; sys.argv = {words}\n"
    program += "from agent.cli.main import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert "pip install 'repair-agent[bench]'" in line
    assert not (tmp_path / "page.html").exists()
