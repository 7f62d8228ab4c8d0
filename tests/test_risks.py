import pytest

from agent.selection.risks import risks

PATCH = """diff --git a/setup.py b/setup.py
--- a/setup.py
+++ b/setup.py
@@ -1,2 +1,3 @@
 import os
-os._exit(1)
+os.system("ls")
+x = 1
diff --git a/calc.py b/calc.py
--- a/calc.py
+++ b/calc.py
@@ -5,2 +5,3 @@ def f():
     pass
+    atexit.register(g)
     eval("1")
"""


def test_risks_are_found_in_added_lines_only_with_their_place() -> None:
    found = {(risk.kind, risk.path, risk.line) for risk in risks(PATCH)}
    assert found == {
        ("runs in CI or at install time", "setup.py", 0),
        ("starts a process", "setup.py", 2),
        ("ends the process", "calc.py", 6),
    }


def test_a_harmless_patch_has_none_and_a_damaged_one_says_so() -> None:
    assert risks("") == ()
    broken = "--- a/x.py\n+++ b/x.py\n@@ -1,5 +1,9 @@\n a\n"
    assert [risk.kind for risk in risks(broken)] == ["unreadable"]


def test_a_binary_part_cannot_be_read() -> None:
    patch = (
        "diff --git a/pkg/blob b/pkg/blob\nnew file mode 100644\n"
        f"index {'0' * 40}..{'1' * 40}\nGIT binary patch\nliteral 3\nKcmY#VP0j%T0RV3D0Pp\n\n"
        "literal 0\nHcmV?d00001\n\n"
    )
    found = risks(patch + PATCH)
    assert ("binary, cannot be read", "pkg/blob") in {(risk.kind, risk.path) for risk in found}
    assert len(found) == 4


@pytest.mark.parametrize("name", ["pytest.ini", "tox.ini", "pkg/pytest.ini"])
def test_settings_of_the_test_runner_are_a_risk(name: str) -> None:
    patch = f"diff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}\n@@ -0,0 +1 @@\n+a\n"
    assert [risk.kind for risk in risks(patch)] == ["runs in CI or at install time"]
