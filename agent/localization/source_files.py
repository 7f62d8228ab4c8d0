"""The text of a repository's source files, taken out of a sandbox."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Entry:
    """One file of the commit: its path, the name of its content, its size in bytes."""

    path: str
    blob: str
    size: int


def read_sources(sandbox: Sandbox) -> dict[str, str]:
    """Return the text of the source files of the commit that is checked out, by path, in order.

    Symbolic links, submodules, vendored, generated, minified, binary and very large files are left
    out. What the sandbox says is not trusted: too much or malformed is cut, never written to disk.
    """
    listing = sandbox.run(
        "git ls-tree -r -l -z --full-tree HEAD 2>/dev/null", limit=LONGEST_LISTING
    )
    chosen = list(_bounded(_wanted(listing.output))) if listing.ok else []
    data = _blobs(sandbox, [entry.blob for entry in chosen]) if chosen else b""
    texts = dict(_contents(data))
    found = ((entry.path, texts.get(entry.blob)) for entry in chosen)
    return {path: text for path, text in found if text is not None}


def _blobs(sandbox: Sandbox, names: list[str]) -> bytes:
    """Return what git says of these objects; by way of a file, for output is decoded as text."""
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


def _wanted(listing: str) -> Iterator[Entry]:
    for line in listing.split("\0"):
        match = _ENTRY.fullmatch(line)
        if match and is_source(match[3]):
            yield Entry(match[3], match[1], int(match[2]))


def is_source(path: str) -> bool:
    """Tell by its path whether a file is the project's own source."""
    *folders, name = path.split("/")
    # A path with a line end in it could write lines of its own wherever paths are listed.
    if not VENDORED.isdisjoint(folders) or ".min." in name or not path.isprintable():
        return False
    return posixpath.splitext(name)[1].lower() in SUFFIXES


def _bounded(entries: Iterable[Entry]) -> Iterator[Entry]:
    whole = 0
    for count, entry in enumerate(entries):
        if count >= MOST_FILES:
            return
        if 0 < entry.size <= LARGEST_FILE and whole + entry.size <= LARGEST_WHOLE:
            whole += entry.size
            yield entry


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
