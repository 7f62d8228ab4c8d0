"""The issue's own snippets as tests: what it shows going wrong must go right."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import indent

from agent.localization.index import Index
from agent.localization.issue_snippets import Stated, is_expression, parsed, programs, stated
from agent.reproduction.issue_reason import issue_reason
from agent.reproduction.snippet_names import free_names, head, imports_of, nearest_head
from tools.junit import CaseReport
from tools.nearby_tests import tracked_files
from tools.python_query import ask
from tools.run_tests import is_structured, run_written
from tools.sandbox.protocol import Sandbox

WANTS_ERROR = re.compile(
    r"\b(?:should|must|expect(?:ed|s)?|ought)\b[^.\n]{0,60}\b(?:rais|throw|error|exception|reject"
    r"|refus|fail|warn|complain)|\berror message|\bmessage (?:is|of|should)"
    r"|\bwrong (?:error|exception)",
    re.IGNORECASE,
)
"""An issue about which error is right, not about there being none."""
SECONDS, EACH = 60.0, 20.0
"""For all of an issue's snippets together on the clean base, and for each where one hangs."""
MOST_ALONE = 6
"""Files that are run one by one."""
THEN, NOW = "test_reported", "test_as_told"
NAME = "test_snippet_{}{}.py"
MODES = ("{}", "str({})", "repr({})")
"""How a result may be meant that an issue writes down: its value, or how it looks."""
_IMPORTER = """
import json, sys
sys.path.insert(0, "")
found = {}
for name, lines in json.load(sys.stdin).items():
    for line in lines:
        try:
            exec(line, {})
        except BaseException:
            continue
        found[name] = line
        break
print()
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Proposal:
    """A test that may show the issue: `then` must fail on the clean base and `now`, if any, pass.

    `path` is where it would stand, beside the test file whose names it borrows in `top`.
    """

    path: str
    top: str
    then: str
    now: str = ""

    @property
    def source(self) -> str:
        """The file that goes into the matrix."""
        return _file(self.top, {THEN: self.then})

    @property
    def trial(self) -> str:
        """The file that tells whether this shows the issue."""
        return _file(self.top, {THEN: self.then, NOW: self.now})


def probes(
    sandbox: Sandbox,
    command: str,
    index: Index,
    tests: Sequence[str],
    issue: str,
    note: Callable[[str], None],
) -> dict[str, str]:
    """Return files by path, each with one test that shows the issue on this clean repository.

    `tests` are the project's test files, those nearest to the issue first. What the issue says of
    the present is believed only where it is so. Only a structured
    runner tells a failure's reason. `note` hears
    of snippets that could not be judged.
    """
    if not is_structured(command):
        return {}
    proposals = list(_placed(sandbox, index, tests, issue))
    if not proposals:
        return {}
    trials = {one.path: one.trial for one in proposals}
    reports = {report.id: report for report in _reports(sandbox, command, trials, note)}
    files: dict[str, str] = {}
    right: set[str] = set()
    for one in proposals:  # of the ways to read one statement, the first that shows the issue
        path = re.sub(r"[a-c](?=\.py$)", "", one.path)
        then = reports.get(f"{one.path}::{THEN}")
        if then is not None and then.result == "pass":  # read in this way, all is as it should be
            right.add(path)
        elif _shows(one, reports, issue):
            files.setdefault(path, one.source)
    return {path: source for path, source in files.items() if path not in right}


def _reports(
    sandbox: Sandbox, command: str, trials: Mapping[str, str], note: Callable[[str], None]
) -> Iterator[CaseReport]:
    """Yield what each test did; where one hangs, the files run one by one, and it is left out."""
    run = run_written(sandbox, command, trials, timeout=SECONDS)
    yield from run.reports
    if not run.completed.timed_out:
        return
    for path in list(trials)[:MOST_ALONE]:
        alone = run_written(sandbox, command, {path: trials[path]}, timeout=EACH)
        yield from alone.reports
        if alone.completed.timed_out:
            note(f"{path}: a snippet of the issue did not end within {EACH:.0f} s: it is no check")
    if len(trials) > MOST_ALONE:
        note(f"a snippet hangs: of {len(trials)} ways to test them {MOST_ALONE} were tried")


def _shows(one: Proposal, reports: Mapping[str, CaseReport], issue: str) -> bool:
    then = reports.get(f"{one.path}::{THEN}")
    now = reports.get(f"{one.path}::{NOW}")
    as_told = not one.now or (now is not None and now.result == "pass")
    return as_told and then is not None and bool(issue_reason(then, issue))


def _placed(sandbox: Sandbox, index: Index, tests: Sequence[str], issue: str) -> Iterator[Proposal]:
    """Yield the proposals that an issue's snippets make, with the names that they need."""
    wanted = list(_wanted(issue))
    heads = [nearest_head(index.sources, tests, free_names(code)) for code, _, _ in wanted]
    missing = {name for _, _, names in heads for name in names}
    found = _importable(sandbox, index, missing)
    taken = set(tracked_files(sandbox))
    for number, ((_, top, bodies), (path, lines, names)) in enumerate(
        zip(wanted, heads, strict=True), 1
    ):
        if not found.keys() >= set(names):
            continue
        borrowed = "\n".join(filter(None, [top, *(found[name] for name in names), lines]))
        for letter, (then, now) in zip("abc", bodies, strict=False):
            where = posixpath.join(posixpath.dirname(path), NAME.format(number, letter))
            final = posixpath.join(posixpath.dirname(path), NAME.format(number, ""))
            if taken.isdisjoint((where, final)):
                yield Proposal(where, borrowed, then, now)


def _wanted(issue: str) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """Yield the code whose names must be known, the imports in it, and bodies of tests."""
    for one in stated(issue):
        top, setup = _divided(one.setup)
        compared = (_compared(one, setup, mode) for mode in MODES)
        bodies = [pair for pair in compared if pair is not None]
        whole = "\n".join([one.setup, one.expression, one.expected])
        code = whole if parsed(whole) else "\n".join([one.setup, one.expression])
        yield code, top, bodies
    if WANTS_ERROR.search(issue):  # then that a snippet raises may be as it should be
        return
    for program in _in_sequence(programs(issue)):
        top, body = _divided(program)
        if body:
            yield program, top, [(body, "")]


def _in_sequence(blocks: Sequence[str]) -> Iterator[str]:
    """Yield each program with what it needs of the blocks before it: an issue tells a story."""
    told = ""
    for block in blocks:
        before, _ = head(told, free_names(block), definitions=True)
        yield "\n".join(filter(None, [before, block]))
        told = f"{told}\n{block}"


def _compared(one: Stated, setup: str, mode: str) -> tuple[str, str] | None:
    """Return the bodies of two tests: of what should be, and of what is said to be now."""
    plain = mode == MODES[0]
    if plain and not (is_expression(one.expected) and is_expression(one.actual or "0")):
        return None
    expression = mode.format(one.expression if not plain else f"({one.expression})")

    def asserted(value: str) -> str:
        return f"{setup}\nassert {expression} == {f'({value})' if plain else repr(value)}".strip()

    return asserted(one.expected), asserted(one.actual) if one.actual is not None else ""


def _divided(code: str) -> tuple[str, str]:
    """Return the imports of a program, which stand at the top of a file, and all the rest."""
    body = ast.parse(code).body
    imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    rest = [node for node in body if node not in imports]
    try:
        return "\n".join(map(ast.unparse, imports)), "\n".join(map(ast.unparse, rest))
    except RecursionError:  # too deep to be written out: no snippet that anybody typed
        return "", ""


def _importable(sandbox: Sandbox, index: Index, names: set[str]) -> dict[str, str]:
    """Return for each name the first line that imports it in the sandbox."""
    lines = {name: imports_of(name, index.paths, index.defining) for name in sorted(names)}
    if not lines:
        return {}
    found = ask(sandbox, _IMPORTER, lines, timeout=60) or {}
    return {name: line for name, line in found.items() if line in lines.get(name, ())}


def _file(top: str, bodies: Mapping[str, str]) -> str:
    tests = [
        f"def {name}():\n{indent(body, '    ')}\n" for name, body in bodies.items() if body.strip()
    ]
    return "\n\n".join(filter(None, [top and f"{top}\n", *tests]))
