"""The issue's own snippets as tests: what it shows going wrong must go right."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import indent

from agent.localization.index import Index
from agent.localization.issue_snippets import (
    Statement,
    is_expression,
    parse,
    programs,
    statements,
)
from agent.reproduction.issue_reason import issue_reason
from agent.reproduction.snippet_names import free_names, imports_of, lines_giving, nearest_lines
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
"""In an issue that asks for another error: that a snippet raises does not show the fault."""
SECONDS, EACH = 60.0, 20.0
"""For all of an issue's snippets together on the clean base, and for each where one hangs."""
MOST_ALONE = 6
"""Files that are run one by one."""
EXPECTED, CURRENT = "test_reported", "test_as_told"
MODES = ("{}", "str({})", "repr({})")
"""What an issue may mean by a result that it writes down: the value, or how it is printed."""
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
    """One way to read a snippet as a test, which may show the issue.

    It does when its body `expected` fails on the clean base and its body `current`, "" where the
    issue does not say what happens now, passes there. `path` is where its file would stand, beside
    the test file whose names it borrows in `top`, and `trial_path` where it is tried: a snippet's
    readings are tried side by side.
    """

    path: str
    trial_path: str
    top: str
    expected: str
    current: str = ""

    @property
    def source(self) -> str:
        """The file that goes into the matrix."""
        return _file(self.top, {EXPECTED: self.expected})

    @property
    def trial(self) -> str:
        """The file that tells whether this shows the issue."""
        return _file(self.top, {EXPECTED: self.expected, CURRENT: self.current})


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
    the present must be true. There are none where results do not come test by test, because then
    no failure has a reason. `note` is called with what a person should know of left out snippets.
    """
    if not is_structured(command):
        return {}
    proposals = list(_proposals(sandbox, index, tests, issue))
    if not proposals:
        return {}
    trials = {proposal.trial_path: proposal.trial for proposal in proposals}
    reports = {report.id: report for report in _reports(sandbox, command, trials, note)}
    files: dict[str, str] = {}
    fulfilled: set[str] = set()
    for proposal in proposals:  # of one snippet's readings, the first that shows the issue
        expected = reports.get(f"{proposal.trial_path}::{EXPECTED}")
        if expected is None:
            continue
        if expected.result == "pass":  # read in this way, all is as it should be
            fulfilled.add(proposal.path)
            continue
        current = reports.get(f"{proposal.trial_path}::{CURRENT}")
        describes_present = not proposal.current or (current and current.result == "pass")
        if describes_present and issue_reason(expected, issue):
            files.setdefault(proposal.path, proposal.source)
    return {path: source for path, source in files.items() if path not in fulfilled}


def _reports(
    sandbox: Sandbox, command: str, trials: Mapping[str, str], note: Callable[[str], None]
) -> Iterator[CaseReport]:
    """Yield what each test did; where one hangs, the files run one by one to find which it is."""
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


def _proposals(
    sandbox: Sandbox, index: Index, tests: Sequence[str], issue: str
) -> Iterator[Proposal]:
    """Yield the proposals that an issue's snippets make, with the names that they need."""
    snippets = list(_snippets(issue))
    borrowed = [nearest_lines(index.sources, tests, free_names(code)) for code, _, _ in snippets]
    imports = _importable(sandbox, index, {name for _, _, names in borrowed for name in names})
    existing = set(tracked_files(sandbox))
    pairs = zip(snippets, borrowed, strict=True)
    for number, ((_, top, readings), (neighbour, lines, missing)) in enumerate(pairs, 1):
        if not imports.keys() >= set(missing):
            continue
        head = "\n".join(filter(None, [top, *(imports[name] for name in missing), lines]))
        stem = posixpath.join(posixpath.dirname(neighbour), f"test_snippet_{number}")
        for letter, (expected, current) in zip("abc", readings, strict=False):
            proposal = Proposal(f"{stem}.py", f"{stem}{letter}.py", head, expected, current)
            if existing.isdisjoint((proposal.path, proposal.trial_path)):
                yield proposal


def _snippets(issue: str) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """Yield code whose names must be known, the imports in it, and the bodies of its readings."""
    for statement in statements(issue):
        top, setup = _split_imports(statement.setup)
        bodies = (_bodies(statement, setup, mode) for mode in MODES)
        code = f"{statement.setup}\n{statement.expression}"
        whole = f"{code}\n{statement.expected}"
        yield whole if parse(whole) else code, top, [pair for pair in bodies if pair is not None]
    if WANTS_ERROR.search(issue):
        return
    for program in _completed(programs(issue)):
        top, body = _split_imports(program)
        if body:
            yield program, top, [(body, "")]


def _completed(blocks: Sequence[str]) -> Iterator[str]:
    """Yield each block with the lines that it needs of the blocks before it."""
    earlier = ""
    for block in blocks:
        needed, _ = lines_giving(free_names(block), earlier, definitions=True)
        yield "\n".join(filter(None, [needed, block]))
        earlier = f"{earlier}\n{block}"


def _bodies(statement: Statement, setup: str, mode: str) -> tuple[str, str] | None:
    """Return the bodies of two tests: of what should be, and of what is said to be now."""
    plain = mode == MODES[0]
    values = (statement.expected, statement.actual or "0")
    if plain and not all(map(is_expression, values)):
        return None
    expression = mode.format(f"({statement.expression})" if plain else statement.expression)

    def body(value: str) -> str:
        return f"{setup}\nassert {expression} == {f'({value})' if plain else repr(value)}".strip()

    current = body(statement.actual) if statement.actual is not None else ""
    return body(statement.expected), current


def _split_imports(code: str) -> tuple[str, str]:
    """Return the imports of a program, which stand at the top of a file, and all the rest."""
    body = ast.parse(code).body
    imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    rest = [node for node in body if node not in imports]
    try:
        return "\n".join(map(ast.unparse, imports)), "\n".join(map(ast.unparse, rest))
    except RecursionError:  # nested so deeply that nobody typed it
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
