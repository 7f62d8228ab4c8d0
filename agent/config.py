"""The configuration: read once, from files, variables and flags."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

import platformdirs
from annotated_types import Ge, Gt, Le, Lt

from agent.errors import UserError

OPTION = "an option"
"""The origin of a setting that was given on the command line."""
PREFIX = "REPAIR_AGENT_"
PROJECT_FILE = "repair-agent.toml"
# People stand inside repositories they do not trust: nothing that decides where code, keys or
# traffic go is read from there.
FROM_PROJECT = frozenset(
    ("attempts", "planner", "max_steps", "max_usd", "max_tokens", "time_limit", "test_command")
)
# Secrets and hosts, which a run folder must not hold, and what is no setting.
PRIVATE = ("keys", "path", "index_url", "proxies", "ca_bundle", "docker_host", "mirrors", "origins")
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
CA_BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
INDEXES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
KEYS = ("OPENAI_API_KEY", "GITHUB_TOKEN")

Count = Annotated[int, Ge(1)]
Amount = Annotated[float, Gt(0), Lt(inf)]
Temperature = Annotated[float, Ge(0), Le(2)]
Prices = dict[str, dict[str, float]]
"""By model: US dollars per million tokens, as `input`, `output` and, where it differs, `cached`."""
LIMITS = {Count: "at least 1", Amount: "a number above 0", Temperature: "0 to 2"}
"""The bounds, as the error says them."""
OUT_OF_BOUNDS = ("greater_than_equal", "greater_than", "less_than_equal", "less_than")
"""The types of pydantic's errors for them."""


@dataclass(frozen=True)
class Config:
    """Every setting of one process; `origins` says where each came from."""

    model: str = "local"  # which model answers: `local`, `scripted:PATH`, or a hosted name
    base_url: str | None = None  # an OpenAI-compatible endpoint
    api: Literal["auto", "chat", "responses", "text"] = "auto"  # how a hosted model is asked
    options: dict[str, Any] = field(default_factory=dict)  # added to every request, as they are
    prices: Prices = field(default_factory=dict)  # where they are not known, or others hold
    window: Count | None = None  # tokens of a model's context, where its server does not tell
    reply_tokens: Count = 8192  # the longest reply
    request_seconds: Amount = 600.0  # of one request to a hosted model
    attempts: Count | Literal["auto"] = 4  # independent attempts at one task
    samples: Count | None = None  # independent attempts, each graded: pass@k is made of them
    planner: Literal["auto", "free", "guided"] = "auto"  # who drives: the model or the program
    temperature: Temperature = 0.0  # of the first attempt; later ones are warmer
    seed: int = 0  # of the first attempt; later ones count up
    max_steps: Count = 250  # model calls of one attempt
    max_usd: Amount = 3.0  # US dollars of one task
    max_tokens: Count | None = None  # prompt and completion tokens of one task
    time_limit: Amount = 3600.0  # seconds of one task
    test_command: str | None = None  # how the repository's tests run
    sandbox: Literal["docker", "local"] = "docker"  # where untrusted code runs
    unsafe: bool = False  # let a live model act in a local sandbox, which has no isolation
    image: str | None = None  # an image to use in place of a built one
    dockerfile: str | None = None  # the repository's Dockerfile or devcontainer.json to build from
    memory_gb: Amount = 4.0  # of one sandbox
    cpus: Amount = 2.0  # of one sandbox
    image_gb: Amount = 60.0  # room that built images may take before the oldest are removed
    index_url: str | None = None  # the package index of image builds
    ca_bundle: str | None = None  # certificates of image builds
    proxies: dict[str, str] = field(default_factory=dict)  # proxies of image builds
    mirrors: list[str] = field(default_factory=list)  # searched for a commit before the network
    github_api: str = "https://api.github.com"  # of owner/repo#N; GITHUB_TOKEN goes only there
    keys: dict[str, str] = field(default_factory=dict, repr=False)  # secrets, by variable name
    docker_host: str | None = None  # where the Docker engine answers
    path: str = os.defpath  # PATH of local sandboxes
    origins: dict[str, str] = field(default_factory=dict, repr=False)

    def shown(self) -> dict[str, Any]:
        """Return the settings that a run folder may hold: no secrets, no hosts."""
        return {name: value for name, value in vars(self).items() if name not in PRIVATE}


def read(flags: Mapping[str, Any], environ: Mapping[str, str], folder: Path) -> Config:
    """Return the configuration; `flags` are the options given, None for those that were not.

    Later sources win: defaults, the user's file, repair-agent.toml in `folder`, variables, flags.
    Raises UserError that names the source of a wrong value.
    """
    user_file = user_path()
    ours = {name: value for name, value in environ.items() if name.startswith(PREFIX) and value}
    variables = {name.removeprefix(PREFIX).lower(): value for name, value in ours.items()}
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    sources = (
        ("the environment", _from_environment(environ)),
        (str(user_file), _from_file(user_file, None)),
        (str(folder / PROJECT_FILE), _from_file(folder / PROJECT_FILE, FROM_PROJECT)),
        ("the environment", variables),
        (OPTION, {name: value for name, value in flags.items() if value is not None}),
    )
    for origin, found in sources:
        for name, value in found.items():
            values[name] = _checked(name, value, origin)
            origins[name] = origin
    return Config(**values, origins=origins)


def user_path() -> Path:
    """Return where the user's own settings are read from, whether they are there or not."""
    return platformdirs.user_config_path("repair-agent") / "config.toml"


def _checked(name: str, value: Any, origin: str) -> Any:
    from pydantic import TypeAdapter, ValidationError

    kinds = get_type_hints(Config, include_extras=True)
    if name not in kinds or name == "origins":
        raise UserError(f"{origin} sets {name!r}, which is no setting", "remove it")
    kind = kinds[name]
    try:
        checked = TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        limits = [LIMITS[part] for part in (kind, *get_args(kind)) if part in LIMITS]
        bounded = limits and first["type"] in OUT_OF_BOUNDS
        reason = f"it must be {limits[0]}" if bounded else first["msg"]
        raise UserError(
            f"{origin} sets {name} to {value!r}: {reason}", "give another value"
        ) from error
    if name == "prices" and any("input" not in p or "output" not in p for p in checked.values()):
        raise UserError(f"{origin} sets prices without input or output", "give both, in US dollars")
    return checked


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings that the variables of other programs make."""
    lower = {name.lower(): value for name, value in environ.items()}
    found: dict[str, Any] = {
        "proxies": {name: lower[name] for name in PROXIES if lower.get(name)},
        "keys": {name: environ[name].strip() for name in KEYS if environ.get(name)},
        "base_url": environ.get("OPENAI_BASE_URL"),
        "ca_bundle": next((environ[n] for n in CA_BUNDLES if environ.get(n)), None),
        "index_url": next((environ[n] for n in INDEXES if environ.get(n)), None),
        "docker_host": environ.get("DOCKER_HOST"),
        "path": environ.get("PATH"),
    }
    return {name: value for name, value in found.items() if value}


def _from_file(path: Path, allowed: Set[str] | None) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}", "mend the file, or remove it") from error
    refused = sorted(set(table) - allowed) if allowed is not None else []
    if refused:
        raise UserError(
            f"{path} sets {', '.join(refused)}, which a file beside a repository may not set",
            f"put it in {user_path()}",
        )
    section = table.pop("git", {})  # in a file, `mirrors` stands in a table of its own
    if not isinstance(section, dict) or set(section) - {"mirrors"}:
        raise UserError(f"{path}: the table [git] holds `mirrors` alone", "remove the rest")
    return table | section


def environment() -> Mapping[str, str]:
    """Return the process's environment: this file is the only one that reads it."""
    return os.environ
