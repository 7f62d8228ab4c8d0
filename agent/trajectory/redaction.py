"""What a run's record says of the configuration: no secrets, no hosts of mirrors, no home."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HIDDEN = "[redacted]"
SECRET = re.compile(
    r"(?:^|[_.-])(?:api_?key|key|token|secret|password|passwd|credentials?|authorization|cookie)$",
    re.IGNORECASE,
)
HOST = re.compile(r"proxy|proxies|index|mirror", re.IGNORECASE)
CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")
AUTHORITY = re.compile(r"(?<=://)[^/\s]+")
QUERY = re.compile(r"(?<=[?&])([\w-]*(?:key|token|secret|signature))=[^&\s]+", re.IGNORECASE)
KEY = re.compile(r"\b(?:sk-|gh[a-z]_|github_pat_|hf_)[\w-]{12,}")


def redacted(config: Mapping[str, Any], *, home: Path, folder: Path) -> dict[str, Any]:
    """Return a configuration that may be shown: paths are relative to `folder`, or begin with ~."""
    return {name: _value(name, value, home, folder) for name, value in config.items()}


def without_secrets(text: str) -> str:
    """Return a text without keys, and without what addresses in it hold of credentials."""
    return KEY.sub(HIDDEN, QUERY.sub(rf"\1={HIDDEN}", CREDENTIALS.sub(f"{HIDDEN}@", text)))


def _value(name: str, value: Any, home: Path, folder: Path) -> Any:
    if SECRET.search(name):
        return HIDDEN if value else value
    if isinstance(value, Mapping):
        # What stands under `proxies` is as private as `proxies` itself, whatever its own name.
        group = f"{name}." if HOST.search(name) else ""
        return {
            str(key): _value(f"{group}{key}", item, home, folder) for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_value(name, item, home, folder) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _shown(name, value, home, folder)


def _shown(name: str, value: Any, home: Path, folder: Path) -> str:
    if isinstance(value, Path):
        return _path(value, home, folder)
    if HOST.search(name) and value:
        return AUTHORITY.sub(HIDDEN, str(value)) if "://" in str(value) else HIDDEN
    return _text(str(value), home, folder)


def _path(path: Path, home: Path, folder: Path) -> str:
    if not path.is_absolute():
        return str(path)
    if path.is_relative_to(folder):
        return str(path.relative_to(folder))
    if path.is_relative_to(home):
        return str(Path("~") / path.relative_to(home))
    return os.path.relpath(path, folder)


def _text(text: str, home: Path, folder: Path) -> str:
    text = without_secrets(text)
    for base, short in ((folder, "."), (home, "~")):
        if base.parent != base:  # everything is below the root: nothing would be gained
            text = re.sub(rf"(?<![\w.~-]){re.escape(str(base))}(?=/|\W|$)", short, text)
    return text
