"""What tests share: the engine, and the images that sandboxes are opened from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from agent import config
from agent.environment import base_image
from agent.environment.build_network import BuildNetwork, Host
from agent.model.embedded.download import pull, sources
from agent.model.embedded.model_file import EMBEDDED, shelf
from agent.show.download_progress import transfer
from tests.prepare import make_lean
from tools.base import WorldError
from tools.process_owner import owner
from tools.sandbox.engine import Engine
from tools.sandbox.image_builder import Builder

PYTHONS = ("3.9", "3.11")
LABELS = {"repair-agent": "test"}
NO_PYTHON = "rm -rf /usr/bin/python3* /usr/local/bin/python3* /bin/bash /usr/bin/bash"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the tests that take longest be asked for."""
    parser.addoption("--long", action="store_true", help="also run what takes longest")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the longest tests out unless they are asked for; pytest counts them as deselected."""
    left = [item for item in items if "long" in item.keywords and not config.getoption("long")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Make the Python of the tests' projects where `tests.prepare` was not run before."""
    make_lean()


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The Docker engine; without one, tests that need it fail and say what to do."""
    try:
        found = Engine(os.environ.get("DOCKER_HOST"))
    except WorldError as error:
        pytest.fail(f"{error.message}: {error.hint}", pytrace=False)
    yield found
    left = [item.name for item in found.containers() if item.owner == owner()]
    assert not left, f"tests left containers behind: {left}"


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> BuildNetwork:
    """How image builds reach the registries from this machine."""
    found = config.read({}, os.environ, tmp_path_factory.mktemp("nowhere"))
    bundle = Path(found.ca_bundle) if found.ca_bundle else None
    return BuildNetwork(found.proxies, bundle, found.index_url)


@pytest.fixture(scope="session")
def python_image(engine: Engine, network: BuildNetwork) -> str:
    """An image with bash, git, Python 3 and an empty /testbed, made once for each engine."""
    try:
        base = base_image.obtain(Host(engine, network, print), PYTHONS)
    except WorldError as error:
        pytest.fail(f"{error.message}: {error.hint}", pytrace=False)
    return _layer(engine, base.reference, "mkdir -p /testbed", "python")


@pytest.fixture(scope="session")
def bare_image(engine: Engine, python_image: str) -> str:
    """The same image with neither Python nor bash."""
    return _layer(engine, python_image, NO_PYTHON, "bare")


@pytest.fixture(scope="session")
def model_path(network: BuildNetwork) -> Path:
    """The embedded model's file, fetched once for this user."""
    bundle = str(network.ca_bundle) if network.ca_bundle else None
    places = sources(EMBEDDED, index_url=network.index_url, ca_bundle=bundle)
    try:
        with transfer(Console(stderr=True), EMBEDDED.file) as view:
            return pull(EMBEDDED, shelf(), places, view)
    except WorldError as error:
        pytest.fail(f"{error.message}: {error.hint}", pytrace=False)


def _layer(engine: Engine, base: str, step: str, kind: str) -> str:
    found = engine.image(base)
    assert found is not None
    reference = f"repair-agent/test:{kind}-{found.digest.removeprefix('sha256:')[:12]}"
    if engine.image(reference) is None:
        with Builder(engine, base) as builder:
            code, text = builder.run(step)
            assert code == 0, text
            builder.commit(reference, labels=LABELS)
    return reference
