"""What a TASK argument can be, and what is said of one that it cannot."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.intake import issue
from tools.base import UserError

DATA = Path(__file__).parent / "data"


def written(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_bytes(text.encode())
    return str(path)


def refused(text: str) -> UserError:
    with pytest.raises(UserError) as caught:
        issue.read(text)
    assert "\n" not in caught.value.message
    return caught.value


def test_tracker_text_is_read_unaltered() -> None:
    task = issue.read(str(DATA / "sympy-14774.md"))
    raw = (DATA / "sympy-14774.md").read_bytes().decode()
    tracker = raw.split("+++\n", 2)[2]
    assert f"{task.title}\n{task.body}" == tracker
    assert task.title.startswith("Latex printer does not support full inverse trig")
    assert "\r\n\r\nA fix seems to be" in task.body
    assert task.repository == "pypi:sympy==1.1.1"
    assert re.fullmatch(r"sympy-14774-[0-9a-f]{8}", task.id)


def test_front_matter_gives_every_key(tmp_path: Path) -> None:
    text = (
        '+++\nrepository = "https://example.org/a/b"\nref = "v1"\ntest_command = "make test"\n'
        'created_at = 2018-06-05T08:03:47Z\npython = "3.9"\n+++\n# Title\n\nBody\n'
    )
    task = issue.read(written(tmp_path, "owner__some_repo-12.md", text))
    assert task == issue.TaskFile(
        id="owner__some_repo-12",
        source=str(tmp_path / "owner__some_repo-12.md"),
        title="Title",
        body="\nBody\n",
        repository="https://example.org/a/b",
        ref="v1",
        test_command="make test",
        created_at=datetime(2018, 6, 5, 8, 3, 47, tzinfo=UTC),
        python="3.9",
    )


def test_toml_holds_the_same(tmp_path: Path) -> None:
    text = "title = 'T'\nbody = '''\na\n'''\nrepository = 'sub/repo'\ncreated_at = 2020-01-02\n"
    task = issue.read(written(tmp_path, "t.toml", text))
    assert (task.title, task.body) == ("T", "a\n")
    assert task.repository == str(tmp_path / "sub" / "repo")
    assert task.created_at == datetime(2020, 1, 2, tzinfo=UTC)


def test_byte_order_mark_and_windows_line_ends_are_no_trouble(tmp_path: Path) -> None:
    text = '\ufeff+++\r\nref = "x"\r\n+++\r\n\r\n# A title\r\nBody\r\n'
    task = issue.read(written(tmp_path, "t.md", text))
    assert (task.ref, task.title, task.body) == ("x", "A title", "Body\r\n")


def test_ids_differ_by_content_and_name_a_folder(tmp_path: Path) -> None:
    one = issue.read(written(tmp_path, "odd name/…".replace("/", "_") + ".md", "a"))
    two = issue.read(written(tmp_path, "odd name_….md", "b"))
    assert one.id != two.id
    assert re.fullmatch(r"odd-name_-[0-9a-f]{8}", one.id)


BAD_FILES = [
    ("empty.md", "", "empty"),
    ("blank.md", " \n\n", "empty"),
    ("empty.toml", "", "empty"),
    ("open.md", '+++\nref = "x"\n', "does not end"),
    ("no-title.md", '+++\nref = "x"\n+++\n\n', "title is missing"),
    ("no-title.toml", "body = 'x'\n", "title is missing"),
    ("number.toml", "title = 3\n", "title is int"),
    ("version.md", "+++\npython = 3.10\n+++\nT\n", "python is float"),
    ("date.md", '+++\ncreated_at = "2018"\n+++\nT\n', "created_at is no date"),
    ("key.md", "+++\nrepo = 'x'\n+++\nT\n", "unknown key 'repo'"),
    ("title.md", "+++\ntitle = 'x'\n+++\nT\n", "unknown key 'title'"),
    ("broken.toml", "title = \n", "not valid TOML"),
    ("void.md", "+++\nref = ''\n+++\nT\n", "ref is empty"),
    ("scheme.md", "+++\nrepository = 'ext::sh -c id'\n+++\nT\n", "not taken"),
]


@pytest.mark.parametrize(("name", "text", "said"), BAD_FILES)
def test_bad_file_is_named_with_its_fault(tmp_path: Path, name: str, text: str, said: str) -> None:
    assert said in refused(written(tmp_path, name, text)).message


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.md").write_bytes(b"caf\xe9\n")
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "notes.txt").write_text("hello")
    assert "not UTF-8" in refused(str(tmp_path / "latin.md")).message
    assert "folder" in refused(str(tmp_path / "folder.md")).message
    assert "folder" in refused(str(tmp_path)).message
    assert "there is no file" in refused(str(tmp_path / "none.md")).message
    assert "neither a .md nor a .toml" in refused(str(tmp_path / "notes.txt")).message
    assert refused("a\0b.md").message.startswith("cannot read")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sympy__sympy-14774", "is no task that this version knows"),
        ("whatever", "no task"),
        ("", "no task"),
        ("the text of an issue " * 100, "no task"),
        ("~nobody-of-this-name/x", "no task"),
    ],
)
def test_other_forms_are_recognised(text: str, said: str) -> None:
    error = refused(text)
    assert said in error.message
    assert error.hint


SYMPY = issue.IssueName("github.com", "sympy", "sympy", 14774)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("https://github.com/sympy/sympy/issues/14774", SYMPY),
        ("http://www.GitHub.com/sympy/sympy/issues/14774/", SYMPY),
        ("https://me:secret@github.com/sympy/sympy/issues/14774?a=b#issuecomment-1", SYMPY),
        ("sympy/sympy#14774", replace(SYMPY, host=None)),
        ("a-b/c.d_e#1", issue.IssueName(None, "a-b", "c.d_e", 1)),
        ("https://git.corp:8443/a/b/issues/2", issue.IssueName("git.corp:8443", "a", "b", 2)),
        ("sympy/sympy#0", None),
        ("../x#1", None),
        ("a/..#1", None),
        ("sympy/sympy", None),
        ("https://github.com/sympy/sympy/issues", None),
        ("https://github.com/sympy/sympy/issues/1x", None),
        ("issue.md", None),
    ],
)
def test_issues_on_github_are_told_by_their_names(text: str, name: issue.IssueName | None) -> None:
    assert issue.on_github(text) == name


def test_an_issue_on_github_has_the_id_that_benchmarks_give_it() -> None:
    assert SYMPY.id == "sympy__sympy-14774"
    assert SYMPY.shown == "issue sympy/sympy#14774"


def test_a_pull_request_is_no_issue() -> None:
    with pytest.raises(UserError, match="pull request"):
        issue.on_github("https://github.com/sympy/sympy/pull/1/files")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    title=st.text(min_size=1).map(str.strip).filter(lambda t: t and not re.search(r"[\r\n]", t)),
    body=st.text(),
)
def test_any_title_and_body_survive(tmp_path: Path, title: str, body: str) -> None:
    if title == "+++" or title.startswith(("# ", "\ufeff")):
        return
    path = tmp_path / "t.md"
    path.write_bytes(f"{title}\n{body}".encode())
    task = issue.read(str(path))
    assert (task.title, task.body) == (title, body)
