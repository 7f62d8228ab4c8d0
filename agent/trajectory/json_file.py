"""A JSON file of another program, gzipped or not, as plain values."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

from agent.errors import UserError


def text_in(path: Path, name: str, hint: str) -> str:
    """Return what a file holds, unpacked; `name` says in UserErrors what the file should be.

    Bytes that are no UTF-8 become lone surrogates: a command may have printed anything.
    """
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        return data.decode(json.detect_encoding(data), "surrogateescape")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"the {name} {path} is no whole gzip file: {error}", hint) from error
    except OSError as error:
        raise UserError(f"cannot read the {name} {path}: {error.strerror}", hint) from error
    except UnicodeDecodeError as error:
        raise UserError(f"the {name} {path} is no text: {error.reason}", hint) from error


def plain_in(path: Path, name: str, hint: str) -> Any:
    """Return the values in a JSON file; raises UserError that says what is wrong with it."""
    text = text_in(path, name, hint)
    if not text.strip():
        raise UserError(f"the {name} {path} is not whole JSON: it is empty", hint)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        cut = error.msg.startswith("Unterminated") or not text[error.pos :].strip()
        where = "it ends in the middle" if cut else str(error)
        raise UserError(f"the {name} {path} is not whole JSON: {where}", hint) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"the {name} {path} is not whole JSON: {error}", hint) from error
