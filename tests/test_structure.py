"""The rules of the house that a program can check: who imports whom, and how large things are."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

import pytest

PROJECT = Path(__file__).parent.parent
PACKAGES = ("agent", "tools", "prompts")
FILE_LINES, MEDIAN_LINES, FUNCTION_LINES, PARAMETERS = 300, 110, 50, 7
DOORS = {
    "docker": "tools/sandbox/engine.py",
    "git": "tools/git.py",
    "github": "agent/intake/github.py",
    "huggingface_hub": "agent/model/embedded/hub.py",
    "httpx2": "agent/model/embedded/hub.py",
    "openai": "agent/model/client.py",
    "genai_prices": "agent/model/pricing.py",
    "matplotlib": "agent/benchmark/report/plots.py",
    "tenacity": "agent/model/client.py",
    "pypi_simple": "agent/intake/package_release.py",
    "swebench": None,
    "xllamacpp": "agent/model/embedded/server_process.py",
    "ray": None,
    "tree_sitter": "agent/localization/symbols.py",
    "tree_sitter_python": "agent/localization/symbols.py",
}
"""Vendors, each imported in one file; None where any file may be the one."""
LATE_IMPORTS = {
    "agent/cli/main.py",  # a command's help must not pay for what the command needs
    "agent/cli/options.py",  # the same
    "agent/cli/commands.py",  # the same
    "agent/cli/benchmark_commands.py",  # the same
    "agent/cli/image_commands.py",  # the same
    "agent/cli/model_commands.py",  # the same
    "agent/config.py",  # whoever needs the environment alone need not wait for pydantic
    "agent/inspector/command.py",  # no form of showing a run waits for what the others need
    "agent/intake/dataset.py",  # pyarrow and datasets are an extra
    "agent/benchmark/report/plots.py",  # matplotlib is an extra, and heavy
    "agent/model/embedded/server_process.py",  # xllamacpp is an extra, loaded by the child alone
    "tools/git.py",  # GitPython looks for the program git when it is imported
}
INSIDE = "tools/inside/"
"""Programs that run in a sandbox: their environment and their Python are not ours."""


@cache
def sources() -> list[str]:
    found = [file for package in PACKAGES for file in (PROJECT / package).rglob("*.py")]
    return sorted(str(file.relative_to(PROJECT)) for file in found)


@cache
def tree(path: str) -> ast.Module:
    return ast.parse((PROJECT / path).read_text(encoding="utf-8"), path)


def module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported(node: ast.AST) -> list[str]:
    """Return the modules, or names in modules, that an import statement names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        return [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


@cache
def imports(path: str) -> set[str]:
    return {name for node in ast.walk(tree(path)) for name in imported(node)}


def test_there_are_sources() -> None:
    assert {"agent/records.py", "tools/sandbox/engine.py", "tools/inside/launcher.py"} <= set(
        sources()
    )


@pytest.mark.parametrize("package", ["tools", "prompts"])
def test_imports_go_down_only(package: str) -> None:
    upward = {
        path: name
        for path in sources()
        if path.startswith(f"{package}/")
        for name in imports(path)
        if name.split(".")[0] == "agent" or (package == "prompts" and name.startswith("tools"))
    }
    assert not upward


@pytest.mark.parametrize("vendor", DOORS)
def test_every_vendor_has_one_door(vendor: str) -> None:
    users = {p for p in sources() if vendor in {name.split(".")[0] for name in imports(p)}}

    assert len(users) <= 1
    if DOORS[vendor]:
        assert users == {DOORS[vendor]}


def circle(edges: dict[str, set[str]]) -> str:
    """Return a way that leads back to where it began, "" when there is none."""
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> str:
        if name in way:
            return " -> ".join((*way, name))
        found = "" if name in done else next(filter(None, _on(name, way)), "")
        done.add(name)
        return found

    def _on(name: str, way: tuple[str, ...]) -> Iterator[str]:
        return (visit(other, (*way, name)) for other in sorted(edges[name]))

    return next(filter(None, (visit(name, ()) for name in edges)), "")


def module_edges() -> dict[str, set[str]]:
    # A package's own file is imported before any module in it, but these files import nothing.
    modules = {module(path): path for path in sources()}
    return {name: imports(path) & set(modules) - {name} for name, path in modules.items()}


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert not circle(module_edges())


def test_no_folder_imports_itself_by_way_of_others() -> None:
    packages = {module(path) for path in sources() if path.endswith("__init__.py")}

    def folder(name: str) -> str:
        """Return a module's package: `tools` is one, the modules of `agent` are one each."""
        if name.startswith("tools"):
            return "tools"
        above = name if name in packages else name.rpartition(".")[0]
        return name if above == "agent" else above

    edges: dict[str, set[str]] = {}
    for name, others in module_edges().items():
        edges.setdefault(folder(name), set()).update(folder(one) for one in others)

    assert not circle({name: others - {name} for name, others in edges.items()})


def test_a_circle_is_seen() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == "a -> b -> c -> b"
    assert not circle({"a": {"b", "c"}, "b": {"c"}, "c": set()})


@pytest.mark.parametrize("path", sources())
def test_imports_stand_at_the_top(path: str) -> None:
    functions = [
        node
        for node in ast.walk(tree(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    late = [name for f in functions for node in ast.walk(f) for name in imported(node)]

    assert not late or path in LATE_IMPORTS


def test_the_environment_is_read_in_one_place() -> None:
    readers = set()
    for path in sources():
        text = {
            node.attr
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "os"
        }
        text |= {name.removeprefix("os.") for name in imports(path) if name.startswith("os.")}
        if text & {"environ", "environb", "getenv", "putenv", "unsetenv"}:
            readers.add(path)

    assert {path for path in readers if not path.startswith(INSIDE)} <= {"agent/config.py"}


def test_packaging_lists_every_package() -> None:
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {
        str(file.parent.relative_to(PROJECT)).replace("/", ".")
        for package in PACKAGES
        for file in (PROJECT / package).rglob("__init__.py")
    }

    assert set(settings["tool"]["setuptools"]["packages"]) == folders
    for path in sources():
        assert module(path).rpartition(".")[0] in folders or module(path) in folders


def functions(path: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def is_command(path: str) -> bool:
    """Tell whether a file's functions are commands: their parameters are a table of options."""
    return path.startswith("agent/cli/") and path.endswith("commands.py")


def test_files_are_small() -> None:
    lines = {path: (PROJECT / path).read_bytes().count(b"\n") for path in sources()}

    assert not {path: count for path, count in lines.items() if count > FILE_LINES}
    assert median(lines.values()) < MEDIAN_LINES


def test_functions_are_small() -> None:
    large = {}
    for path in sources():
        for node in functions(path):
            # A command's options are a table, not code to follow.
            first = node.body[0].lineno if is_command(path) else node.lineno
            assert node.end_lineno is not None
            if node.end_lineno - first + 1 > FUNCTION_LINES:
                large[f"{path}: {node.name}"] = node.end_lineno - first + 1
    assert not large


def test_functions_have_few_parameters() -> None:
    many = {}
    for path in sources():
        for node in functions(path):
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            names = [each.arg for each in given if each.arg not in ("self", "cls")]
            if len(names) > PARAMETERS and not is_command(path):
                many[f"{path}: {node.name}"] = len(names)
    assert not many


SWALLOWS = {
    "agent/benchmark/batch.py",  # an instance's failure is recorded, and the batch goes on
    "agent/cli/main.py",  # the end of the program: a line for the user and an exit code
}
"""Files whose broad `except` ends an error's way; elsewhere one cleans up and raises it again."""


def test_broad_excepts_raise_again() -> None:
    swallowing = set()
    for path in sources():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ExceptHandler):
                names = {
                    each.id for each in ast.walk(node.type or node) if isinstance(each, ast.Name)
                }
                broad = node.type is None or names & {"Exception", "BaseException"}
                last = node.body[-1]
                if broad and not (isinstance(last, ast.Raise) and last.exc is None):
                    swallowing.add(path)
    assert swallowing == SWALLOWS


def test_no_package_can_be_run_as_a_module() -> None:
    """A target repository may have an `agent/` of its own: `python -m agent` must mean that."""
    assert not [path for path in sources() if path.endswith("__main__.py")]


@pytest.mark.parametrize("path", [path for path in sources() if path.startswith(INSIDE)])
def test_programs_inside_keep_to_an_old_python(path: str) -> None:
    text = (PROJECT / path).read_text(encoding="utf-8")

    ast.parse(text, path, feature_version=(3, 6))
    assert "__future__" not in imports(path)  # its annotations came with 3.7


def test_nothing_is_fitted_to_the_demo() -> None:
    """The project, file and function of the demo's issue stand in no code, default or prompt."""
    telling = re.compile(r"sympy|latex|acsc|inv_?trig|print_?function", re.IGNORECASE)
    files = [file for package in PACKAGES for file in (PROJECT / package).rglob("*.*")]
    texts = [file for file in files if file.suffix in (".py", ".j2")]
    assert len(texts) > 100
    assert not [str(file) for file in texts if telling.search(file.read_text(encoding="utf-8"))]
