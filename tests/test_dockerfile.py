"""Environments from a repository's own Dockerfile or devcontainer: a real buildx, a real engine."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.environment import dockerfile
from agent.environment.build import Build
from agent.environment.build_network import BuildNetwork, Host
from agent.environment.dockerfile import Recipe
from agent.environment.image_source import Preferences, prepare
from agent.intake.repository import Source, fetch
from agent.records import Image
from tests import buildx
from tests.samples import engine_api
from tests.test_environment import PROJECT, commit, task
from tools.base import UserError, WorldError
from tools.sandbox.docker import DockerSandbox
from tools.sandbox.engine import Engine

INSTALLED = """FROM {base}
ARG GREETING=none
ARG https_proxy
WORKDIR /work/app
COPY . .
RUN echo "$GREETING" > /greeting && echo /work/app > left-by-the-build.txt
"""
SECRET = "http://user:marker-of-this-machine@127.0.0.1:9"


@pytest.fixture(scope="session")
def path() -> str:
    return f"{buildx.folder()}:{os.environ['PATH']}"


@pytest.fixture
def made(engine: Engine) -> Iterator[list[str]]:
    """References to remove at the end; those built on the way go with them."""
    before = {tag for one in engine.images() for tag in one.tags}
    references: list[str] = []
    yield references
    after = {tag for one in engine.images() for tag in one.tags} - before
    mine = [tag for tag in after if tag.startswith("repair-agent/dockerfile:")]
    for reference in (*references, *mine):
        engine.remove_image(reference)


def source_of(tmp_path: Path, files: dict[str, str]) -> Source:
    commit(tmp_path / "tiny", "one", PROJECT | files)
    return fetch(str(tmp_path / "tiny"), None, tmp_path / "fetched")


def prepared(
    engine: Engine, source: Source, named: str, path: str, proxies: dict[str, str] | None = None
) -> Image:
    network = BuildNetwork(proxies or {})
    return prepare(
        task(source, "make"),
        source,
        Host(engine, network, print, path=path, docker_host=os.environ.get("DOCKER_HOST")),
        Preferences(dockerfile=named),
    )


def test_a_dockerfiles_copy_of_the_code_becomes_the_repository(
    engine: Engine, python_image: str, path: str, tmp_path: Path, made: list[str]
) -> None:
    source = source_of(tmp_path, {"Dockerfile": INSTALLED.format(base=python_image)})
    image = prepared(
        engine, source, "Dockerfile", path, {"https_proxy": SECRET, "no_proxy": SECRET}
    )
    made.append(image.reference)
    assert "declares https_proxy" in image.log
    assert (image.made, image.test_command) == ("given", "make")
    api = engine_api()
    known = [api.inspect_image(image.reference), api.history(image.reference), image.log]
    assert "marker-of-this-machine" not in json.dumps(known)
    with DockerSandbox(engine, image.reference) as sandbox:
        assert sandbox.run("git rev-parse HEAD").output.strip() == source.commit
        assert sandbox.run("git status --porcelain").output == "", "what building left is ignored"
        assert sandbox.run("cat left-by-the-build.txt /greeting").output == "/work/app\nnone\n"
        assert sandbox.run("cd /work/app && pwd -P").output.strip() == "/testbed"
    again = prepared(engine, source, "Dockerfile", path)
    assert again.reference == image.reference
    assert "kept from an earlier build" in again.log


def test_a_devcontainer_names_its_dockerfile_and_arguments(
    engine: Engine, python_image: str, path: str, tmp_path: Path, made: list[str]
) -> None:
    settings = """{
      // comments and a trailing comma are allowed here
      "build": {"dockerfile": "../Dockerfile", "context": "..", "args": {"GREETING": "a // b"},},
    }"""
    source = source_of(
        tmp_path,
        {
            "Dockerfile": INSTALLED.format(base=python_image),
            ".devcontainer/devcontainer.json": settings,
        },
    )
    image = prepared(engine, source, ".devcontainer/devcontainer.json", path)
    made.append(image.reference)
    with DockerSandbox(engine, image.reference) as sandbox:
        assert sandbox.run("cat /greeting").output == "a // b\n"


def test_a_devcontainer_of_an_image_is_that_image(tmp_path: Path) -> None:
    (tmp_path / "devcontainer.json").write_text(json.dumps({"image": "node:22"}))
    assert dockerfile.read(tmp_path, "devcontainer.json") == Recipe(image="node:22")
    (tmp_path / "devcontainer.json").write_text(json.dumps({"dockerComposeFile": "c.yml"}))
    with pytest.raises(UserError, match="neither an image nor a Dockerfile"):
        dockerfile.read(tmp_path, "devcontainer.json")
    with pytest.raises(UserError, match=r"there is no \.\./Dockerfile"):
        dockerfile.read(tmp_path, "../Dockerfile")


def test_a_dockerfile_that_fails_says_its_last_lines(
    engine: Engine, python_image: str, path: str, tmp_path: Path
) -> None:
    text = f"FROM {python_image}\nRUN echo something is wrong && false\n"
    source = source_of(tmp_path, {"Dockerfile": text})
    before = {one.digest for one in engine.images()}
    with pytest.raises(WorldError, match="docker buildx failed") as caught:
        prepared(engine, source, "Dockerfile", path)
    assert "false" in caught.value.message
    assert "\n" not in caught.value.message
    left = [one for one in engine.images() if one.digest not in before]
    assert not [one for one in left if any("dockerfile" in tag for tag in one.tags)]


def test_without_buildx_one_line_says_so(engine: Engine, tmp_path: Path) -> None:
    source = source_of(tmp_path, {"Dockerfile": "FROM scratch\n"})
    with pytest.raises(WorldError, match="docker buildx, which is missing") as caught:
        prepared(engine, source, "Dockerfile", str(tmp_path))
    assert "install it" in caught.value.hint


def test_an_image_and_a_dockerfile_do_not_go_together(engine: Engine, tmp_path: Path) -> None:
    source = source_of(tmp_path, {})
    with pytest.raises(UserError, match="do not go together"):
        prepare(
            task(source),
            source,
            Host(engine, BuildNetwork(), print),
            Preferences(image="a", dockerfile="Dockerfile"),
        )


@pytest.mark.parametrize(
    "build",
    [
        {"dockerfile": "Dockerfile", "context": "../../.."},
        {"dockerfile": "Dockerfile", "context": "/"},
        {"dockerfile": "../../Dockerfile"},
        {"dockerfile": "link"},
    ],
)
def test_what_a_repository_names_lies_in_it(tmp_path: Path, build: dict[str, str]) -> None:
    folder = tmp_path / "repository" / ".devcontainer"
    folder.mkdir(parents=True)
    for place in (tmp_path, folder):
        (place / "Dockerfile").write_text("FROM scratch\n")
    (folder / "link").symlink_to(tmp_path / "Dockerfile")
    (folder / "devcontainer.json").write_text(json.dumps({"build": build}))
    with pytest.raises(UserError, match="is not in the repository"):
        dockerfile.read(tmp_path / "repository", ".devcontainer/devcontainer.json")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    own = dockerfile.read(elsewhere, str(folder / "devcontainer.json"))
    assert own.file is not None, "a file of the user's own may name what it likes"


def test_a_devcontainer_may_name_its_dockerfile_alone(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "devcontainer.json").write_text(json.dumps({"build": "Dockerfile"}))
    recipe = dockerfile.read(tmp_path, "devcontainer.json")
    assert (recipe.file, recipe.context) == (tmp_path / "Dockerfile", tmp_path)


@pytest.mark.parametrize(
    ("declared", "passed"),
    [
        ("ARG http_proxy https_proxy\n", set()),
        ("arg http_proxy=x \\\n  HTTPS_PROXY\n", set()),
        ("ARG greeting\nRUN echo $https_proxy\n", {"http_proxy", "https_proxy"}),
    ],
)
def test_a_proxy_that_a_dockerfile_declares_is_not_passed(
    engine: Engine, tmp_path: Path, declared: str, passed: set[str]
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM scratch\n{declared}")
    network = BuildNetwork({"http_proxy": SECRET, "https_proxy": SECRET})
    build = Build(Host(engine, network, print))
    assert set(dockerfile._proxies(build, (tmp_path / "Dockerfile").read_text())) == passed
