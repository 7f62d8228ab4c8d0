"""The text of a repository's source files, taken out of a sandbox."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from shlex import quote

from tools.sandbox.protocol import Sandbox

SUFFIXES = frozenset(
    {".py", ".pyi", ".pyw", ".pyx", ".pxd", ".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".m"}
    | {".cu", ".rs", ".go", ".java", ".kt", ".scala", ".cs", ".swift", ".rb", ".php", ".pl", ".lua"}
    | {".js", ".jsx", ".mjs", ".ts", ".tsx", ".vue", ".r", ".jl", ".sh", ".sql", ".css", ".scss"}
    | {".html", ".jinja", ".j2"}
)
VENDORED = frozenset(
    {"_vendor", "vendor", "vendored", "third_party", "thirdparty", "_bundled", "site-packages"}
    | {"node_modules", "bower_components", "extern", "externals"}
)
LARGEST_FILE = 1 << 20
LARGEST_WHOLE = 100 << 20
MOST_FILES = 50_000
LARGEST_ANSWER = LARGEST_WHOLE + 100 * MOST_FILES
LONGEST_LISTING = 32 << 20
_ENTRY = re.compile(r"100(?:644|755) blob ([0-9a-f]{40,64}) +(\d{1,12})\t(.+)", re.DOTALL)
_OBJECT = re.compile(rb"([0-9a-f]{40,64}) blob (\d{1,12})\n")
_GENERATED = re.compile(r"@generated|do not edit|(?:auto-?|automatically )generated", re.IGNORECASE)


def read_sources(sandbox: Sandbox) -> dict[str, str]:
    """Return the text of the source files of the commit that is checked out, by path, in order.

    Symbolic links, submodules, vendored, generated, minified, binary and very large files are left
    out. What the sandbox answers is not trusted: what is malformed or too much is left out, and
    nothing is written to disk.
    """
    listing = sandbox.run(
        "git ls-tree -r -l -z --full-tree HEAD 2>/dev/null", limit=LONGEST_LISTING
    )
    chosen = _chosen(listing.output) if listing.ok else {}
    texts = dict(_contents(_blobs(sandbox, chosen.values()))) if chosen else {}
    return {path: texts[blob] for path, blob in chosen.items() if blob in texts}


def _chosen(listing: str) -> dict[str, str]:
    """Return the files of a listing that are read, by path the name of the content."""
    chosen: dict[str, str] = {}
    total = 0
    for match in filter(None, map(_ENTRY.fullmatch, listing.split("\0"))):
        blob, size, path = match[1], int(match[2]), match[3]
        if len(chosen) == MOST_FILES:
            break
        if is_source(path) and 0 < size <= LARGEST_FILE and total + size <= LARGEST_WHOLE:
            total += size
            chosen[path] = blob
    return chosen


def _blobs(sandbox: Sandbox, names: Iterable[str]) -> bytes:
    """Return what git prints of these objects, read from a file: output is decoded as text."""
    command = f"git cat-file --batch 2>/dev/null | head -c {LARGEST_ANSWER}"
    stdin = "".join(f"{name}\n" for name in names).encode()
    done = sandbox.run(f'file=$(mktemp) && {command} > "$file" && echo "$file"', stdin=stdin)
    file = done.output.strip()
    try:
        return sandbox.read(file) if done.ok else b""
    except OSError:
        return b""
    finally:
        sandbox.run(f"rm -f -- {quote(file)}")


def is_source(path: str) -> bool:
    """Tell by its path whether a file is the project's own source."""
    *folders, name = path.split("/")
    # A path with a line end in it could write lines of its own wherever paths are listed.
    if not VENDORED.isdisjoint(folders) or ".min." in name or not path.isprintable():
        return False
    return posixpath.splitext(name)[1].lower() in SUFFIXES


def _contents(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield the blobs that `git cat-file --batch` wrote and that are source text."""
    position = 0
    while match := _OBJECT.match(data, position):
        start = match.end()
        position = start + int(match[2]) + 1
        text = source_text(data[start : position - 1])
        if text is not None:
            yield match[1].decode(), text


def source_text(content: bytes) -> str | None:
    """Return a file's text, bytes that are no UTF-8 replaced; None when nobody wrote it by hand."""
    if b"\0" in content or len(content) > LARGEST_FILE:
        return None
    text = content.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n")
    lines = text.count("\n") + 1
    minified = len(text) > 5_000 and len(text) / lines > 300
    return None if minified or _GENERATED.search(text[:400]) else text
