"""How git repositories are named by URL, and how a URL is shown without its credentials."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from tools.base import UserError

SCHEMES = ("https", "http", "ssh", "git", "file")
SCP_FORM = re.compile(r"[\w.+-]+@[\w.-]+:[^\s:/-][^\s]*")
"""git@host:owner/name"""


def is_url(text: str) -> bool:
    """Tell whether a repository's name is a URL or git@host:path, and not a path."""
    return bool(re.match(r"[A-Za-z][A-Za-z0-9+.-]*(?:://|::)", text) or SCP_FORM.fullmatch(text))


def check(url: str) -> None:
    """Raise UserError for a URL that git would hand to anything but its own transports."""
    if SCP_FORM.fullmatch(url):
        return
    try:
        parts = urlsplit(url)
        host, path = parts.hostname, parts.path
    except ValueError:
        raise UserError(f"{redacted(url)} is not a URL") from None
    if re.match(r"[^/]*::", url) or parts.scheme.lower() not in SCHEMES:
        known = ", ".join(SCHEMES)
        raise UserError(f"{redacted(url)}: git URLs of this kind are not taken", f"take {known}")
    if (not host and parts.scheme.lower() != "file") or not path.strip("/"):
        raise UserError(f"{redacted(url)} names no repository", "write https://host/owner/name")


def redacted(text: str) -> str:
    """Return a text with the user names, passwords and queries of its URLs left out."""
    flags = re.IGNORECASE
    text = re.sub(r"(\b[a-z][a-z0-9+.-]*://)[^/\s'\"]*@", r"\1", text, flags=flags)
    return re.sub(r"(\b[a-z][a-z0-9+.-]*://[^\s?#'\"]*)[?#][^\s'\"]*", r"\1", text, flags=flags)
