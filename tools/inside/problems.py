"""Say what is wrong with Python source before and after an edit: syntax and undefined names.

Reads JSON {"before": text or null, "after": text} and prints JSON [[kind, text, line], ...] of
the problems that only `after` has, as this interpreter sees them.
"""

import ast
import builtins
import json
import symtable
import sys
import warnings

IMPLICIT = set(
    "__annotations__ __builtins__ __cached__ __class__ __debug__ __doc__ __file__ __loader__"
    " __module__ __name__ __package__ __path__ __qualname__ __spec__ WindowsError".split()
)


def problems(source):
    """Return {(kind, text): line}."""
    try:
        tree = ast.parse(source)
        table = symtable.symtable(source, "<edit>", "exec")
        compile(tree, "<edit>", "exec")
    except SyntaxError as error:
        return {("syntax", error.msg): error.lineno or 0}
    except ValueError as error:
        return {("syntax", str(error)): 0}
    nodes = list(ast.walk(tree))
    if any(isinstance(n, ast.ImportFrom) and any(a.name == "*" for a in n.names) for n in nodes):
        return {}  # any name may come from there
    missing = undefined(table)
    lines = {}  # type: dict[str, int]
    for node in nodes:
        if isinstance(node, ast.Name) and node.id in missing:
            lines.setdefault(node.id, node.lineno)
    return {("undefined name", name): line for name, line in lines.items()}


def undefined(table):
    known, used = set(dir(builtins)) | IMPLICIT, set()
    scopes = [table]
    while scopes:
        scope = scopes.pop()
        scopes.extend(scope.get_children())
        at_top = scope is table
        for symbol in scope.get_symbols():
            bound = symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()
            if bound and (at_top or symbol.is_declared_global()):
                known.add(symbol.get_name())
            elif symbol.is_referenced() and (at_top or symbol.is_global()):
                used.add(symbol.get_name())
    return used - known


def main():
    warnings.simplefilter("ignore")  # what compiles with a warning compiles
    given = json.load(sys.stdin)
    before = problems(given["before"]) if given["before"] is not None else {}
    after = problems(given["after"])
    if any(kind == "syntax" for kind, _ in before):
        after = {}  # it may be of another language or age; nothing can be said of it
    print(json.dumps([[*found, line] for found, line in after.items() if found not in before]))


if __name__ == "__main__":
    main()
