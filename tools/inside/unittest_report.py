"""Run a program that runs unittest's tests, and write what each test did as JUnit XML.

Arguments: the report's path, the repository's folder, the folder in it from which tests are named
(or an empty string), then the program as Python is given it: a
script or -m and a module, and its own arguments. Plain functions called test_... count as tests,
too, as pytest has it: written tests are most often of that kind.
"""

import os
import runpy
import sys
import time
import traceback
import types
import unittest
import unittest.loader
from xml.sax.saxutils import escape, quoteattr

CONTROL = {code: "?" for code in range(32) if code not in (9, 10, 13)}


class Record:
    """What is known of every test so far; the worst that happened to one counts."""

    ORDER = ("skip", "pass", "failure", "error")

    def __init__(self, path, root, base, names):
        self.path, self.root, self.base = path, os.path.realpath(root), base
        self.names = names
        self.cases = {}
        self.started = {}

    def start(self, test):
        self.started[id(test)] = time.time()

    def add(self, test, kind, message="", text=""):
        test = getattr(test, "test_case", test)  # a subtest is part of its test
        seconds = time.time() - self.started.get(id(test), time.time())
        key = self.place(test)
        known = self.cases.get(key)
        if known is None or self.ORDER.index(kind) > self.ORDER.index(known[0]):
            self.cases[key] = (kind, message, text, seconds)

    def place(self, test):
        """Return the file, the classes in it, and the test's own name."""
        name = getattr(test, "_testMethodName", None)
        cls = type(test)
        if name is None or cls.__module__.partition(".")[0] == "unittest":
            return self.named(test.id())
        module = sys.modules.get(cls.__module__)
        classes = getattr(cls, "reported_as", None)
        return self.file(module), cls.__qualname__ if classes is None else classes, name

    def named(self, identity):
        """Return the place of what is no test: a fixture of a class or module, a failed import."""
        name, _, where = identity.partition(" (")
        module, _, cls = where.rstrip(")").rpartition(".")
        if module in sys.modules:
            return self.file(sys.modules[module]), cls, name
        last = identity.rpartition(".")[2]
        named = [name for name in self.names if last in name.split(".")]
        path = "/".join(filter(None, [self.base] + (named[0] if named else last).split(".")))
        return path + ".py", "", "import"

    def file(self, module):
        path = getattr(module, "__file__", None) or ""
        path = os.path.realpath(path[:-1] if path.endswith((".pyc", ".pyo")) else path)
        return os.path.relpath(path, self.root).replace(os.sep, "/") if path else ""

    def failed(self, test, error):
        """Record an exception: a failure when the test's own code raised it, else an error."""
        kind, value, trace = error
        frames = traceback.extract_tb(trace)
        inner = getattr(test, "test_case", test)
        name = getattr(inner, "_testMethodName", None)
        body = getattr(inner, "reported_body", name)
        own = [number for number, frame in enumerate(frames) if frame[2] in (name, body)]
        message = "".join(traceback.format_exception_only(kind, value)).strip()
        lines = []
        for path, line, function, source in frames[own[0] if own else 0 :]:
            path = os.path.realpath(path)
            if path.startswith(os.path.dirname(os.path.realpath(unittest.__file__)) + os.sep):
                continue
            if path.startswith(self.root + os.sep):
                path = os.path.relpath(path, self.root)
            lines.append("%s:%s: in %s\n    %s" % (path, line, function, source or ""))
        text = "\n".join(lines + ["E   " + line for line in message.split("\n")])
        self.add(test, "failure" if own else "error", message.split("\n")[0], text)

    def write(self):
        parts = ['<?xml version="1.0" encoding="utf-8"?>\n<testsuites><testsuite name="unittest">']
        for (path, classes, name), (kind, message, text, seconds) in self.cases.items():
            module = path[:-3].replace("/", ".") if path.endswith(".py") else path
            owner = ".".join(part for part in (module, classes) if part)
            parts.append(
                "<testcase classname=%s name=%s file=%s time=%s>"
                % tuple(map(attribute, (owner, name, path, "%.3f" % seconds)))
            )
            if kind == "skip":
                parts.append("<skipped message=%s/>" % attribute(message))
            elif kind != "pass":
                fields = (kind, attribute(message), content(text), kind)
                parts.append("<%s message=%s>%s</%s>" % fields)
            parts.append("</testcase>")
        parts.append("</testsuite></testsuites>\n")
        with open(self.path, "wb") as file:
            file.write("\n".join(parts).encode("utf-8", "backslashreplace"))


def attribute(text):
    return quoteattr(text.translate(CONTROL))


def content(text):
    return escape(text.translate(CONTROL))


def listen(record):
    """Have every result that unittest makes tell the record too."""
    result = unittest.TestResult

    def wrap(name, observe):
        original = getattr(result, name)

        def method(self, test, *rest):
            observe(test, *rest)
            return original(self, test, *rest)

        setattr(result, name, method)

    def subtest(test, part, error):
        if error is not None:
            record.failed(test, error)

    wrap("startTest", record.start)
    wrap("addSuccess", lambda test: record.add(test, "pass"))
    wrap("addError", record.failed)
    wrap("addFailure", record.failed)
    wrap("addSkip", lambda test, reason: record.add(test, "skip", str(reason)))
    wrap("addExpectedFailure", lambda test, error: record.add(test, "pass"))
    unexpected = "it passes, and was expected to fail"
    wrap("addUnexpectedSuccess", lambda test: record.add(test, "failure", unexpected))
    if hasattr(result, "addSubTest"):
        wrap("addSubTest", subtest)


def collect_functions():
    """Have unittest collect plain test functions of modules as tests of their own."""
    loader = unittest.TestLoader
    load = loader.loadTestsFromModule

    def with_functions(self, module, *rest, **more):
        found = load(self, module, *rest, **more)
        for name, value in sorted(vars(module).items()):
            plain = isinstance(value, types.FunctionType) and value.__module__ == module.__name__
            if plain and name.startswith("test") and not value.__code__.co_argcount:
                found.addTest(as_case(module, name, value)(name))
        return found

    setattr(loader, load.__name__, with_functions)


def as_case(module, name, function):
    """Return a test case of one function; where Django is set up, with a database of its own."""
    testing = sys.modules.get("django.test")
    base = testing.TestCase if testing is not None else unittest.TestCase

    def run(self):
        function()

    own = {name: run, "reported_as": "", "reported_body": name, "__module__": module.__name__}
    return type("Functions", (base,), own)


def main():
    report, root, base = sys.argv[1:4]
    program = sys.argv[4:]
    record = Record(report, root, base, program[1:])
    listen(record)
    collect_functions()
    try:
        if program[0] == "-m":
            sys.argv = program[1:]
            sys.path.insert(0, os.getcwd())
            runpy.run_module(program[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = program
            sys.path.insert(0, os.path.dirname(os.path.abspath(program[0])))
            runpy.run_path(program[0], run_name="__main__")
    finally:
        record.write()


if __name__ == "__main__":
    if sys.path and sys.path[0] == os.path.dirname(os.path.abspath(__file__)):
        del sys.path[0]  # the folder of this file, which is not the project's
    main()
