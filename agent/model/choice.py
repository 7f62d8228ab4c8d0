"""Which model answers: from the configuration to one that can be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from agent.config import OPTION, Config
from agent.errors import ModelLost, UserError
from agent.messages import Usage
from agent.model import llama_server, scripted
from agent.model.capability_probe import WIRES, Memory, discover, size_of, window_of
from agent.model.client import Connection
from agent.model.embedded.model_file import model_path, shelf
from agent.model.embedded.server import CONTEXT, EmbeddedServer
from agent.model.endpoint import ServedModel, explanation
from agent.model.failures import Refused, Unanswered
from agent.model.pricing import Prices, is_private
from agent.model.protocol import Capabilities, Model
from agent.model.text import Text

OPENAI = "https://api.openai.com/v1"
LOCAL_REQUEST_SECONDS = 1800.0
"""A slow machine reads 33 tokens a second: a full window takes it more than eight minutes."""
LOCAL_REPLY = 1024
"""Tokens: more than any one action needs, and a small model that runs on is stopped."""


@contextmanager
def open_model(
    config: Config, say: Callable[[str], None], *, fresh: bool = False
) -> Iterator[Model]:
    """Open the model that the configuration names; what it needs is gone when the block ends.

    With `fresh`, nothing that is remembered of an endpoint is believed. Raises UserError for a
    model that is not to be had, WorldError for a server that is away.
    """
    kind, _, rest = config.model.partition(":")
    if kind == "scripted" and rest:
        yield scripted.load(Path(rest).expanduser())
        return
    if config.sandbox == "local" and not config.unsafe:
        raise UserError(
            "with --sandbox local a model's commands run on this machine without isolation",
            "use --sandbox docker, or add --unsafe",
        )
    if kind == "local":
        with open_embedded(config, say) as model:
            yield model
    else:
        with open_hosted(config, say, fresh=fresh) as model:
            yield model


def without_opening(model: Model) -> Model:
    """Return a model of which another task has on record what finding out about it has cost."""
    return replace(model, opening=Usage()) if isinstance(model, ServedModel) else model


@contextmanager
def open_embedded(config: Config, say: Callable[[str], None]) -> Iterator[Model]:
    """Serve a model's file in a child process for as long as the block lasts."""
    if config.origins.get("base_url") == OPTION:
        raise UserError("--base-url needs the name of a model there", "add -m NAME")
    path = model_path(config.model, shelf())
    say(f"loading {path.name}")
    with (
        EmbeddedServer(path, context=config.window or CONTEXT) as server,
        closing(Connection(server.url, server.key, say, died=server.death)) as connection,
    ):
        wire = WIRES["text" if config.api == "auto" else config.api]
        able = Capabilities(
            tools=config.api in ("chat", "responses"),
            several=config.api != "responses",
            grammar=True,
            context=server.context,
            output=LOCAL_REPLY,
        )
        served = ServedModel(
            config.model,
            path.stem,
            connection,
            wire,
            Prices(path.stem, server.url),
            able,
            options=config.options,
            request_seconds=LOCAL_REQUEST_SECONDS,
            count=partial(llama_server.count, connection),
        )
        yield replace(served, capabilities=replace(able, parameters=size_of(served)))


@contextmanager
def open_hosted(config: Config, say: Callable[[str], None], *, fresh: bool) -> Iterator[Model]:
    """Open the model of an endpoint, with what it can do found out or remembered."""
    base_url = check_url(config.base_url or OPENAI)
    key = config.keys.get("OPENAI_API_KEY", "")
    if not (key.isascii() and key.isprintable()):
        raise UserError("OPENAI_API_KEY holds a character that no key has", "copy the key again")
    if not key and not is_private(base_url):
        raise UserError(
            f"there is no key for {base_url}",
            "set OPENAI_API_KEY; or use -m local, which needs none",
        )
    with closing(Connection(base_url, key, say)) as connection:
        model = ServedModel(
            config.model,
            config.model,
            connection,
            Text(),
            Prices(config.model, base_url, config.prices.get(config.model, {})),
            options=config.options,
            request_seconds=config.request_seconds,
            offers=list_models(connection, config.model),
        )
        memory = Memory(platformdirs.user_cache_path("repair-agent") / "endpoints.json")
        place = f"{connection.shown} {config.model} {config.api}"
        known = None if fresh else memory.recall(place)
        if known is None:
            say(f"finding out what {config.model} can do")
            model, known = discover(model, config.api)
            memory.remember(place, known)
        else:
            model = known.apply(model)
            able = known.capabilities
            able = replace(able, context=window_of(model), parameters=size_of(model))
            model = replace(model, capabilities=able)
        if known.capabilities.grammar:  # it is llama.cpp
            model = replace(model, count=partial(llama_server.count, connection))
        yield model


def check_url(url: str) -> str:
    """Return an endpoint's address; raises UserError for what is none."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        good = False
    if not good:
        raise UserError(f"{url!r} is no address of a model server", "give http(s)://HOST[:PORT]/v1")
    return url


def list_models(connection: Connection, model: str) -> tuple[str, ...]:
    """Return the names of the models that an endpoint lists.

    A wrong key or address shows here, before any other work is done.
    """
    try:
        listed = (connection.get("/models") or {}).get("data") or ()
    except Refused as refusal:
        message, hint, _ = explanation(refusal, model, connection.shown)
        raise UserError(message, hint) from refusal
    except Unanswered as failure:
        raise ModelLost(
            f"nothing answers at {connection.shown}: {failure}",
            "start the server, or check --base-url and the network",
        ) from failure
    return tuple(str(one["id"]) for one in listed if isinstance(one, dict) and "id" in one)
