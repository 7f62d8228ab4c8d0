from agent.judge.risks import risks

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
