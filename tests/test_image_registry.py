"""Pulls from registries that are busy, away, or have no such image; the engine is stood in for."""

from __future__ import annotations

from typing import Any

import pytest

from agent.environment import image_registry
from tools.base import NetworkError
from tools.sandbox.container import ImageInfo

FOUND = ImageInfo(("tool:1",), "sha256:0", 1)


class Engine:
    """Says what it is told to, one word for each pull, then gives the image."""

    def __init__(self, *says: str) -> None:
        self.says, self.pulls = list(says), 0

    def pull(self, reference: str) -> ImageInfo:
        self.pulls += 1
        if self.says:
            answer = self.says.pop(0)
            raise NetworkError(f"cannot pull {reference}: {answer}", answer=answer)
        return FOUND


def test_a_busy_registry_is_asked_again_and_trusted_later() -> None:
    engine: Any = Engine("toomanyrequests: rate limit", "unexpected EOF")
    said: list[str] = []
    assert image_registry.pull(engine, "busy.invalid/tool:1", said.append, (0.1, 0)) == FOUND
    assert "toomanyrequests: rate limit; once more in 0 s" in said[1]
    assert engine.pulls == 3
    engine = Engine(*["429 Too Many Requests"] * 3)
    with pytest.raises(NetworkError, match="Too Many"):
        image_registry.pull(engine, "busy.invalid/tool:1", said.append, (0, 0))
    assert image_registry.pull(engine, "busy.invalid/tool:1", said.append) == FOUND


def test_one_that_does_not_answer_is_left_alone_for_a_while() -> None:
    engine: Any = Engine("dial tcp: no such host")
    with pytest.raises(NetworkError, match="no such host"):
        image_registry.pull(engine, "away.invalid/owner/tool:1", print)
    with pytest.raises(NetworkError, match=r"other:1: away\.invalid did not answer"):
        image_registry.pull(engine, "away.invalid/owner/other:1", print)
    assert engine.pulls == 1
    assert image_registry.pull(engine, "here.invalid/tool:1", print) == FOUND, "another registry"


def test_one_that_stays_slow_is_left_alone_too() -> None:
    engine: Any = Engine(*["i/o timeout"] * 3)
    for said in ("i/o timeout", "did not answer"):
        with pytest.raises(NetworkError, match=said):
            image_registry.pull(engine, "slow.invalid/tool:1", print, (0, 0))
    assert engine.pulls == 3


def test_an_image_that_is_not_there_says_nothing_of_its_registry() -> None:
    engine: Any = Engine("manifest unknown")
    with pytest.raises(NetworkError) as error:
        image_registry.pull(engine, "known.invalid/tool:1", print)
    assert image_registry.is_absent(error.value)
    assert image_registry.pull(engine, "known.invalid/tool:1", print) == FOUND


@pytest.mark.parametrize(
    ("reference", "host"),
    [
        ("python:3.9-slim", "docker.io"),
        ("owner/tool", "docker.io"),
        ("ghcr.io/owner/tool:1", "ghcr.io"),
        ("127.0.0.1:9/tool", "127.0.0.1:9"),
        ("localhost/tool", "localhost"),
    ],
)
def test_a_names_registry(reference: str, host: str) -> None:
    assert image_registry.registry_of(reference) == host
