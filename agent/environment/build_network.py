"""What images are built with: the engine, this machine, and the way to the outside."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from tools.sandbox.engine import Engine

TOOLS = "/mnt"
"""Where build containers see the volume with uv and the CA bundle; any image has this folder."""
CACHE = "/media"
CA_FILE = f"{TOOLS}/ca.pem"
CA_VARIABLES = (
    "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO",
)  # fmt: skip


@dataclass(frozen=True)
class BuildNetwork:
    """`proxies` are variables such as https_proxy; `ca_bundle` is a PEM file on the host.

    `index_url` stands for the package index, `debian_mirror` for the archive of Debian.
    """

    proxies: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    ca_bundle: Path | None = None
    index_url: str | None = None
    debian_mirror: str | None = None

    def variables(self) -> dict[str, str]:
        """Return the environment of a step inside a build container."""
        found = dict(self.proxies)
        if self.ca_bundle:
            found |= dict.fromkeys(CA_VARIABLES, CA_FILE)
        if self.index_url:
            found |= {"UV_DEFAULT_INDEX": self.index_url, "PIP_INDEX_URL": self.index_url}
        return found

    def variables_of_host(self) -> dict[str, str]:
        """Return the environment of a program that runs on the host and downloads."""
        found = dict(self.proxies)
        if self.ca_bundle:
            found |= dict.fromkeys(CA_VARIABLES, str(self.ca_bundle))
        return found

    def secrets(self) -> tuple[str, ...]:
        """Return the values that a log must not show; shorter ones (`*`) tell nothing."""
        values = (*self.proxies.values(), self.index_url or "")
        return tuple(value for value in values if len(value) >= 4)


@dataclass(frozen=True)
class Host:
    """The machine that builds: `home` may hold interpreters, `path` programs.

    `docker_host` is the engine's URL where it is not the usual one; `say` hears of each step.
    """

    engine: Engine
    network: BuildNetwork
    say: Callable[[str], None]
    home: Path | None = None
    path: str = os.defpath
    docker_host: str | None = None
