"""One page in every medium: the same words in each, and nothing of others' acts in any."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser

from rich.console import Console

from agent.show.blocks import (
    Block,
    Bullets,
    Code,
    Diff,
    Fold,
    Heading,
    Marked,
    Output,
    Paragraph,
    StepLink,
    Table,
)
from agent.show.check_table import check_table
from agent.show.html import to_html
from agent.show.markdown import markdown
from agent.show.terminal import Screen, rows
from tests.judged import ACSC, FIRST, MATRIX, OLD, SECOND, VERDICT

HOSTILE = "<script>alert(1)</script> \x1b[2J | `x` \u202e"
PAGE: list[Block] = [
    Heading("A title", 1),
    Paragraph(("see ", StepLink("attempt 1", 3), " of ", Code("a|b"))),
    Bullets((("first",), (Marked("second", "fail"),))),
    Table(
        ("name", "figure"), ((("  part",), ("1",)), (("all",), (Marked("12", "pass", "hint"),))),
        "numbers",
    ),
    Diff("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n"),
    Output("an error", bad=True),
    Fold(("folded ", Marked("away", "edit")), (Paragraph((HOSTILE,)), Output(HOSTILE))),
]  # fmt: skip
WORDS = "A title see attempt 1 step 3 of first second name figure part 1 all 12 old new an error"


def printed(page: list[Block]) -> str:
    console = Console(file=io.StringIO(), width=60, force_terminal=False, legacy_windows=False)
    console.print(Screen(page))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


class Texts(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


def test_every_medium_shows_the_same_words() -> None:
    html = Texts(to_html(PAGE))
    for text in (markdown(PAGE), printed(PAGE), html.text):
        found = re.sub(r"\W+", " ", text).split()
        for word in f"{WORDS} folded away".split():
            assert word in found
    assert {"h3", "ul", "table", "pre", "details"} <= set(html.tags)


def test_nothing_of_others_acts_in_any_medium() -> None:
    html = to_html(PAGE)
    assert "script" not in Texts(html).tags
    for text in (markdown(PAGE), printed(PAGE), html):
        assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", text)
        assert "\\x1b[2J" in text.replace("\\[", "[").replace("\\\\", "\\")


def test_figures_are_aligned_to_the_right_and_parts_are_indented() -> None:
    shown = printed([PAGE[3]]).splitlines()
    assert [line.rstrip() for line in shown[:1] + shown[2:4]] == [
        "name     figure", "  part        1", "all          12",
    ]  # fmt: skip


def test_a_row_leads_to_the_step_that_it_names() -> None:
    links = [row.link for row in rows(PAGE, 60)]
    assert [link for link in links if link] == [StepLink("attempt 1", 3)]
    assert links[2] == StepLink("attempt 1", 3)


def test_the_table_of_checks_is_the_same_for_all_who_show_it() -> None:
    table = check_table(MATRIX, VERDICT, (FIRST, SECOND))
    assert [getattr(one, "text", one) for one in table.columns] == [
        "check", "base", "1.1★ [1]", "2.1 [2]",
    ]  # fmt: skip
    cells = {
        name.text: [(one.text, one.kinds) for (one,) in results if isinstance(one, Marked)]
        for (name,), *results in table.rows
        if isinstance(name, Marked)
    }
    assert cells[ACSC] == [("✗ fail", "fail"), ("✓", "pass"), ("✓", "pass")]
    assert cells[OLD] == [("✓", "pass"), ("✓", "pass same"), ("✗ fail", "fail")]
