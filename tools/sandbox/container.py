"""Containers and images as values: what the engine is asked for, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

LABEL = "repair-agent"
OWNER_LABEL = "repair-agent.owner"


@dataclass(frozen=True)
class Limits:
    """What one sandbox may use: bytes of memory, number of processes, number of CPUs."""

    memory: int = 4 << 30
    processes: int = 512
    cpus: float = 2.0


@dataclass(frozen=True)
class ImageInfo:
    """An image the engine has: its tags, digest (sha256:…), bytes, labels, environment.

    `created` is ISO 8601, which sorts by time; `workdir` is where its processes start, `user` whose
    they are, "" for root's.
    """

    tags: tuple[str, ...]
    digest: str
    size: int
    labels: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    workdir: str = ""
    user: str = ""

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """Return an image as the engine's answer describes it."""
        config = raw.get("Config") or {}
        return cls(
            tags=tuple(raw.get("RepoTags") or ()),
            digest=raw["Id"],
            size=raw["Size"],
            labels=config.get("Labels") or {},
            environment=dict(item.partition("=")[::2] for item in config.get("Env") or ()),
            created=str(raw.get("Created") or ""),
            workdir=config.get("WorkingDir") or "",
            user=str(config.get("User") or ""),
        )


@dataclass(frozen=True)
class ContainerInfo:
    """A container that carries our label: `owner` is host:pid:start of the process that made it."""

    name: str
    owner: str
