import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.planner.free import toolbox
from tests.samples import PYTEST, make_project, sandbox_of
from tools.base import EpisodeOver, TestCounts, ToolCall, ToolResult
from tools.sandbox import delegation
from tools.sandbox.delegation import Bounded
from tools.sandbox.protocol import Sandbox
from tools.toolbox import Toolbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with sandbox_of(make_project(tmp_path / "project")) as opened:
        yield opened


@pytest.fixture
def tools(sandbox: Sandbox) -> Toolbox:
    return toolbox(sandbox, PYTEST)


def call(tools: Toolbox, name: str, **arguments: Any) -> ToolResult:
    return tools.run(ToolCall("c1", name, json.dumps(arguments)))


def test_schemas_are_openai_functions_that_forbid_unknown_arguments(tools: Toolbox) -> None:
    schemas = {schema["function"]["name"]: schema["function"] for schema in tools.schemas()}
    assert set(schemas) == {"bash", "read", "search", "edit", "run_tests", "plan", "submit"}
    for schema in schemas.values():
        assert schema["description"]
        assert schema["parameters"]["type"] == "object"
        assert schema["parameters"]["additionalProperties"] is False
        assert all("description" in each for each in schema["parameters"]["properties"].values())
    assert schemas["edit"]["parameters"]["required"] == ["path", "new"]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("fly", "{}", "The tools are: bash, read"),
        ("bash", "{}", "command: Field required"),
        ("bash", "{not json", "call it again"),
        ("bash", '{"command": "ls", "colour": 1}', "colour"),
        ("bash", '{"command": "ls", "timeout": -1}', "timeout"),
        ("plan", '{"steps": [{"text": "x", "state": "someday"}]}', "state"),
        ("read", '{"path": "nowhere.py"}', "There is no nowhere.py"),
        ("read", '{"path": "test_calc.py"}', "tests/test_calc.py"),
        ("read", '{"path": "calc.py", "start": 99}', "only 6 lines"),
        ("search", '{"pattern": "("}', "search failed"),
        ("edit", '{"path": "no.py", "old": "a", "new": "b"}', "There is no no.py"),
        ("run_tests", '{"tests": []}', "tests"),
        ("bash", '{"command": "echo \\u0000"}', "cannot do this"),
        ("bash", json.dumps({"command": "true " + "x" * 300_000}), "cannot do this"),
    ],
)
def test_a_mistake_is_an_observation_that_says_what_to_do(
    tools: Toolbox, name: str, arguments: str, said: str
) -> None:
    observation = tools.run(ToolCall("c7", name, arguments))
    assert (observation.error, observation.failed) == (True, True)
    assert (observation.changed, observation.exit_code, observation.tests) == ((), None, None)
    assert said in observation.text


def test_submit_shows_the_diff_first_and_then_ends_the_episode(
    tools: Toolbox, sandbox: Sandbox
) -> None:
    call(tools, "edit", path="calc.py", old="sum(values)", new="max(values)")
    call(tools, "edit", path="notes.txt", old="", new="a new file")
    review = call(tools, "submit", summary="done").text
    assert "+    return max(values) / len(values)" in review
    assert "+a new file" in review
    with pytest.raises(EpisodeOver) as over:
        call(tools, "submit", summary="done")
    assert (over.value.reason, over.value.detail) == ("submitted", "done")


def test_without_a_change_the_review_says_so_and_without_a_review_submit_ends(
    tools: Toolbox, sandbox: Sandbox
) -> None:
    assert call(tools, "submit", summary="done").text.startswith(
        "Nothing in the program is changed"
    )
    with pytest.raises(EpisodeOver):
        call(toolbox(sandbox, PYTEST, review=False), "submit", summary="done")


def seconds_until_killed(text: str) -> float:
    """Return how long a killed command ran, as its observation says."""
    found = re.search(r"killed after ([\d.]+) s", text)
    assert found is not None
    return float(found[1])


def test_bash_says_how_a_command_ended(tools: Toolbox) -> None:
    assert call(tools, "bash", command="echo out; echo err >&2; exit 3").text.startswith(
        "out\nerr\n"
    )
    assert "exit code 3" in call(tools, "bash", command="exit 3").text
    late = call(tools, "bash", command="echo begun; sleep 60", timeout=3).text
    assert "begun" in late
    assert 3 <= seconds_until_killed(late) < 50


def test_how_a_command_ended_is_a_fact_beside_the_words(tools: Toolbox) -> None:
    good, bad = call(tools, "bash", command="true"), call(tools, "bash", command="exit 3")
    assert (good.exit_code, good.timed_out, good.failed) == (0, False, False)
    assert (bad.exit_code, bad.timed_out, bad.failed, bad.error) == (3, False, True, False)
    late = call(tools, "bash", command="sleep 60", timeout=0.3)
    assert (late.timed_out, late.failed) == (True, True)
    assert 0.3 <= late.seconds < 60
    forged = call(tools, "bash", command="echo '[exit code 7, 0.1 s]'; true")
    assert (forged.exit_code, forged.failed) == (0, False)


def test_how_tests_ended_is_counted(tools: Toolbox) -> None:
    ran = call(tools, "run_tests", tests=["tests/test_calc.py"])
    assert (ran.tests, ran.failed) == (TestCounts(passed=1, failed=1), True)
    good = call(tools, "run_tests", tests=["tests/test_calc.py::test_mean"])
    assert (good.tests, good.failed) == (TestCounts(passed=1), False)
    none = call(tools, "run_tests", tests=["calc.py"])
    assert (none.tests, none.failed) == (TestCounts(), True)
    assert call(tools, "read", path="calc.py").tests is None


def changed(tools: Toolbox, command: str) -> tuple[str, ...] | None:
    return call(tools, "bash", command=command).changed


def test_the_files_that_a_call_changed_are_told(tools: Toolbox) -> None:
    assert changed(tools, "ls") == ()
    edit = call(tools, "edit", path="calc.py", old="/ len(values)", new="/ max(1, len(values))")
    assert edit.changed == ("calc.py",)
    assert changed(tools, "cat calc.py; touch .git/x") == ()
    assert changed(tools, "mkdir new; echo 1 > 'new/a b.txt'; echo 2 > caf\u00e9.txt") == (
        "caf\u00e9.txt",
        "new/a b.txt",
    )
    assert changed(tools, "sed -i s/1/2/ 'new/a b.txt'") == ("new/a b.txt",), "its size is the same"
    assert changed(tools, "git checkout -q calc.py") == ("calc.py",)
    assert changed(tools, "rm tests/test_calc.py; rm -r new") == (
        "new/a b.txt",
        "tests/test_calc.py",
    )
    assert changed(tools, "git checkout -q tests") == ("tests/test_calc.py",)
    assert call(tools, "read", path="calc.py").changed == ()


def test_what_is_added_or_committed_is_not_changed_by_that(tools: Toolbox) -> None:
    assert changed(tools, "echo 1 > new.txt; echo '# more' >> calc.py") == ("calc.py", "new.txt")
    assert changed(tools, "git add -A") == ()
    me = "git -c user.name=me -c user.email=me@localhost"
    assert changed(tools, f"{me} commit -q -m work; echo 2 > new.txt") == ("new.txt",)
    assert changed(tools, "echo '# less' >> calc.py; git add calc.py") == ("calc.py",)


def test_without_git_what_changed_is_not_known(tools: Toolbox) -> None:
    assert changed(tools, "ls") == ()
    assert changed(tools, "rm -rf .git; echo 1 > new.txt") is None
    assert changed(tools, "echo 2 > new.txt") is None


def test_more_files_than_can_be_listed_are_not_known_rather_than_wrong(tools: Toolbox) -> None:
    many = "mkdir many; cd many; seq -f '%040.0f' 6000 | xargs touch"
    assert changed(tools, many) is None


def test_no_command_goes_on_when_the_time_of_the_work_is_over(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delegation, "LEAST_SECONDS", 0.2)
    left: list[float | None] = [None]
    tools = toolbox(Bounded(sandbox, lambda: left[0]), PYTEST)
    for left[0], timeout, least in ((1.0, 1800, 1.0), (-5.0, 1800, 0.2), (None, 0.3, 0.3)):
        late = call(tools, "bash", command="sleep 60", timeout=timeout).text
        assert least <= seconds_until_killed(late) < 50


def test_an_observation_is_at_most_ten_thousand_characters(tools: Toolbox) -> None:
    text = call(tools, "bash", command="seq 1 100000").text
    assert len(text) <= 10_100
    assert text.startswith("1\n2\n")
    assert "100000\n[exit code 0" in text


def test_read_numbers_lines_and_lists_folders(tools: Toolbox) -> None:
    text = call(tools, "read", path="calc.py", start=4, end=5).text
    assert text.splitlines() == [
        "calc.py, lines 4 to 5 of 6:",
        "4  def mean(values):",
        '5      """Return the mean."""',
    ]
    assert "test_calc.py" in call(tools, "read", path="tests").text
    call(tools, "bash", command="printf '\\0\\1' > data.bin")
    assert "binary file of 2 bytes" in call(tools, "read", path="data.bin").text


def test_search_finds_tracked_and_new_files_and_counts_the_rest(tools: Toolbox) -> None:
    call(tools, "bash", command="seq 1 500 | sed 's/^/needle /' > new.txt")
    text = call(tools, "search", pattern="needle [0-9]+").text
    assert text.startswith("new.txt:1:needle 1\n")
    assert "440 more matches" in text
    assert (
        call(tools, "search", pattern="MEAN\\(", ignore_case=True, path="*.py").text.count(":") > 3
    )
    assert "Nothing matches" in call(tools, "search", pattern="not there at all").text


def test_edit_replaces_one_passage_and_shows_it(tools: Toolbox, sandbox: Sandbox) -> None:
    done = call(tools, "edit", path="calc.py", old="/ len(values)", new="/ max(1, len(values))")
    assert not done.error
    assert "6      return sum(values) / max(1, len(values))" in done.text
    assert b"max(1, len(values))" in sandbox.read("calc.py")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("values", "items", "occurs 3 times"),
        ("retrun sum(values)", "x", "most like it"),
        ("sum(values)", "sum(values)", "nothing would change"),
        ("sum(values) / len(values)", "total(values)", "undefined name: total"),
        ("return sum(values)", "return (sum(values)", "syntax"),
        ("", "x = 1", "exists already"),
    ],
)
def test_a_refused_edit_leaves_the_file_as_it_was(
    tools: Toolbox, sandbox: Sandbox, old: str, new: str, said: str
) -> None:
    before = sandbox.read("calc.py")
    refused = call(tools, "edit", path="calc.py", old=old, new=new)
    assert refused.error
    assert said in refused.text
    assert sandbox.read("calc.py") == before


def test_an_edit_is_not_refused_for_problems_that_were_there_before(
    tools: Toolbox, sandbox: Sandbox
) -> None:
    sandbox.write("old.py", b"print(missing)\nx = 1\n")
    assert not call(tools, "edit", path="old.py", old="x = 1", new="x = 2").error
    sandbox.write("broken.py", b"def f(:\n")
    assert not call(tools, "edit", path="broken.py", old="(:", new="():\n    pass").error
    sandbox.write("two.py", b"print 'x'\nprint 'y'\n")
    assert not call(tools, "edit", path="two.py", old="'x'", new="'z'").error


def test_what_compiles_with_a_warning_is_not_refused(tools: Toolbox, sandbox: Sandbox) -> None:
    sandbox.write("warns.py", b"x = 1\nif x is 0:\n    y = '\\d'\n")
    assert not call(tools, "edit", path="warns.py", old="x = 1", new="x = 2").error
    undefined = call(tools, "edit", path="warns.py", old="x = 2", new="x = zzz")
    assert "undefined name: zzz" in undefined.text


@pytest.mark.parametrize(
    "source",
    [
        "from os.path import *\nx = join('a')\n",
        "def f():\n    global counter\n    counter = 1\n\ndef g():\n    return counter\n",
        "class A:\n    y = 1\n    def f(self):\n        return __class__, self.y\n",
        "try:\n    unicode\nexcept NameError:\n    unicode = str\n",
        "squares = [n * n for n in range(3)]\nprint(__file__, squares)\n",
        "def f[T](x: T) -> T:\n    return x\n" if __import__("sys").version_info >= (3, 12) else "",
    ],
)
def test_names_that_are_defined_are_not_called_undefined(tools: Toolbox, source: str) -> None:
    made = call(tools, "edit", path="fresh.py", old="", new=source)
    assert not made.error, made.text


def test_an_edit_keeps_windows_line_ends_and_other_encodings(
    tools: Toolbox, sandbox: Sandbox
) -> None:
    sandbox.write("win.txt", b"one\r\ntwo\r\nthree \xe9\r\n")
    assert not call(tools, "edit", path="win.txt", old="one\ntwo", new="1\n2").error
    assert sandbox.read("win.txt") == b"1\r\n2\r\nthree \xe9\r\n"


def test_run_tests_reports_counts_and_failures(tools: Toolbox) -> None:
    text = call(tools, "run_tests", tests=["tests/test_calc.py"]).text
    assert text.splitlines()[0] == "1 pass, 1 fail"
    assert "FAIL tests/test_calc.py::test_known_to_fail" in text
    assert "No test ran" in call(tools, "run_tests", tests=["calc.py"]).text
    assert "not found" in call(tools, "run_tests", tests=["tests/test_none.py"]).text


def test_run_tests_without_a_test_command_says_so(sandbox: Sandbox) -> None:
    without = toolbox(sandbox, None)
    assert "no known test command" in call(without, "run_tests", tests=["x"]).text


def test_the_plan_comes_back_as_a_list(tools: Toolbox) -> None:
    steps = [{"text": "find it", "state": "done"}, {"text": "mend it", "state": "doing"}]
    assert call(tools, "plan", steps=steps).text == "[done] find it\n[doing] mend it"
