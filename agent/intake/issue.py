"""The issue as the user names it: a task file, or an issue's name on GitHub."""

from __future__ import annotations

import hashlib
import re
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from agent.intake import repository_address
from agent.records import Comment
from tools.base import UserError

FENCE = "+++"
COMMON_KEYS = ("repository", "ref", "test_command", "created_at", "python")
TEXT_KEYS = ("title", "body")
FORMS = "TASK is an issue's URL, owner/repo#N, a SWE-bench id, or a task file (.md or .toml)"

PROJECT = r"(?P<owner>[A-Za-z0-9][\w-]*)/(?P<repository>(?!\.{1,2}[/#])[\w.-]+)"
NUMBER = r"(?P<number>[1-9]\d{0,17})"
HOST = r"(?:[^/@\s]*@)?(?P<host>[A-Za-z0-9.-]+(?::\d{1,5})?)"
ISSUE_URL = re.compile(
    rf"https?://{HOST}/{PROJECT}/(?P<kind>issues|pull)/{NUMBER}(?:[/?#]\S*)?", re.ASCII
)
ISSUE_SHORT = re.compile(rf"{PROJECT}#{NUMBER}", re.ASCII)
INSTANCE = re.compile(r"[A-Za-z0-9.-]+(?:_[A-Za-z0-9.-]+)*__[\w.-]+-\d+")


@dataclass(frozen=True)
class IssueName:
    """Which issue on GitHub; `host` is None for the GitHub that is configured."""

    host: str | None
    owner: str
    repository: str
    number: int

    @property
    def id(self) -> str:
        """The task's id, in SWE-bench's form."""
        return f"{self.owner}__{self.repository}-{self.number}"

    @property
    def path(self) -> str:
        """Where it is on its host."""
        return f"{self.owner}/{self.repository}/issues/{self.number}"

    @property
    def shown(self) -> str:
        """The name as messages show it."""
        return f"issue {self.owner}/{self.repository}#{self.number}"


@dataclass(frozen=True)
class Options:
    """What the options say of the task; None where they say nothing."""

    repo: str | None = None
    ref: str | None = None
    dataset: str | None = None
    at_issue_time: bool = False


@dataclass(frozen=True)
class TaskFile:
    """What is known of a task; `repository` is a path made absolute, or as it was written.

    `as_of_commit` asks to leave out comments later than the commit; `notes` say what was decided.
    `dataset` is the SWE-bench dataset of which it is a row, whose own environment is `image`.
    """

    id: str
    source: str
    title: str
    body: str
    repository: str | None = None
    ref: str | None = None
    test_command: str | None = None
    created_at: datetime | None = None
    python: str | None = None
    comments: tuple[Comment, ...] = ()
    as_of_commit: bool = False
    image: str | None = None
    dataset: str | None = None
    notes: tuple[str, ...] = ()


def on_github(text: str) -> IssueName | None:
    """Return the issue that a URL or owner/repo#N names; raises UserError for a pull request."""
    found = ISSUE_URL.fullmatch(text) or ISSUE_SHORT.fullmatch(text)
    if found is None:
        return None
    parts = found.groupdict()
    if parts.get("kind") == "pull":
        raise UserError("that is a pull request", "name an issue: only those are read")
    host = parts.get("host")
    host = host.lower().removeprefix("www.") if host else None
    return IssueName(host, parts["owner"], parts["repository"], int(parts["number"]))


def read(text: str) -> TaskFile:
    """Return the task that a file holds; raises UserError for anything else."""
    path = repository_address.expanded(text)
    if path.suffix in (".md", ".toml"):
        return _from_file(path, text)
    with suppress(OSError):  # too long to name a file, such as the issue itself
        if text.strip() and path.exists():
            kind = "a folder, not a task" if path.is_dir() else "neither a .md nor a .toml file"
            raise UserError(f"{text} is {kind}", FORMS)
    start = text if len(text) <= 80 else f"{text[:80]}…"
    raise UserError(f"{start!r} is no task that this version knows", FORMS)


def _from_file(path: Path, source: str) -> TaskFile:
    data, text = _content(path, source)
    if path.suffix == ".toml":
        fields = _fields(text, source, (*TEXT_KEYS, *COMMON_KEYS))
        title, body = fields.pop("title", "").strip(), fields.pop("body", "")
    else:
        front, rest = _split(text, source)
        fields = _fields(front, source, COMMON_KEYS)
        title, body = _title_and_body(rest)
    if not title:
        hint = "the first line of the issue is its title"
        raise UserError(f"{source}: the title is missing", hint)
    if fields.get("repository"):
        fields["repository"] = _beside(fields["repository"], path.parent)
    return TaskFile(identity(path.stem, data), source, title, body, **fields)


def _content(path: Path, source: str) -> tuple[bytes, str]:
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"there is no file {source}", FORMS) from None
    except IsADirectoryError:
        raise UserError(f"{source} is a folder, not a task file", FORMS) from None
    except UnicodeDecodeError as error:
        where = f"byte {error.start}"
        raise UserError(f"{source} is not UTF-8 text ({where})", "save it as UTF-8") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read {source}: {reason}") from error
    if not text.strip():
        raise UserError(f"{source} is empty", "its first line is the title, the rest the issue")
    return data, text


def _split(text: str, source: str) -> tuple[str, str]:
    """Return the front matter, empty when there is none, and what follows it."""
    lines = text.splitlines(keepends=True)
    if lines[0].strip() != FENCE:
        return "", text
    for number, line in enumerate(lines[1:], start=1):
        if line.strip() == FENCE:
            return "".join(lines[1:number]), "".join(lines[number + 1 :])
    raise UserError(f"{source}: the front matter does not end", f"close it with a line {FENCE}")


def _title_and_body(text: str) -> tuple[str, str]:
    """Return the first line that is not blank, and everything after it as it stands."""
    found = re.match(r"(?:[ \t]*\r?\n)*([^\r\n]*)(?:\r\n|\n|\r|\Z)", text)
    assert found is not None
    return found[1].removeprefix("# ").strip(), text[found.end() :]


def _fields(text: str, source: str, allowed: tuple[str, ...]) -> dict[str, Any]:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{source} is not valid TOML: {error}") from error
    for key, value in table.items():
        if key not in allowed:
            raise UserError(f"{source}: unknown key {key!r}", f"known are {', '.join(allowed)}")
        if key == "created_at":
            table[key] = _moment(value, source)
        elif not isinstance(value, str):
            kind = type(value).__name__
            raise UserError(f"{source}: {key} is {kind}, not text", f'write {key} = "…"')
        elif key in COMMON_KEYS and not value.strip():
            raise UserError(f"{source}: {key} is empty", "give it a value or leave it out")
    return table


def _moment(value: object, source: str) -> datetime:
    """Return a TOML date or date and time as an aware one; without an offset it is UTC."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    raise UserError(
        f"{source}: created_at is no date",
        "write it without quotes: created_at = 2018-06-05T08:03:47Z",
    )


def _beside(repository: str, folder: Path) -> str:
    """Return a repository's name, its path taken from the folder that the file is in."""
    named = repository_address.parse(repository)
    if isinstance(named, repository_address.Folder):
        return str((folder.resolve() / named.path).resolve())
    return repository


def identity(stem: str, content: bytes) -> str:
    """Return a task's id, fit to name a folder."""
    if INSTANCE.fullmatch(stem):
        return stem
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip(".-")[:80] or "task"
    return f"{safe}-{hashlib.sha256(content).hexdigest()[:8]}"
