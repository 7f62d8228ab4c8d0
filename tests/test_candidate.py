from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.judge.candidate import canonical_key, harvest, merge, sort_out
from agent.judge.verify import apply
from agent.records import Candidate
from tests.samples import candidate, git, make_project, sandbox_of
from tools.base import WorldError
from tools.sandbox import Sandbox


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


def harvested(project: Path, command: str) -> Candidate | None:
    """Run a command in a sandbox of the project and harvest what it left."""
    base = git(project, "rev-parse", "HEAD")
    with sandbox_of(project) as sandbox:
        done = sandbox.run(command)
        assert done.ok, done.output
        return harvest(sandbox, base, attempt=3)


MEND = "sed -i 's/len(values)$/max(1, len(values))/' calc.py"


@pytest.mark.parametrize(
    "hiding",
    [
        "true",
        "git add -A",
        "git -c user.name=a -c user.email=b commit -qam done",
        "git checkout -q -b other",
        "rm .git/index",
        "git config diff.external /bin/true",
        "git config core.autocrlf true",
        "echo 'calc.py' >> .git/info/exclude",
        "printf '*.py -diff\\n' > .git/info/attributes",
    ],
)
def test_the_patch_is_what_changed_whatever_was_done_to_git(project: Path, hiding: str) -> None:
    found = harvested(project, f"{MEND}; {hiding}")
    assert found is not None
    assert (found.id, found.attempt, found.root) == ("3.1", 3, "3.1")
    assert found.files == ("calc.py",)
    with sandbox_of(project) as clean:
        assert apply(clean, found.patch) == ""
        assert b"max(1, len(values))" in clean.read("calc.py")


def test_no_change_is_no_candidate(project: Path) -> None:
    assert (
        harvested(project, "touch calc.py; mkdir -p __pycache__; echo > __pycache__/a.pyc") is None
    )


def test_without_the_base_commit_it_is_the_world_that_is_wrong(project: Path) -> None:
    with sandbox_of(project) as sandbox:
        sandbox.run("rm -rf .git")
        with pytest.raises(WorldError, match="cannot take the diff"):
            harvest(sandbox, "0" * 40, 1)


def test_tests_scripts_and_strays_are_left_out_with_reasons(project: Path) -> None:
    found = harvested(
        project,
        f"{MEND}; echo 'def test_new(): pass' > tests/test_new.py; echo > tests/conftest.py; "
        "echo x > notes.log; echo x > fix.patch; echo 'x' > repro.sh; "
        "echo '# 1' >> tests/test_calc.py",
    )
    assert found is not None
    assert found.files == ("calc.py",)
    reasons = {item.path: item.reason for item in found.dropped}
    assert set(reasons) == {
        "fix.patch",
        "notes.log",
        "repro.sh",
        "tests/conftest.py",
        "tests/test_calc.py",
        "tests/test_new.py",
    }
    assert reasons["tests/test_new.py"] != reasons["notes.log"]
    assert found.tests["tests/test_new.py"] == "def test_new(): pass\n"
    assert "tests/conftest.py" not in found.tests


def test_an_attempt_that_only_wrote_tests_leaves_no_patch_but_its_tests(project: Path) -> None:
    found = harvested(project, "echo 'def test_new(): pass' > tests/test_new.py")
    assert found is not None
    assert (found.patch, found.files) == ("", ())
    assert merge([found]) == []


def test_new_modules_deletions_modes_and_odd_names_are_in_the_patch(project: Path) -> None:
    found = harvested(
        project,
        "mkdir pkg; echo 'A = 1' > 'pkg/a b.py'; printf 'x\\0y' > pkg/blob; git rm -q setup.py; "
        "chmod +x calc.py; printf 'caf\\351\\n' > pkg/latin.txt; echo 1 > pkg/ü.py",
    )
    assert found is not None
    assert set(found.files) == {
        "calc.py",
        "pkg/a b.py",
        "pkg/blob",
        "pkg/latin.txt",
        "pkg/ü.py",
        "setup.py",
    }
    with sandbox_of(project) as clean:
        assert apply(clean, found.patch) == ""
        assert clean.read("pkg/blob") == b"x\0y"
        assert clean.read("pkg/latin.txt") == b"caf\xe9\n"
        assert clean.run("test -x calc.py && ! test -e setup.py && cat pkg/ü.py").ok


def test_a_patch_that_does_not_apply_says_so(project: Path) -> None:
    def refused(sandbox: Sandbox, patch: str) -> str:
        return apply(sandbox, patch)

    with sandbox_of(project) as clean:
        wrong = (
            "diff --git a/calc.py b/calc.py\n--- a/calc.py\n+++ b/calc.py\n@@ -1 +1 @@\n-no\n+x\n"
        )
        assert "does not apply" in refused(clean, wrong)


def test_a_new_script_at_the_top_of_a_package_project_is_dropped_but_a_module_is_kept() -> None:
    packaged = ["setup.py", "pkg/__init__.py", "pkg/core.py"]
    kept, dropped = sort_out({"reproduce.py": "A", "pkg/new.py": "A"}, packaged)
    assert (kept, [item.path for item in dropped]) == (["pkg/new.py"], ["reproduce.py"])
    flat = ["setup.py", "calc.py"]
    assert sort_out({"helpers.py": "A"}, flat)[0] == ["helpers.py"]
    assert sort_out({"setup.py": "M"}, packaged)[0] == ["setup.py"]


SOURCE = 'def f(x):\n    """Doc."""\n    return x + 1  # why\n'


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("def f(x):\n    return x + 1\n", True),
        ("def f( x ):\n\n    return (x + 1)\n", True),
        ('def f(x):\n    """Other words."""\n    # a remark\n    return x + 1\n', True),
        ("def f(x):\n    return x + 2\n", False),
        ("def f(y):\n    return y + 1\n", False),
        ("def f(x:\n", False),
    ],
)
def test_textual_twins_have_one_key(other: str, same: bool) -> None:
    one = canonical_key({"a.py": SOURCE.encode()})
    assert (canonical_key({"a.py": other.encode()}) == one) is same


@given(st.dictionaries(st.text(min_size=1), st.none() | st.binary()))
def test_a_key_exists_for_any_content_and_depends_on_the_path(
    after: dict[str, bytes | None],
) -> None:
    key = canonical_key(after)
    assert key == canonical_key(dict(reversed(after.items())))
    assert key != canonical_key({**after, "another": b"x"})


def test_twins_merge_into_the_first_and_are_counted() -> None:
    from dataclasses import replace

    one, two = replace(candidate("1.1"), key="k"), replace(candidate("2.1"), key="k")
    other = replace(candidate("3.1"), key="other")
    merged = merge([one, two, other])
    assert [(item.id, item.merged) for item in merged] == [("1.1", ("2.1",)), ("3.1", ())]
