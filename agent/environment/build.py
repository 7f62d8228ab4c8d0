"""Steps in build containers, each committed as a layer that the next build finds again."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from threading import Lock
from time import monotonic
from urllib.parse import urlsplit

import uv

from agent.environment import system_packages
from agent.environment.archives import pack
from agent.environment.build_network import CA_FILE, CACHE, TOOLS, Host
from tools.base import EngineError, NetworkError, UserError, WorldError
from tools.git_url import redacted
from tools.sandbox.image_builder import Builder

LOG, LOG_CHARACTERS = "repair-agent.log", 30_000
"""The label of an image that holds its log, and how much of it."""
SECONDS = 1800.0
"""How long one image may take."""
LINES, SHOWN_LINES = 3, 20
"""How many of a failed step's last lines its error holds, and how many are shown before it."""
CACHE_VOLUME = "repair-agent-cache"
VENV = "/opt/venv"
UNREACHED = re.compile(
    r"connection refused|connect error|dns error|name resolution|could not resolve|"
    r"network is unreachable|certificate verify failed|invalid peer certificate",
    re.IGNORECASE,
)
"""What pip, uv and apt print when they cannot reach a registry."""
FETCHED = re.compile(r"failed to fetch:? `?(https?://[^`\s]+)", re.IGNORECASE)
BROKEN = re.compile(
    r"request failed after|error sending request|connection reset|timed out|server error",
    re.IGNORECASE,
)
"""What uv prints when a server did not answer, unlike one that refused."""
INDEX = "https://pypi.org/simple"
FILES = "files.pythonhosted.org"
AWAY = "the registry was not reached: check network, proxy and CA bundle, then start it again"
HINT = "its last lines are above; try another Python, mend the build files, or give --image"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
STEP = {
    "PATH": f"{VENV}/bin:{TOOLS}:{SYSTEM_PATH}",
    "VIRTUAL_ENV": VENV,
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "UV_CACHE_DIR": CACHE,
    "UV_LINK_MODE": "copy",  # the cache is a volume of its own: links would lead out of the image
    "UV_NO_PROGRESS": "1",
    "UV_PYTHON_DOWNLOADS": "never",
}


class InstallFailed(WorldError):
    """A step failed that may succeed with another interpreter."""


class PackagesMissing(Exception):
    """A step failed because Debian packages are missing that were not tried yet."""

    def __init__(self, packages: set[str]) -> None:
        super().__init__(", ".join(sorted(packages)))
        self.packages = packages


_guard = Lock()
_making: dict[str, Lock] = {}
"""A lock for each layer that this process makes or made."""


class Build:
    """The making of one image: its time limit, its log, and the volumes that its steps see."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._deadline = monotonic() + SECONDS
        self._lines: list[str] = []
        self._packages: set[str] = set()

    @property
    def log(self) -> str:
        """What was run and said so far, without the values that belong to this machine."""
        return self.clean("\n".join(self._lines))

    def note(self, line: str) -> None:
        """Add a remark to the log and show it."""
        self._lines.append(f"# {line}")
        self.host.say(line)

    def is_kept(self, reference: str, title: str | None = None) -> bool:
        """Tell whether an earlier build left an image, and note that it is reused."""
        kept = self.host.engine.image(reference) is not None
        if kept:
            self.note(f"{title or reference}: kept from an earlier build")
        return kept

    @contextmanager
    def open(self, image: str) -> Iterator[Builder]:
        """Open a build container with uv, the CA bundle and the cache in volumes."""
        bundle = self._bundle()
        content = metadata.version("uv").encode() + bundle
        tools = f"repair-agent-tools-{hashlib.sha256(content).hexdigest()[:12]}"
        for name in (tools, CACHE_VOLUME):
            self.host.engine.create_volume(name)
        with Builder(self.host.engine, image, {tools: TOOLS, CACHE_VOLUME: CACHE}) as builder:
            # The mark is the last to be written: a volume without it was left half-filled. Others
            # may fill it, or run what is in it, at the same time: each file comes by a rename.
            if builder.run(f"test -e {TOOLS}/ready")[0]:
                program = Path(uv.find_uv_bin()).read_bytes()
                authorities = {Path(CA_FILE).name: bundle} if bundle else {}
                new = f"new-{secrets.token_hex(4)}"
                files = {"uv": program, **authorities}
                builder.put(TOOLS, pack({f"{new}/{name}": data for name, data in files.items()}))
                builder.run(f"cd {TOOLS} && mv {new}/* . && rmdir {new} && touch ready")
            yield builder

    def layer(
        self,
        parent: str,
        title: str,
        command: str,
        *,
        environment: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> str:
        """Return the layer that a command makes of its parent, from the last time if it is there.

        Layers are told apart by `key` where it is given, else by the command.
        """
        content = json.dumps([parent, key or command, sorted((environment or {}).items())])
        reference = reference_of("layer", content, 24)
        with self._alone_with(reference):
            if not self.is_kept(reference, title):
                with self.open(parent) as builder:
                    self.run(builder, title, command)
                    builder.commit(reference, labels={}, environment=environment)
        return reference

    @contextmanager
    def _alone_with(self, reference: str) -> Iterator[None]:
        """Let one thread make a layer while others wait; waiting does not count as build time."""
        with _guard:
            lock = _making.setdefault(reference, Lock())
        started = monotonic()
        with lock:
            self._deadline += monotonic() - started
            yield

    def run(
        self, builder: Builder, title: str, command: str, *, more: Mapping[str, str] | None = None
    ) -> str:
        """Run one command in /testbed or / and return its output; raises InstallFailed."""
        code, text = self.attempt(builder, title, command, more=more)
        if code:
            last = text.splitlines()[-SHOWN_LINES:]
            for line in last:
                self.host.say(f"  {self.clean(line)}")
            shown = f"{title}: `{self._short(command)}` failed with exit code {code}"
            away = UNREACHED.search("\n".join(last))
            raise InstallFailed(f"{shown}: {self._ending(last)}", AWAY if away else HINT)
        return text

    def _short(self, command: str) -> str:
        return self.clean(command.strip().splitlines()[0][:200])

    def _ending(self, lines: Iterable[str]) -> str:
        """Return the last lines of an output as one."""
        whole = [self.clean(line).strip() for line in lines if line.strip()]
        return " | ".join(whole[-LINES:]) or "no output"

    def attempt(
        self, builder: Builder, title: str, command: str, *, more: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Run one command; return its exit code and output, both in the log.

        Raises PackagesMissing, once for each package, where the output says what it fails for, and
        NetworkError where it is that the package index does not answer: no other way or Python
        would do better, and an image made with less would be kept.
        """
        self.note(title)
        self._lines += [f"$ {line}" for line in command.strip().splitlines()]
        last: deque[str] = deque(maxlen=SHOWN_LINES)
        try:
            code, text = builder.run(
                f"[ -d /testbed ] && cd /testbed; {command}",
                env={**STEP, **self.host.network.variables(), **(more or {})},
                timeout=max(self._deadline - monotonic(), 0.1),
                on_line=last.append,
            )
        except EngineError as error:
            if monotonic() < self._deadline:
                raise
            raise WorldError(
                f"{title}: `{self._short(command)}` was stopped, as the build took longer than "
                f"{SECONDS / 60:.0f} minutes: {self._ending(last)}",
                HINT,
            ) from error
        self._lines += text.splitlines()
        if code:
            self._lines.append(f"[exit code {code}]")
            if self._is_away(text):
                raise NetworkError(f"{title}: {self._ending(last)}", AWAY)
            packages = system_packages.missing(text) - self._packages
            if packages:
                self._packages |= packages
                raise PackagesMissing(packages)
        return code, text

    def _is_away(self, output: str) -> bool:
        """Tell whether uv failed because the package index, not another server, did not answer."""
        index = urlsplit(self.host.network.index_url or INDEX).hostname
        hosts = {urlsplit(url).hostname for url in FETCHED.findall(output)}
        return bool(hosts & {index, FILES}) and bool(BROKEN.search(output))

    def add_output(self, line: str) -> None:
        """Add a line of a program's output to the log."""
        self._lines.append(line)

    def clean(self, text: str) -> str:
        """Return a text without the values that belong to this machine."""
        for secret in self.host.network.secrets():
            text = text.replace(secret, "…")
        return redacted(text)

    def _bundle(self) -> bytes:
        path = self.host.network.ca_bundle
        try:
            return path.read_bytes() if path else b""
        except OSError as error:
            raise UserError(f"cannot read the CA bundle {path}: {error.strerror}") from error


def reference_of(kind: str, content: str, digits: int = 16) -> str:
    """Return the tag for an image made of `content`; the same content gives the same tag."""
    return f"repair-agent/{kind}:{hashlib.sha256(content.encode()).hexdigest()[:digits]}"


def clip(text: str) -> str:
    """Return a log short enough for a label, its middle left out."""
    half = LOG_CHARACTERS // 2
    if len(text) <= LOG_CHARACTERS:
        return text
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters left out …]\n{text[-half:]}"
