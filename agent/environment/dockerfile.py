"""Images made of a repository's own Dockerfile or devcontainer, by `docker buildx`."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.environment import host_program
from agent.environment.build import HINT, LINES, SECONDS, SHOWN_LINES, Build
from agent.environment.build_network import BuildNetwork
from agent.intake.repository import Source
from tools.base import UserError, WorldError
from tools.sandbox.engine import Engine

LABEL = "repair-agent=image"
INSTALL = "install it (Debian and Ubuntu: docker-buildx), or give an image with --image"
_ARG = re.compile(r"(?im)^[ \t]*ARG[ \t]((?:\\\r?\n|[^\n])*)")
_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])')


@dataclass(frozen=True)
class Buildx:
    """The program that builds: its words, and the variables it needs."""

    words: tuple[str, ...]
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Recipe:
    """What a file asks to be built: a Dockerfile in a context, or an image that is there already.

    Paths are absolute.
    """

    file: Path | None = None
    context: Path | None = None
    image: str | None = None
    target: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)


def image(
    build: Build,
    engine: Engine,
    source: Source,
    named: str,
    network: BuildNetwork,
    *,
    path: str,
    docker_host: str | None = None,
) -> str:
    """Return the image that a Dockerfile or devcontainer.json describes, kept from the last time.

    `named` is a path in the repository, else one of this machine; programs are found on `path`.
    Raises UserError for a file that is not there or means nothing, WorldError where `docker buildx`
    is missing or the build fails.
    """
    recipe = read(source.folder, named)
    if recipe.image:
        return recipe.image
    assert recipe.file is not None
    assert recipe.context is not None
    folder = source.folder.resolve()
    ours = recipe.context.is_relative_to(folder)
    within = str(recipe.context.relative_to(folder)) if ours else str(recipe.context)
    told = [source.content, recipe.file.read_text(encoding="utf-8", errors="replace"), within]
    content = json.dumps([*told, recipe.target, sorted(recipe.arguments.items())])
    reference = f"repair-agent/dockerfile:{hashlib.sha256(content.encode()).hexdigest()[:16]}"
    if ours and engine.image(reference):  # what is elsewhere may have changed since
        build.note(f"{reference}: kept from an earlier build")
        return reference
    buildx = find(path, docker_host)
    build.note(f"building {named}")
    words = [*buildx.words, "build", "--load", "--progress", "plain", "--tag", reference]
    words += ["--label", LABEL, "--file", str(recipe.file)]
    words += ["--target", recipe.target] if recipe.target else []
    for name, value in {**recipe.arguments, **_proxies(build, recipe.file, network)}.items():
        words += ["--build-arg", f"{name}={value}"]
    code, last = host_program.run(
        [*words, str(recipe.context)], buildx.variables, build.said, seconds=SECONDS
    )
    if code:
        for line in last[-SHOWN_LINES:]:
            build.note(f"  {line}")
        said = build.clean(" | ".join(last[-LINES:]) or "no output")
        raise WorldError(f"docker buildx failed with exit code {code} on {named}: {said}", HINT)
    return reference


def _proxies(build: Build, file: Path, network: BuildNetwork) -> dict[str, str]:
    """Return proxies as arguments: of these names BuildKit keeps nothing in a layer or the history.

    It does of those that a Dockerfile declares by itself, which are left out.
    """
    text = file.read_text(encoding="utf-8", errors="replace")
    declared = {
        name.lower() for line in _ARG.findall(text) for name in re.findall(r"(?i)\w+_proxy\b", line)
    }
    for name in sorted(declared & set(network.proxies)):
        build.note(f"the Dockerfile declares {name}, which would show it: it is not passed")
    return {name: value for name, value in network.proxies.items() if name not in declared}


def find(path: str, docker_host: str | None) -> Buildx:
    """Return how buildx is called: as Docker's plugin, or by itself; raises WorldError."""
    variables = {"PATH": path, "DOCKER_BUILDKIT": "1"}
    variables |= {"DOCKER_HOST": docker_host} if docker_host else {}
    docker, alone = shutil.which("docker", path=path), shutil.which("docker-buildx", path=path)
    ways: list[tuple[str, ...]] = [(docker, "buildx")] if docker else []
    ways += [(alone,)] if alone else []
    for words in ways:
        code, _ = host_program.run([*words, "version"], variables, seconds=20)
        if code == 0:
            return Buildx(words, variables)
    raise WorldError("--dockerfile goes through docker buildx, which is missing", INSTALL)


def read(folder: Path, named: str) -> Recipe:
    """Return what a Dockerfile or a devcontainer.json in a repository asks for."""
    inside = (folder / named).resolve()
    file = inside if inside.is_relative_to(folder.resolve()) and inside.exists() else Path(named)
    if not file.is_file():
        raise UserError(
            f"there is no {named}, neither in the repository nor here",
            "name a Dockerfile or a devcontainer.json",
        )
    if file.suffix != ".json":
        return Recipe(file.resolve(), folder.resolve())
    try:
        table = json.loads(_plain_json(file.read_text(encoding="utf-8")))
    except (ValueError, OSError) as error:
        raise UserError(f"cannot read {named}: {error}", "mend it, or give --image") from error
    within = folder.resolve() if inside.is_relative_to(folder.resolve()) else None
    return _from_devcontainer(table if isinstance(table, dict) else {}, file, named, within)


def _from_devcontainer(
    table: dict[str, Any], file: Path, named: str, within: Path | None
) -> Recipe:
    """Read the keys of a development container. Source: its specification, containers.dev.

    One that lies in a repository names nothing outside of it: what it names is sent to the engine.
    """
    build = table.get("build")
    told: dict[str, Any] = build if isinstance(build, dict) else {"dockerfile": build}
    written = told.get("dockerfile") or table.get("dockerFile")
    if isinstance(written, str):
        given = told.get("args")
        arguments = {name: str(value) for name, value in (given or {}).items()}
        target = (file.parent / written).resolve()
        context = (file.parent / str(told.get("context") or table.get("context") or ".")).resolve()
        for path in (target, context):
            if within is not None and not path.is_relative_to(within):
                raise UserError(f"{named} names {path}, which is not in the repository", "mend it")
        if not target.is_file():
            raise UserError(f"{named} names {written}, which is not there", "mend it")
        return Recipe(target, context, None, told.get("target"), arguments)
    if isinstance(table.get("image"), str):
        return Recipe(image=table["image"])
    raise UserError(
        f"{named} names neither an image nor a Dockerfile",
        "a development container of docker compose is not built: give an image with --image",
    )


def _plain_json(text: str) -> str:
    """Return JSON without the comments and trailing commas that these files may have."""
    bare = _COMMENT.sub(lambda found: found[0] if found[0].startswith('"') else " ", text)
    return _TRAILING_COMMA.sub(lambda found: found[1] or "", bare)
