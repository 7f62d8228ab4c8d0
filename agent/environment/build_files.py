"""The formats of build files; what cannot be parsed tells nothing."""

from __future__ import annotations

import configparser
import tomllib
from pathlib import Path
from typing import Any


def read_text(path: Path) -> str:
    """Return a file's text, "" where there is none."""
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def parse_toml(text: str) -> dict[str, Any]:
    """Return what a TOML file holds."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def parse_ini(text: str) -> dict[str, dict[str, str]]:
    """Return the sections of a file such as setup.cfg."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return {}
    return {name: dict(parser.items(name)) for name in parser.sections()}
