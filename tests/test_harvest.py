from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.records import Candidate
from agent.selection.changed_files import check_paths
from agent.selection.harvest import HarvestFailed, canonical_key, harvest, merge, sort_out
from agent.selection.matrix import apply
from agent.selection.risks import risks
from tests.samples import PYTHON_PATH, candidate, git, make_project, sandbox_of
from tools.base import SandboxLost
from tools.sandbox.local import LocalSandbox
from tools.sandbox.protocol import Sandbox


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


@pytest.mark.parametrize(
    ("breaking", "said"),
    [
        ("rm -rf .git", "the folder .git is gone"),
        ("rm -rf .git; git init -q", "read-tree"),
        ("rm -rf .git; echo 'gitdir: nowhere' > .git", "no repository"),
        ("rm -rf .git; ln -s nowhere .git", "the folder .git is gone"),
        ("rm -rf .git/objects; mkdir .git/objects", "read-tree"),
        ('rm -rf "$PWD"', "cannot be read"),
    ],
)
def test_work_that_cannot_be_taken_ends_the_attempt_alone(
    project: Path, breaking: str, said: str
) -> None:
    base = git(project, "rev-parse", "HEAD")
    with sandbox_of(project) as sandbox:
        assert sandbox.run(f"{MEND}; {breaking}").ok
        with pytest.raises(HarvestFailed, match=said):
            harvest(sandbox, base, 1)


def test_a_sandbox_that_died_says_so_itself(project: Path) -> None:
    with sandbox_of(project) as sandbox:
        assert isinstance(sandbox, LocalSandbox)
        sandbox.kill()
        with pytest.raises(SandboxLost):
            harvest(sandbox, "0" * 40, 1)


def test_nothing_is_left_in_the_sandbox(project: Path) -> None:
    base = git(project, "rev-parse", "HEAD")
    with sandbox_of(project) as sandbox:
        sandbox.run(MEND)
        before = sandbox.run('ls -A "$TMPDIR"').output
        assert harvest(sandbox, base, 1) is not None
        assert sandbox.run('ls -A "$TMPDIR"').output == before


@pytest.mark.parametrize(
    "leftover",
    [
        "git -c init.defaultBranch=x init -q nested; echo > nested/a",
        "git -c init.defaultBranch=x init -q nested; cd nested; echo > a; git add a; "
        "git -c user.name=a -c user.email=b commit -qm a",
    ],
)
def test_a_nested_repository_is_dropped_and_the_rest_taken(project: Path, leftover: str) -> None:
    found = harvested(project, f"{MEND}; echo > zz.txt.orig; {leftover}")
    assert found is not None
    assert found.files == ("calc.py",)
    reasons = {item.path.rstrip("/"): item.reason for item in found.dropped}
    assert reasons["nested"] == "a repository of its own"
    assert "zz.txt.orig" in reasons


def test_links_are_taken_as_links(project: Path) -> None:
    found = harvested(
        project,
        f"{MEND}; mkdir pkg; ln -s nowhere pkg/dangling.py; ln -s ../tests pkg/folder; "
        "ln -s /etc/passwd pkg/outside; ln -s nowhere tests/test_link.py; mkfifo pkg/pipe",
    )
    assert found is not None
    assert found.files == ("calc.py", "pkg/dangling.py", "pkg/folder", "pkg/outside")
    assert found.tests == {}
    assert "root:" not in found.patch
    with sandbox_of(project) as clean:
        assert apply(clean, found.patch) == ""
        assert clean.run("readlink pkg/dangling.py pkg/outside").output == "nowhere\n/etc/passwd\n"


def test_a_folder_that_became_a_link_and_a_file_that_became_one(project: Path) -> None:
    found = harvested(
        project, "rm -r tests; ln -s nowhere tests; rm calc.py; ln -s setup.py calc.py"
    )
    assert found is not None
    assert found.files == ("calc.py",)
    assert "new file mode 120000" in found.patch
    reasons = {item.path: item.reason for item in found.dropped}
    assert reasons["tests"] == "in place of a folder of tests"


def test_names_that_are_not_utf8_are_dropped(project: Path) -> None:
    found = harvested(project, f"{MEND}; echo > $'caf\\351.py'")
    assert found is not None
    assert found.files == ("calc.py",)
    assert [(item.path, item.reason) for item in found.dropped] == [
        ("caf\\xe9.py", "its name is not UTF-8")
    ]


def test_names_that_git_quotes_are_in_the_patch(project: Path) -> None:
    names = ["a\tb", 'a"b', "a\\b", "a\nb", "a\x01b", " a ", "diff --git a b", "é ü"]
    base = git(project, "rev-parse", "HEAD")
    with sandbox_of(project) as sandbox:
        for name in names:
            sandbox.write(f"pkg/{name}", b"1\n")
        found = harvest(sandbox, base, 1)
    assert found is not None
    assert set(found.files) == {f"pkg/{name}" for name in names}
    with sandbox_of(project) as clean:
        assert apply(clean, found.patch) == ""
        assert [clean.read(f"pkg/{name}") for name in names] == [b"1\n"] * len(names)


def test_thousands_of_files_with_long_names_are_taken(project: Path) -> None:
    name = "n" * 200
    found = harvested(
        project, f"mkdir pkg; for i in $(seq 3000); do echo $i > pkg/{name}$i.py; done"
    )
    assert found is not None
    assert len(found.files) == 3000
    assert found.patch.count("diff --git") == 3000


def test_a_very_large_file_is_dropped(project: Path) -> None:
    found = harvested(project, f"{MEND}; mkdir pkg; head -c 9000000 /dev/zero > pkg/data")
    assert found is not None
    assert found.files == ("calc.py",)
    assert [item.reason for item in found.dropped] == ["larger than 8 MiB"]


@pytest.mark.parametrize(
    "marking",
    [
        "echo '*.py binary' > .gitattributes; git add .gitattributes",
        "mkdir -p ~/.config/git; echo '*.py -diff' > ~/.config/git/attributes",
        "git config core.bigFileThreshold 1",
        "git config diff.noprefix true",
        "git config core.bare true",
    ],
)
def test_text_stays_text_whatever_the_attempt_says_of_it(project: Path, marking: str) -> None:
    found = harvested(project, f"{MEND}; {marking}")
    assert found is not None
    assert "calc.py" in found.files
    assert "GIT binary patch" not in found.patch
    assert "+    return sum(values) / max(1, len(values))" in found.patch


def test_only_what_is_no_text_is_binary(project: Path) -> None:
    found = harvested(project, f"{MEND}; mkdir pkg; printf 'a\\0b' > pkg/blob; echo é > pkg/é")
    assert found is not None
    assert found.patch.count("GIT binary patch") == 1
    assert "\n+é\n" in found.patch
    assert [risk.path for risk in risks(found.patch)] == ["pkg/blob"]


@pytest.mark.parametrize(
    "hiding",
    ["git update-index --assume-unchanged calc.py", "git update-index --skip-worktree calc.py"],
)
def test_a_change_cannot_be_hidden_from_the_index(project: Path, hiding: str) -> None:
    found = harvested(project, f"{hiding}; {MEND}")
    assert found is not None
    assert found.files == ("calc.py",)


def test_a_git_on_the_path_of_the_attempt_is_not_asked(project: Path, tmp_path: Path) -> None:
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho forged\n")
    fake.chmod(0o755)
    base = git(project, "rev-parse", "HEAD")
    with LocalSandbox(project, path=f"{fake.parent}:{PYTHON_PATH}") as sandbox:
        assert sandbox.run("git status").output == "forged\n"
        sandbox.run(MEND)
        found = harvest(sandbox, base, 1)
    assert found is not None
    assert found.files == ("calc.py",)


GOOD = """diff --git a/a.py b/a.py
index {0}..{0} 100644
--- a/a.py
+++ b/a.py
@@ -1,2 +1,2 @@ def f():
 x
--- a/y
++++ b/y
""".format("0" * 40)


@pytest.mark.parametrize(
    "patch",
    [
        "",
        GOOD.replace("a/a.py", "a/b.py"),
        GOOD.replace("+++ b/a.py", "+++ b/b.py"),
        GOOD.replace("a/a.py b/a.py", "a/a.py b/b.py"),
        GOOD + GOOD.replace("a.py", "b.py"),
        GOOD + "--- a/b.py\n+++ b/b.py\n@@ -0,0 +1 @@\n+x\n",
        "--- a/b.py\n+++ b/b.py\n@@ -0,0 +1 @@\n+x\n" + GOOD,
        GOOD + "+one line too many\n",
        GOOD.replace("index", "rename to b.py\nindex"),
        GOOD + "GIT binary patch\nliteral 1\n",
        GOOD.removesuffix("\n"),
    ],
)
def test_a_patch_of_other_paths_is_refused(patch: str) -> None:
    check_paths(GOOD, ["a.py"])
    with pytest.raises(HarvestFailed):
        check_paths(patch, ["a.py"])


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


def test_what_stood_there_is_a_test_only_when_the_base_says_so() -> None:
    files = ["testing/tool.py", "pkg/core.py"]
    kept, dropped = sort_out(
        {"testing/tool.py": "M", "testing/test_x.py": "A", "testing/data.json": "A"}, files
    )
    assert kept == ["testing/tool.py"]
    assert [item.path for item in dropped] == ["testing/data.json", "testing/test_x.py"]


def test_strays_are_new_files_only() -> None:
    names = ["data/changes.log", "debian/fix.patch", "pkg/core"]
    assert sort_out(dict.fromkeys(names, "M"), names) == (names, [])
    new = [
        ".hypothesis/a", "pkg/.hypothesis/b", ".coverage", ".coverage.host.1", ".pytest_cache/x",
        "pkg/__pycache__/a.txt", "calc.egg-info/PKG-INFO", *names,
    ]  # fmt: skip
    kept, dropped = sort_out(dict.fromkeys([*new, ".coveragerc"], "A"), ["calc.py"])
    assert kept == [".coveragerc"]
    assert {item.reason for item in dropped} == {"left over from working"}


def test_an_expression_of_thousands_of_terms_has_a_key() -> None:
    long = b"x = " + b" + ".join(b"%d" % i for i in range(3000)) + b"\n"
    assert canonical_key({"a.py": long}) == canonical_key({"a.py": long.replace(b"\n", b" \n")})
    assert canonical_key({"a.py": long}) != canonical_key({"a.py": long.replace(b"7", b"8")})


def test_the_mode_is_part_of_the_key() -> None:
    keys = {canonical_key({"a": b"x"}, {"a": mode}) for mode in ("100644", "100755", "120000")}
    assert len(keys) == 3


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
