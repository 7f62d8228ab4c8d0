"""The image that an environment is built on: Python from a registry, else Debian by debootstrap."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from agent.environment import host_program, image_registry, interpreter
from agent.environment.build_network import Host
from agent.environment.interpreter import Interpreter
from tools.base import NetworkError, WorldError
from tools.process_owner import temporary_folder
from tools.sandbox.image_builder import Builder

SUITES = {"3.9": "bullseye", "3.11": "bookworm", "3.13": "trixie"}
"""The Debian releases that ship these interpreters."""
HOSTED = "bookworm"
"""The Debian release that gets an interpreter of this machine."""
LIBRARIES = (
    "libbz2-1.0", "libexpat1", "libffi8", "liblzma5", "libncursesw6", "libnsl2", "libreadline8",
    "libsqlite3-0", "libssl3", "libuuid1", "zlib1g",
)  # fmt: skip
"""Libraries that interpreters are linked with."""
COMPILERS = ("ca-certificates", "git", "gcc", "g++", "libc6-dev", "make", "locales")
INTERPRETER = ("python3", "python3-dev")
EXTRA = {"bullseye": ("python3-distutils",), "bookworm": ("python3-distutils",)}
LEFT_OUT = ("./var/cache/apt/*", "./var/lib/apt/lists/*", "./var/log/*", "./tmp/*", "./proc/*")
LABELS = {"repair-agent": "base"}
SECONDS = 1200.0
ADD_COMPILERS = (
    "for program in git gcc g++ make locale-gen; do "
    "command -v $program >/dev/null || missing=1; done; "
    '[ -z "$missing" ] || { apt-get update && apt-get install -y --no-install-recommends '
    f"{' '.join(COMPILERS)} && apt-get clean && rm -rf /var/lib/apt/lists/*; }}"
)

_silent: set[str] = set()
"""Names of sources (uv) that did not answer: asking again costs seconds each time."""
_making = Lock()
"""Workers that need the same base at once wait for one of them to make it."""


@dataclass(frozen=True)
class Base:
    """An image with a Python, git and compilers; `pulled` is true when it comes from a registry."""

    reference: str
    python: str
    pulled: bool


def obtain(host: Host, versions: Sequence[str]) -> Base:
    """Return a base for the first of these Python versions that can be had.

    A version comes from a registry, from a Debian release that ships it, from interpreters that
    this machine keeps below the host's `home`, or from uv's downloads. Raises WorldError that says
    what to install, NetworkError, EngineError.
    """
    failure: WorldError | None = None
    for version in versions:
        with _making:
            pulled = _from_registry(host, version)
            if pulled:
                return Base(pulled, version, pulled=True)
            try:
                made = _made(host, version)
            except WorldError as error:
                host.say(f"no base image for Python {version}: {error.message}")
                failure = failure or error
                continue
            if made:
                return Base(made, version, pulled=False)
    raise failure or WorldError(
        f"no registry answers, and neither Debian nor this machine has Python "
        f"{' or '.join(versions)}",
        f"name an image with --image, or one of Python {', '.join(SUITES)} in the task file",
    )


def _made(host: Host, version: str) -> str | None:
    """Make a base from Debian alone, else with an interpreter of this machine or of uv's."""
    if version in SUITES:
        return debian(host, SUITES[version])
    kept = interpreter.find(version, host.home) if host.home else None
    reference = with_interpreter(host, kept) if kept else None
    if reference or "uv" in _silent:
        return reference
    with temporary_folder() as folder:
        host.say(f"asking uv for Python {version}")
        try:
            downloaded = interpreter.download(version, folder, host.network.variables_of_host())
        except NetworkError as error:
            host.say(error.message)
            _silent.add("uv")
            return None
        return with_interpreter(host, downloaded) if downloaded else None


def _from_registry(host: Host, version: str) -> str | None:
    """Return a registry's Python with git and compilers, None where no registry gives it."""
    name = f"python:{version}-slim"
    try:
        found = host.engine.image(name) or image_registry.pull(host.engine, name, host.say)
    except NetworkError as error:
        host.say(f"{name} cannot be pulled: {error.message}")
        return None
    reference = _reference(f"{version}-slim", f"{found.digest} {ADD_COMPILERS}")
    if host.engine.image(reference):
        return reference
    host.say(f"adding git and compilers to {name}")
    with Builder(host.engine, name) as builder:
        variables = dict(host.network.proxies)
        code, text = builder.run(ADD_COMPILERS, env=variables, timeout=SECONDS)
        if code:
            reason = f"apt-get install failed in {name}: {_last_line(text)}"
            raise WorldError(reason, "check the network")
        builder.commit(reference, labels=LABELS)
    return reference


def with_interpreter(host: Host, found: Interpreter) -> str | None:
    """Return a base with an interpreter of this machine, None where it does not run in it."""
    parent = debian(host, HOSTED, LIBRARIES)
    command = interpreter.settle(found)
    content = f"{parent} {found.version} {found.build} {command}"
    reference = _reference(f"python{found.version}", content)
    if host.engine.image(reference):
        return reference
    host.say(f"putting Python {found.version} of this machine into a base image")
    with Builder(host.engine, parent) as builder:
        builder.run(f"mkdir -p {interpreter.WHERE}")
        builder.put(interpreter.WHERE, interpreter.pack(found))
        code, text = builder.run(command, timeout=SECONDS)
        if code:
            name = f"Python {found.version} of this machine"
            host.say(f"{name} does not run in {HOSTED}: {_last_line(text)}")
            return None
        builder.commit(reference, labels=LABELS)
    return reference


def _reference(name: str, content: str) -> str:
    return f"repair-agent/base:{name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def _last_line(output: str) -> str:
    return (output.strip().splitlines() or ["no output"])[-1]


def debian(host: Host, suite: str, more: Sequence[str] = ()) -> str:
    """Return an image of a Debian release with Python, git and compilers, made when absent.

    `more` are packages that it holds, too. Raises WorldError where that takes rights or a program
    that are not there.
    """
    packages = (*INTERPRETER, *EXTRA.get(suite, ()), *COMPILERS, *more)
    content = " ".join((suite, *packages, *LEFT_OUT, host.network.debian_mirror or ""))
    reference = _reference(suite, content)
    if host.engine.image(reference):
        return reference
    _check_means()
    host.say(f"making the base image: Debian {suite}, about two minutes, once")
    with temporary_folder() as folder:
        _debootstrap(host, suite, packages, folder / "root")
        host.say("base image: importing it into the engine")
        archive = folder / "root.tar"
        left_out = [f"--exclude={pattern}" for pattern in LEFT_OUT]
        command = ["tar", "--numeric-owner", *left_out, "-C", str(folder / "root"), "-cf"]
        _run([*command, str(archive), "."], {}, lambda line: None)
        host.engine.import_rootfs(archive, reference, LABELS)
    return reference


def _check_means() -> None:
    remedy = "or give an image with --image"
    if os.geteuid() != 0:
        raise WorldError(
            "no registry answers, and making a base image with debootstrap takes root",
            f"run it once as root, {remedy}",
        )
    if shutil.which("debootstrap") is None:
        raise WorldError(
            "no registry answers, and debootstrap is not installed",
            f"install it (`apt-get install debootstrap`), {remedy}",
        )


def _debootstrap(host: Host, suite: str, packages: Sequence[str], root: Path) -> None:
    stage = ""

    def follow(line: str) -> None:
        nonlocal stage
        verb = line.removeprefix("I: ").partition(" ")[0]
        if verb != stage and verb in ("Retrieving", "Extracting", "Unpacking", "Configuring"):
            stage = verb
            host.say(f"base image: {verb.lower()} packages")

    # In a mount namespace of its own: what debootstrap mounts below the folder ends with it.
    command = ["unshare", "--mount", "--fork", "--kill-child", "debootstrap", "--variant=minbase"]
    command += [f"--include={','.join(packages)}", suite, str(root)]
    command += [host.network.debian_mirror] if host.network.debian_mirror else []
    _run(command, host.network.proxies, follow)


def _run(
    command: Sequence[str], variables: Mapping[str, str], follow: Callable[[str], None]
) -> None:
    """Run a program of the host to its end; raises WorldError with its last lines."""
    code, last = host_program.run(command, variables, follow, seconds=SECONDS)
    if code:
        program = "debootstrap" if "debootstrap" in command else command[0]
        raise WorldError(
            f"{program} failed: {'; '.join(last[-3:])}",
            "check the network and the free space, or give an image with --image",
        )
