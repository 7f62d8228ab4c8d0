"""Images made of a repository's own Dockerfile or devcontainer, by `docker buildx`."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.environment import host_program
from agent.environment.build import HINT, LINES, SECONDS, SHOWN_LINES, Build, reference_of
from agent.intake.repository import Source
from tools.base import UserError, WorldError

LABEL = "repair-agent=image"
INSTALL = "install it (Debian and Ubuntu: docker-buildx), or give an image with --image"
_ARG = re.compile(r"(?im)^[ \t]*ARG[ \t]((?:\\\r?\n|[^\n])*)")
_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])')


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


def image(build: Build, source: Source, named: str) -> str:
    """Return the image that a Dockerfile or devcontainer.json describes, kept from the last time.

    `named` is a path in the repository, else one of this machine. Raises UserError for a file that
    is not there or means nothing, WorldError where `docker buildx` is missing or the build fails.
    """
    recipe = read(source.folder, named)
    if recipe.image:
        return recipe.image
    assert recipe.file is not None
    assert recipe.context is not None
    folder = source.folder.resolve()
    ours = recipe.context.is_relative_to(folder)
    within = str(recipe.context.relative_to(folder)) if ours else str(recipe.context)
    text = recipe.file.read_text(encoding="utf-8", errors="replace")
    facts = [source.content, text, within, recipe.target, sorted(recipe.arguments.items())]
    reference = reference_of("dockerfile", json.dumps(facts))
    if ours and build.is_kept(reference):  # what is elsewhere may have changed since
        return reference
    buildx, variables = find(build.host.path, build.host.docker_host)
    build.note(f"building {named}")
    words = [*buildx, "build", "--load", "--progress", "plain", "--tag", reference]
    words += ["--label", LABEL, "--file", str(recipe.file)]
    words += ["--target", recipe.target] if recipe.target else []
    for name, value in {**recipe.arguments, **_proxies(build, text)}.items():
        words += ["--build-arg", f"{name}={value}"]
    words.append(str(recipe.context))
    code, last = host_program.run(words, variables, build.add_output, seconds=SECONDS)
    if code:
        for line in last[-SHOWN_LINES:]:
            build.note(f"  {line}")
        ending = build.clean(" | ".join(last[-LINES:]) or "no output")
        raise WorldError(f"docker buildx failed with exit code {code} on {named}: {ending}", HINT)
    return reference


def _proxies(build: Build, text: str) -> dict[str, str]:
    """Return proxies as build arguments: BuildKit keeps these out of layers and the history.

    It keeps those that a Dockerfile declares itself, so these are not passed.
    """
    proxies = build.host.network.proxies
    declared = {
        name.lower() for line in _ARG.findall(text) for name in re.findall(r"(?i)\w+_proxy\b", line)
    }
    for name in sorted(declared & set(proxies)):
        build.note(f"the Dockerfile declares {name}, which would show it: it is not passed")
    return {name: value for name, value in proxies.items() if name not in declared}


def find(path: str, docker_host: str | None) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the words that call buildx, Docker's plugin or the program, and its variables.

    Raises WorldError where it is not there.
    """
    variables = {"PATH": path, "DOCKER_BUILDKIT": "1"}
    variables |= {"DOCKER_HOST": docker_host} if docker_host else {}
    docker, alone = shutil.which("docker", path=path), shutil.which("docker-buildx", path=path)
    ways: list[tuple[str, ...]] = [(docker, "buildx")] if docker else []
    ways += [(alone,)] if alone else []
    for words in ways:
        code, _ = host_program.run([*words, "version"], variables, seconds=20)
        if code == 0:
            return words, variables
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
    keys: dict[str, Any] = build if isinstance(build, dict) else {"dockerfile": build}
    written = keys.get("dockerfile") or table.get("dockerFile")
    if isinstance(written, str):
        arguments = {name: str(value) for name, value in (keys.get("args") or {}).items()}
        target = (file.parent / written).resolve()
        context = (file.parent / str(keys.get("context") or table.get("context") or ".")).resolve()
        for path in (target, context):
            if within is not None and not path.is_relative_to(within):
                raise UserError(f"{named} names {path}, which is not in the repository", "mend it")
        if not target.is_file():
            raise UserError(f"{named} names {written}, which is not there", "mend it")
        return Recipe(target, context, None, keys.get("target"), arguments)
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
