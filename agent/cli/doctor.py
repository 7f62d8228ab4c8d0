"""Whether this machine can do the work, and what to do where it cannot."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from agent.config import Config, user_path
from agent.errors import EXIT_WORLD, EngineError
from agent.model.choice import open_model
from agent.model.protocol import Model, Request
from agent.records import Message, Usage
from agent.trajectory.encoding import encode
from agent.trajectory.redaction import redacted
from prompts import render
from tools.base import Explained
from tools.sandbox.engine import Engine

OLDEST_PYTHON = (3, 11)
ENOUGH_BYTES = 10 * 10**9
"""Room for the images of a few tasks; less is a warning."""
KEYS = ("OPENAI_API_KEY", "GITHUB_TOKEN")
UNLISTED = ("keys", "origins", "path")
ASKED_IMAGE = "python:3.11-slim"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `needed` means that nothing works without it."""

    name: str
    ok: bool
    text: str
    remedy: str = ""
    needed: bool = True


def run(config: Config, *, as_json: bool, out: TextIO) -> int:
    """Examine the machine, print what was found, and return the exit code."""
    values = {name: value for name, value in vars(config).items() if name not in UNLISTED}
    shown = redacted(values, home=Path.home(), folder=Path.cwd())
    findings = examine(
        runs=Path("runs"),
        path=config.path,
        keys=config.keys,
        docker_host=config.docker_host,
        image_gb=config.image_gb,
        model=model(config),
        settings={
            name: (value, config.origins.get(name, "the defaults")) for name, value in shown.items()
        },
    )
    if as_json:
        out.write(encode(findings, indent=2).decode())
    else:
        out.writelines(f"{line}\n" for line in lines(findings))
    return exit_code(findings)


def examine(
    *,
    runs: Path,
    path: str,
    keys: Iterable[str],
    settings: Mapping[str, tuple[object, str]],
    model: Finding,
    docker_host: str | None = None,
    image_gb: float = 60.0,
) -> list[Finding]:
    """Look at everything that a run needs.

    `runs` is the folder that runs would be written to, `path` the PATH on which programs are
    looked for, `keys` the names of the keys that are set, `settings` maps a setting's name to its
    value and to where that came from, `model` is what was found of the model. Values of keys are
    neither needed nor shown.
    """
    return [
        python(),
        git(path),
        *engine_and_images(docker_host, path, image_gb),
        disk("disk for runs", free_bytes(runs)),
        model,
        Finding("settings", True, str(user_path()) + ("" if user_path().exists() else " (none)")),
        *(key(name, name in set(keys)) for name in KEYS),
        *(
            Finding(name, True, f"{value}  (from {origin})")
            for name, (value, origin) in settings.items()
        ),
    ]


def model(config: Config) -> Finding:
    """Ask the model for one tiny call and say what it can do."""
    started = time.monotonic()
    try:
        with open_model(config, lambda text: None, fresh=True) as opened:
            if opened.opening == Usage() and not opened.capabilities.prepared:
                opened.reply(Request([Message("", "user", render("probe"))], max_tokens=1))
            text = able(opened)
    except Explained as error:
        return Finding("model answers", False, f"{config.model}: {error.message}", error.hint)
    took = "" if opened.capabilities.prepared else f" ({time.monotonic() - started:.1f} s)"
    return Finding("model answers", True, f"{config.model}: {text}{took}")


def able(opened: Model) -> str:
    """Say what a model can do, in the words of this program's options."""
    can = opened.capabilities
    if can.prepared:
        return "prepared replies"
    price = opened.cost(1_000_000, 0), opened.cost(0, 1_000_000)
    known = None not in price
    parts = [
        "calls tools" if can.tools else "writes its calls as text",
        "several replies to one prompt" if can.several else "",
        "holds to a grammar" if can.grammar else "",
        f"window of {can.context:,} tokens" if can.context else "window unknown",
        f"${price[0]:g} and ${price[1]:g} per million tokens in and out" if known else "no price",
    ]
    return ", ".join(filter(None, parts))


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 6 when something that is needed is missing, else 0."""
    return EXIT_WORLD if any(found.needed and not found.ok for found in findings) else 0


def lines(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield the findings as text, each remedy under what it mends."""
    for found in findings:
        mark = "ok" if found.ok else "MISSING" if found.needed else "warning"
        yield f"{mark:<8}{found.name}: {found.text}"
        if found.remedy and not found.ok:
            yield f"{'':<8}-> {found.remedy}"


def python() -> Finding:
    """Look at the interpreter that runs us."""
    wanted = ".".join(map(str, OLDEST_PYTHON))
    new_enough = sys.version_info >= OLDEST_PYTHON
    return Finding(
        "Python", new_enough, platform.python_version(), f"install Python {wanted} or newer"
    )


def git(path: str) -> Finding:
    """Look for the git program."""
    remedy = "install git (`apt-get install git`)"
    program = shutil.which("git", path=path)
    if program is None:
        return Finding("git", False, "not found on PATH", remedy)
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    if done.returncode:
        return Finding("git", False, f"{program} does not run: {done.stderr.strip()}", remedy)
    return Finding("git", True, done.stdout.strip())


def engine_and_images(host: str | None, path: str, limit: float) -> Iterator[Finding]:
    """Look at the engine, where base images come from, and the disk that they go to."""
    try:
        engine = Engine(host)
        version = engine.version()
    except EngineError as error:
        yield Finding("Docker engine", False, error.message, error.hint)
        return
    yield Finding("Docker engine", True, version)
    yield base_images(engine.registry_answers(ASKED_IMAGE), shutil.which("debootstrap", path=path))
    taken = f"{engine.image_bytes() / 1e9:.1f} GB; the oldest go when they pass {limit:g} GB"
    yield Finding("images", True, f"{len(engine.images())} images and layers take {taken}")
    free = engine.free_bytes()
    if free is not None:
        yield disk("disk for images", free)


def base_images(registry: bool, debootstrap: str | None) -> Finding:
    """Say where base images can be had."""
    if registry:
        return Finding("base images", True, f"a registry answers for {ASKED_IMAGE}")
    text = f"no registry gives {ASKED_IMAGE}"
    if debootstrap is not None and os.geteuid() == 0:
        return Finding("base images", True, f"{text}; {debootstrap} makes Debian ones")
    lacking = "debootstrap is not installed" if debootstrap is None else "debootstrap needs root"
    remedy = "let the engine reach a registry, or be root with debootstrap, or pass --image"
    return Finding("base images", False, f"{text}, and {lacking}", remedy, needed=False)


def free_bytes(folder: Path) -> int:
    """Return the free bytes where a folder is, or would be made."""
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    return shutil.disk_usage(existing).free


def disk(name: str, free: int) -> Finding:
    """Judge how much room is left."""
    remedy = "free some space; `repair-agent clean --images` removes what can be built again"
    text = f"{free / 1e9:.1f} GB free"
    return Finding(name, free >= ENOUGH_BYTES, text, remedy, needed=False)


def key(name: str, is_set: bool) -> Finding:
    """Say whether a key is set, never what it is."""
    return Finding(name, True, "set" if is_set else "not set", needed=False)
