"""What two patches make differently: told from them, and true of the files that they make."""

from __future__ import annotations

import difflib
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.inspector.interdiff import interdiff

BEFORE = [f"line {number}" for number in range(1, 41)]


def patch(before: list[str], after: list[str], path: str = "a.py") -> str:
    lines = difflib.unified_diff(before, after, f"a/{path}", f"b/{path}", lineterm="", n=3)
    return "".join(f"{line}\n" for line in lines)


def with_line(number: int, *texts: str) -> list[str]:
    return [*BEFORE[: number - 1], *texts, *BEFORE[number:]]


def test_one_line_that_both_change_is_all_that_differs() -> None:
    found = interdiff(patch(BEFORE, with_line(9, "ours")), patch(BEFORE, with_line(9, "theirs")))
    assert found.splitlines() == [
        "--- a/a.py", "+++ b/a.py", "@@ -6,7 +6,7 @@", " line 6", " line 7", " line 8", "-ours",
        "+theirs", " line 10", " line 11", " line 12",
    ]  # fmt: skip


def test_what_one_changes_and_the_other_leaves_is_told_with_its_numbers() -> None:
    ours = with_line(9, "a", "b", "c")
    theirs = [*with_line(9, "a", "b", "c")[:31], "new", *with_line(9, "a", "b", "c")[32:]]
    found = interdiff(patch(BEFORE, ours), patch(BEFORE, theirs)).splitlines()
    assert [line for line in found if line[0] in "-+"][2:] == ["-line 30", "+new"]
    assert found[2] == "@@ -29,7 +29,7 @@"


def test_same_patches_and_such_as_only_show_more_make_the_same() -> None:
    one = patch(BEFORE, with_line(9, "ours"))
    assert interdiff(one, one) == ""
    more = "\n".join(
        difflib.unified_diff(BEFORE, with_line(9, "ours"), "a/a.py", "b/a.py", lineterm="", n=8)
    )
    assert interdiff(one, f"{more}\n") == ""


def test_a_new_file_of_one_is_told_whole() -> None:
    new = "diff --git a/n.py b/n.py\nnew file mode 100644\n--- /dev/null\n+++ b/n.py\n"
    found = interdiff("", f"{new}@@ -0,0 +1,2 @@\n+one\n+two\n").splitlines()
    assert found == ["--- a/n.py", "+++ b/n.py", "@@ -0,0 +1,2 @@", "+one", "+two"]


def test_what_is_no_patch_is_compared_as_text() -> None:
    damaged = patch(BEFORE, with_line(9, "ours"))[:-10]
    assert "-" in interdiff(damaged, patch(BEFORE, with_line(9, "theirs")))


edits = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 3), st.lists(st.sampled_from("xyz"), max_size=3)),
    max_size=4,
)


def edited(before: list[str], changes: list[tuple[int, int, list[str]]]) -> list[str]:
    found = list(before)
    for at, count, texts in changes:
        found[at : at + count] = texts
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(edits, edits)
def test_it_turns_what_one_makes_into_what_the_other_makes(
    tmp_path: Path, mine: list[tuple[int, int, list[str]]], yours: list[tuple[int, int, list[str]]]
) -> None:
    ours, theirs = edited(BEFORE, mine), edited(BEFORE, yours)
    found = interdiff(patch(BEFORE, ours), patch(BEFORE, theirs))
    file = tmp_path / "a.py"
    file.write_text("".join(f"{line}\n" for line in ours))
    if found:
        subprocess.run(
            ["git", "apply", "--unidiff-zero", "-"], cwd=tmp_path, input=f"{found}\n", text=True,
            check=True,
        )  # fmt: skip
    assert file.read_text().splitlines() == theirs


SHELL = "diff --git a/run.sh b/run.sh\nold mode 100644\nnew mode 100755\n"
EMPTY = "diff --git a/e.py b/e.py\nnew file mode 100644\nindex 0000000..e69de29\n"
MOVED = "diff --git a/b.py b/c.py\nsimilarity index 100%\nrename from b.py\nrename to c.py\n"


def binary(content: bytes) -> str:
    encoded = "LcmZQzWMT#Y01f~L" if content == b"0" else "LcmZQzWMT#Y01f~M"
    return (
        f"diff --git a/x.bin b/x.bin\nindex 1111111..{content.hex() * 7} 100644\n"
        f"GIT binary patch\nliteral 4\n{encoded}\n\nliteral 0\nHcmV?d00001\n\n"
    )


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (SHELL, "", "- new mode 100755\n+ as before"),
        ("", SHELL, "- as before\n+ new mode 100755"),
        (EMPTY, "", "- new file mode 100644\n+ as before"),
        (MOVED, "", "- rename from b.py\n+ as before"),
        (binary(b"0"), "", "- binary content 303030303030"),
        (binary(b"0"), binary(b"1"), "\n+ binary content 313131"),
    ],
)  # fmt: skip
def test_a_mode_a_name_or_binary_content_alone_is_told(one: str, other: str, told: str) -> None:
    same = "diff --git a/a.py b/a.py\n" + patch(BEFORE, with_line(9, "both"))
    found = interdiff(one + same, other + same)
    assert told in found
    assert found.startswith("--- a/")
    assert "@@" not in found
    assert interdiff(one, one) == interdiff(other, other) == ""


def test_a_mode_is_told_beside_lines() -> None:
    ours = "diff --git a/a.py b/a.py\nold mode 100644\nnew mode 100755\n"
    ours += patch(BEFORE, with_line(9, "ours"))
    theirs = "diff --git a/a.py b/a.py\n" + patch(BEFORE, with_line(9, "theirs"))
    found = interdiff(ours, theirs).splitlines()
    assert found[2:5] == ["- new mode 100755", "+ as before", "@@ -6,7 +6,7 @@"]
