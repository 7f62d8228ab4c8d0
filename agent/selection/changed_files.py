"""What an attempt changed, read with a git repository of our own that borrows its objects.

The attempt's settings, index, attributes, hooks and replaced objects have no influence on it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from shlex import quote

from tools.sandbox.protocol import Sandbox

SECONDS = 300.0
REPOSITORY, LINK, NOTHING = "160000", "120000", "000000"
"""git's modes of a nested repository, a symbolic link and a file that is not there."""

_RAW = re.compile(rb":(\d{6}) (\d{6}) ([0-9a-f]{40,64}) ([0-9a-f]{40,64}) ([AMDT])")
_BLOB = re.compile(r"([0-9a-f]{40,64}) blob (\d{1,15})")
_EXTENDED = re.compile(
    r"(old mode|new mode|deleted file mode|new file mode) \d{6}"
    r"|index [0-9a-f]{40,64}\.\.[0-9a-f]{40,64}( \d{6})?"
)
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_BINARY = re.compile(r"GIT binary patch\n((literal|delta) \d+\n([A-Za-z][!-~]+\n)*\n){2}")
_LINES = {"+": (0, 1), "-": (1, 0), " ": (1, 1), "\\": (0, 0)}
"""How many lines of the old and of the new file a line of a hunk is, by its first character."""
_ESCAPES = {code: f"\\{code:03o}" for code in (*range(32), 127)}
_ESCAPES |= {7: r"\a", 8: r"\b", 9: r"\t", 10: r"\n", 11: r"\v", 12: r"\f", 13: r"\r"}
_ESCAPES |= {34: r"\"", 92: r"\\"}
# No program on the attempt's own PATH is run, unless git stands in none of the usual folders.
_PATH = (
    "fixed=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin; "
    "(PATH=$fixed; command -v git) >/dev/null 2>&1 && PATH=$fixed; export PATH; "
)
_GIT = (
    "env LC_ALL=C HOME={folder} XDG_CONFIG_HOME={folder} GIT_CONFIG_GLOBAL=/dev/null "
    "GIT_CONFIG_NOSYSTEM=1 GIT_ATTR_NOSYSTEM=1 GIT_DIR={folder}/git GIT_INDEX_FILE={folder}/{index}"
    " GIT_WORK_TREE=. git -c core.bare=false -c core.quotePath=false -c core.autocrlf=false"
    " -c core.fileMode=true -c core.symlinks=true -c core.fsmonitor=false"
    " -c core.hooksPath=/dev/null -c diff.noprefix=false -c diff.mnemonicPrefix=false "
)
_NAME = re.compile(r"/[^\n]*/harvest\.\w{8}")
_BORROW = """set -e
test -e .git || { echo 'the folder .git is gone'; exit 1; }
objects=.git/objects
test -d "$objects" || objects=$(git rev-parse --git-path objects)
folder=$(mktemp -d "${TMPDIR:-/tmp}/harvest.XXXXXXXX")
GIT_CONFIG_NOSYSTEM=1 HOME="$folder" git init -q --bare --template= "$folder/git"
(cd "$objects" && pwd -P) > "$folder/git/objects/info/alternates"
mkdir -p "$folder/git/info"
test ! -f .git/info/exclude || cp .git/info/exclude "$folder/git/info/exclude"
echo; echo "$folder"
"""
_DIFF = "diff-index --cached -p --full-index --no-renames --no-ext-diff --no-textconv --no-color"
_DIFF += " --src-prefix=a/ --dst-prefix=b/"


class HarvestFailed(Exception):
    """The attempt's work cannot be read; the attempt ends, the task goes on."""


@dataclass(frozen=True)
class Change:
    """One changed path: git's status letter, and mode and object name before and after."""

    status: str
    modes: tuple[str, str]
    names: tuple[str, str]

    @property
    def blobs(self) -> list[str]:
        """Return the names of the contents that there are, before and after."""
        both = zip(self.modes, self.names, strict=True)
        return [name for mode, name in both if mode not in (NOTHING, REPOSITORY)]


@dataclass(frozen=True)
class Staging:
    """Our own repository in `folder`, its work tree the sandbox's root; OSError travels."""

    sandbox: Sandbox
    folder: str

    def git(self, words: str, stdin: bytes = b"", index: str = "index") -> bytes:
        """Return what git prints; raises HarvestFailed when it fails."""
        problem = self.failure(words, stdin, index)
        if problem is not None:
            raise HarvestFailed(f"git {words.partition(' ')[0]} failed: {problem}")
        return self.sandbox.read(f"{self.folder}/out")

    def failure(self, words: str, stdin: bytes = b"", index: str = "index") -> str | None:
        """Run git and return what it prints when it fails, None when it succeeds."""
        git = _GIT.format(folder=quote(self.folder), index=index)
        command = f"{_PATH}{git}{words} >{quote(self.folder)}/out"
        done = self.sandbox.run(command, timeout=SECONDS, stdin=stdin)
        if done.timed_out:
            raise HarvestFailed(f"git needs more than {SECONDS:.0f} s")
        return None if done.ok else done.output.strip()[-300:]


def borrow(sandbox: Sandbox) -> Staging:
    """Make a repository of our own beside the attempt's; raises HarvestFailed."""
    done = sandbox.run(_PATH + _BORROW, timeout=SECONDS)
    folder = done.output.rstrip("\n").rpartition("\n")[2]
    if not done.ok or not _NAME.fullmatch(folder):
        problem = done.output.strip()[-300:] or "the sandbox does not answer in time"
        raise HarvestFailed(f"no repository to take a diff from: {problem}")
    return Staging(sandbox, folder)


def stage(staging: Staging, base: str) -> dict[str, str]:
    """Stage everything over a commit; return what git refuses to take, and why."""
    staging.git(f"read-tree {quote(base)}")
    problem = staging.failure("add -A --ignore-errors .")
    if problem is None:
        return {}
    left = staging.git("ls-files --others --exclude-standard -z")
    left += staging.git("diff-files --name-only -z")
    if not left:
        raise HarvestFailed(f"git add failed: {problem}")
    paths = sorted({printable(name) for name in left.split(b"\0") if name})
    reasons = {True: "a repository of its own", False: "git cannot read it"}
    return {path: reasons[path.endswith("/")] for path in paths}


def printable(name: bytes) -> str:
    """Return a file's name as text, what is no UTF-8 in it escaped."""
    return name.decode("utf-8", "backslashreplace")


def committed(staging: Staging, base: str) -> list[str]:
    """Return the paths of a commit."""
    names = staging.git(f"ls-tree -r --full-tree --name-only -z {quote(base)}").split(b"\0")
    return [printable(name) for name in names if name]


def changes(staging: Staging, base: str) -> dict[bytes, Change]:
    """Return every path that differs between a commit and what is staged."""
    words = staging.git(f"diff-index --cached --raw -z --no-renames {quote(base)}").split(b"\0")
    found = {}
    for line, path in zip(words[:-1:2], [*words[1::2], b""], strict=False):
        match = _RAW.fullmatch(line)
        if match is None or not path:
            raise HarvestFailed("git diff-index does not print what it should")
        before, after, old, new, status = (word.decode() for word in match.groups())
        found[path] = Change(status, (before, after), (old, new))
    return found


def sizes(staging: Staging, names: Collection[str]) -> dict[str, int]:
    """Return how many bytes each object has."""
    answer = staging.git("cat-file --batch-check", "".join(f"{n}\n" for n in names).encode())
    found = {}
    for line in answer.decode("ascii", "replace").splitlines():
        match = _BLOB.fullmatch(line)
        if match is None:
            raise HarvestFailed(f"the repository has lost an object: {line[:200]}")
        found[match[1]] = int(match[2])
    if found.keys() != set(names):
        raise HarvestFailed("git cat-file does not print what it should")
    return found


def contents(staging: Staging, known: Mapping[str, int]) -> dict[str, bytes]:
    """Return the content of each object of a known size."""
    answer = staging.git("cat-file --batch", "".join(f"{n}\n" for n in known).encode())
    found, at = {}, 0
    for name, size in known.items():
        start = at + len(f"{name} blob {size}\n")
        if answer[at:start] != f"{name} blob {size}\n".encode():
            raise HarvestFailed("git cat-file does not print what it should")
        found[name] = answer[start : start + size]
        at = start + size + 1
    return found


def diff(
    staging: Staging, base: str, kept: Mapping[str, Change], blobs: Mapping[str, bytes]
) -> str:
    """Return the patch of the kept changes, text as text whatever an attribute says of it."""
    kinds: dict[str, list[str]] = {"text": [], "binary": []}
    for path, change in sorted(kept.items()):
        is_text = all(_is_text(blobs[name]) for name in change.blobs)
        kinds["text" if is_text else "binary"].append(path)
    parts = []
    for kind, paths in kinds.items():
        if not paths:
            continue
        if kind == "binary":
            staging.sandbox.write(f"{staging.folder}/git/info/attributes", b"* -diff\n")
        staging.git(f"read-tree {quote(base)}", index=kind)
        lines = ""
        for path, change in ((path, kept[path]) for path in paths):
            mode = "0" if change.status == "D" else change.modes[1]
            lines += f"{mode} {change.names[1]}\t{path}\0"
        staging.git("update-index -z --index-info", lines.encode(), index=kind)
        parts.append(staging.git(f"{_DIFF} --{kind} {quote(base)}", index=kind))
    try:
        patch = b"".join(parts).decode("utf-8")
    except UnicodeDecodeError as error:
        raise HarvestFailed("the diff is not text") from error
    check_paths(patch, kept)
    return patch


def _is_text(content: bytes) -> bool:
    try:
        return "\0" not in content.decode("utf-8")
    except UnicodeDecodeError:
        return False


def check_paths(patch: str, paths: Iterable[str]) -> None:
    """Raise HarvestFailed unless a patch, read strictly, changes these paths and no others."""
    heads = {f"diff --git {_quoted('a/' + path)} {_quoted('b/' + path)}": path for path in paths}
    start, *parts = re.split(r"^(?=diff --git )", patch, flags=re.MULTILINE)
    seen = set()
    for part in parts:
        head, _, rest = part.partition("\n")
        if head not in heads or not _is_clean(rest, heads[head]):
            raise HarvestFailed(f"the diff is not that of the attempt: {head[:200]}")
        seen.add(heads[head])
    if start or seen != set(heads.values()):
        raise HarvestFailed("the diff does not have the paths that it should have")


def _quoted(name: str) -> str:
    """Write a name as git does in a patch."""
    if not re.search(r'[\x00-\x1f\x7f"\\]', name):
        return name
    return f'"{name.translate(_ESCAPES)}"'


def _is_clean(rest: str, path: str) -> bool:
    """Tell whether what follows a `diff --git` line speaks of one path alone."""
    *lines, unfinished = rest.split("\n")
    while lines and _EXTENDED.fullmatch(lines[0]):
        del lines[0]
    if unfinished or not lines:
        return not unfinished
    if lines[0] == "GIT binary patch":
        return bool(_BINARY.fullmatch("\n".join([*lines, ""])))
    old, new = _quoted(f"a/{path}"), _quoted(f"b/{path}")
    return (
        len(lines) > 2
        and lines[0].removesuffix("\t") in (f"--- {old}", "--- /dev/null")
        and lines[1].removesuffix("\t") in (f"+++ {new}", "+++ /dev/null")
        and _are_hunks(lines[2:])
    )


def _are_hunks(lines: list[str]) -> bool:
    """Tell whether lines are hunks as long as they say, and nothing else."""
    before = after = 0
    for line in lines:
        if before == after == 0 and not line.startswith("\\"):
            match = _HUNK.match(line)
            if match is None:
                return False
            before, after = (int(count or 1) for count in match.groups())
            continue
        if line[:1] not in _LINES:
            return False
        old, new = _LINES[line[0]]
        before, after = before - old, after - new
        if min(before, after) < 0:
            return False
    return before == after == 0
