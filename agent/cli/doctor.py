"""Whether this machine can do the work, and what to do where it cannot."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from agent.config import Config, user_path
from agent.errors import EXIT_WORLD, EngineError
from agent.messages import Message, Usage
from agent.model.choice import open_model
from agent.model.protocol import Model, Request
from agent.trajectory.encoding import encode
from agent.trajectory.redaction import redacted
from prompts import render
from tools.base import Explained
from tools.sandbox.engine import Engine

OLDEST_PYTHON = (3, 11)
ENOUGH_BYTES = 10 * 10**9
"""Enough for the images of a few tasks; less is a warning."""
KEYS = ("OPENAI_API_KEY", "GITHUB_TOKEN")
UNLISTED = ("keys", "origins", "path")
SAMPLE_IMAGE = "python:3.11-slim"


@dataclass(frozen=True)
class Finding:
    """The result of one check; `needed` means that nothing works without it."""

    name: str
    ok: bool
    text: str
    remedy: str = ""
    needed: bool = True


def run(config: Config, *, every_setting: bool, as_json: bool, out: TextIO) -> int:
    """Examine the machine, print what was found, and return the exit code."""
    findings = [*examine(config, Path("runs")), model(config), *settings(config, every_setting)]
    if as_json:
        out.write(encode(findings, indent=2).decode())
    else:
        out.writelines(f"{line}\n" for line in lines(findings))
    return exit_code(findings)


def examine(config: Config, runs: Path) -> list[Finding]:
    """Check the programs and the disk that a run needs; `runs` is where it would be written."""
    return [
        python(),
        git(config.path),
        *engine_and_images(config),
        disk("disk for runs", free_bytes(runs)),
    ]


def settings(config: Config, every: bool) -> Iterator[Finding]:
    """Yield where settings are read from, which keys are set, and what differs from the defaults.

    With `every`, all settings; values of keys are not shown.
    """
    file = user_path()
    yield Finding("settings", True, f"{file}{'' if file.exists() else ' (none)'}")
    for name in KEYS:
        yield Finding(name, True, "set" if name in config.keys else "not set", needed=False)
    values = {name: value for name, value in vars(config).items() if name not in UNLISTED}
    defaults = vars(Config())
    for name, value in redacted(values, home=Path.home(), folder=Path.cwd()).items():
        if every or values[name] != defaults[name]:
            origin = config.origins.get(name, "the defaults")
            yield Finding(name, True, f"{value}  (from {origin})")


def model(config: Config) -> Finding:
    """Ask the model for one tiny reply and describe what it can do."""
    started = time.monotonic()
    try:
        with open_model(config, lambda text: None, fresh=True) as opened:
            if opened.opening == Usage() and not opened.capabilities.prepared:
                opened.reply(Request([Message("", "user", render("probe"))], max_tokens=1))
            text = abilities(opened)
    except Explained as error:
        return Finding("model answers", False, f"{config.model}: {error.message}", error.hint)
    duration = "" if opened.capabilities.prepared else f" ({time.monotonic() - started:.1f} s)"
    return Finding("model answers", True, f"{config.model}: {text}{duration}")


def abilities(opened: Model) -> str:
    """Describe what a model can do, as one line."""
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
    return EXIT_WORLD if any(one.needed and not one.ok for one in findings) else 0


def lines(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield the findings as lines of text, each with its remedy below when it failed."""
    for one in findings:
        mark = "ok" if one.ok else "MISSING" if one.needed else "warning"
        yield f"{mark:<8}{one.name}: {one.text}"
        if one.remedy and not one.ok:
            yield f"{'':<8}-> {one.remedy}"


def python() -> Finding:
    """Check the version of the running Python."""
    new_enough = sys.version_info >= OLDEST_PYTHON
    remedy = f"install Python {'.'.join(map(str, OLDEST_PYTHON))} or newer"
    return Finding("Python", new_enough, platform.python_version(), remedy)


def git(path: str) -> Finding:
    """Check the git program."""
    remedy = "install git (`apt-get install git`)"
    program = shutil.which("git", path=path)
    if program is None:
        return Finding("git", False, "not found on PATH", remedy)
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    if done.returncode:
        return Finding("git", False, f"{program} does not run: {done.stderr.strip()}", remedy)
    return Finding("git", True, done.stdout.strip())


def engine_and_images(config: Config) -> Iterator[Finding]:
    """Check the engine, the source of base images, and the disk that images are stored on."""
    try:
        engine = Engine(config.docker_host)
        version = engine.version()
    except EngineError as error:
        yield Finding("Docker engine", False, error.message, error.hint)
        return
    yield Finding("Docker engine", True, version)
    debootstrap = shutil.which("debootstrap", path=config.path)
    yield base_images(engine.registry_answers(SAMPLE_IMAGE), debootstrap)
    size, limit = f"{engine.image_bytes() / 1e9:.1f} GB", f"{config.image_gb:g} GB"
    text = f"{len(engine.images())} images and layers take {size}; the oldest go when they pass"
    yield Finding("images", True, f"{text} {limit}")
    free = engine.free_bytes()
    if free is not None:
        yield disk("disk for images", free)


def base_images(registry: bool, debootstrap: str | None) -> Finding:
    """Check that base images can be pulled or made."""
    if registry:
        return Finding("base images", True, f"a registry answers for {SAMPLE_IMAGE}")
    text = f"no registry gives {SAMPLE_IMAGE}"
    if debootstrap is not None and os.geteuid() == 0:
        return Finding("base images", True, f"{text}; {debootstrap} makes Debian ones")
    lacking = "debootstrap is not installed" if debootstrap is None else "debootstrap needs root"
    remedy = "let the engine reach a registry, or be root with debootstrap, or pass --image"
    return Finding("base images", False, f"{text}, and {lacking}", remedy, needed=False)


def free_bytes(folder: Path) -> int:
    """Return the free bytes where a folder is, or would be made."""
    existing = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    return shutil.disk_usage(existing).free


def disk(name: str, free: int) -> Finding:
    """Return a warning when the free disk space is low."""
    remedy = "free some space; `repair-agent clean --images` removes what can be built again"
    text = f"{free / 1e9:.1f} GB free"
    return Finding(name, free >= ENOUGH_BYTES, text, remedy, needed=False)
