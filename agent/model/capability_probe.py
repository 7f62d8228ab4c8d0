"""What a model behind an endpoint can do: asked once, with one tiny call, then remembered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from agent.errors import UserError, WorldError
from agent.messages import Message, Sampling
from agent.model import llama_server
from agent.model.adapter import Wire
from agent.model.chat import Chat
from agent.model.client import Connection
from agent.model.dialect import TEACHING, Dialect
from agent.model.endpoint import ServedModel
from agent.model.failures import Refused
from agent.model.protocol import Capabilities, Replies, Request
from agent.model.responses import Responses
from agent.model.text import Text
from agent.trajectory.durable_files import disk, write_whole
from agent.trajectory.encoding import decode, encode
from prompts import render

Api = Literal["chat", "responses", "text"]
WIRES: dict[Api, Wire] = {"chat": Chat(), "responses": Responses(), "text": Text()}
REMEMBERED = timedelta(days=7)
PROBE_TOKENS = 2048
"""Room for a model that thinks before it answers; only what it uses is billed."""
PROBE_TRIES = 3
READY = {
    "type": "function",
    "function": {
        "name": "ready",
        "description": "Say that you are ready.",
        "parameters": {
            "type": "object",
            "properties": {"word": {"type": "string", "description": "The word yes."}},
            "required": ["word"],
        },
    },
}
_SIZE = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,2})?)b(?![a-z])", re.IGNORECASE)
"""As in qwen2.5-coder:1.5b and llama-3.2-3b-instruct."""
WINDOWS = ("context_length", "max_model_len", "max_context_length", "context_window", "n_ctx")
"""What servers call the size of the window in their lists of models."""


@dataclass(frozen=True)
class Known:
    """What was found out about a model at an endpoint, and when."""

    api: Api
    capabilities: Capabilities
    dialect: Dialect
    at: datetime

    def apply(self, model: ServedModel) -> ServedModel:
        """Return the model with what is known of it."""
        return replace(
            model,
            wire=WIRES[self.api],
            capabilities=self.capabilities,
            dialect=self.dialect,
        )


def discover(model: ServedModel, api: Api | Literal["auto"]) -> tuple[ServedModel, Known]:
    """Ask for one tiny call and return the model as it can be used, and what was found out.

    Raises UserError for a key, model or endpoint that is refused, ModelLost for a server that is
    away.
    """
    refusal: UserError | None = None
    choices: tuple[Api, ...] = ("chat", "responses", "text") if api == "auto" else (api,)
    for choice in choices:
        trial = replace(
            model,
            wire=WIRES[choice],
            capabilities=Capabilities(several=True),
            tries=min(model.tries, PROBE_TRIES),
        )
        try:
            replies = _call_ready(trial)
        except UserError as error:
            if _status(error) not in TEACHING:
                raise
            refusal = refusal or error
            continue
        calls = all(_calls_ready(message) for message in replies.messages)
        settled: Api = "text" if choice == "chat" and api == "auto" and not calls else choice
        known = Known(settled, _capabilities(trial, settled, replies), trial.dialect, _now())
        return replace(known.apply(model), opening=model.opening + replies.usage), known
    assert refusal is not None
    raise refusal


def _call_ready(trial: ServedModel) -> Replies:
    request = Request([Message("", "user", render("probe"))], [READY], Sampling(2), PROBE_TOKENS)
    try:
        return trial.reply(request)
    except UserError as error:  # some take one sample only, and say so without a name for it
        if _status(error) not in TEACHING:
            raise
        return trial.reply(replace(request, sampling=Sampling()))


def _status(error: UserError) -> int | None:
    return error.__cause__.status if isinstance(error.__cause__, Refused) else None


def _calls_ready(message: Message) -> bool:
    """Tell whether the tool was called; a reply that was cut says nothing against it."""
    called = [call.name for call in message.tool_calls] == ["ready"]
    return called or message.finish == "length"


def _capabilities(trial: ServedModel, api: Api, replies: Replies) -> Capabilities:
    properties = llama_server.properties(trial.connection)
    return Capabilities(
        tools=api != "text",
        several=api != "responses" and len(replies.messages) == 2,
        grammar=properties is not None,
        context=window_of(trial),
        parameters=size_of(trial),
    )


def size_of(model: ServedModel) -> float | None:
    """Return how many parameters a model has, as its server or its name tells, None if neither."""
    meta = _entry(model.connection, model.model).get("meta") or {}
    told = meta.get("n_params") if isinstance(meta, Mapping) else None
    named = _SIZE.search(model.model)
    return float(told) if isinstance(told, int) else float(named[1]) * 1e9 if named else None


def window_of(model: ServedModel) -> int | None:
    """Return the model's window in tokens, None when nobody knows.

    It is looked up at every start: a server may have been started anew with another one.
    """
    told = llama_server.window(llama_server.properties(model.connection))
    return told or _listed(model.connection, model.model) or model.prices.window


def _listed(connection: Connection, model: str) -> int | None:
    entry = _entry(connection, model)
    found = _first_number({**(entry.get("meta") or {}), **entry})
    if found is not None:
        return found
    # Ollama cuts silently what does not fit, and tells the size only of a model that is loaded.
    loaded = (connection.look(f"{connection.root}/api/ps") or {}).get("models") or ()
    names = (model, f"{model}:latest")
    return next((_first_number(one) for one in loaded if one.get("name") in names), None)


def _entry(connection: Connection, model: str) -> Mapping[str, Any]:
    """Return what a server lists of a model, nothing when it does not."""
    listed = (connection.look("/models") or {}).get("data") or ()
    return next((one for one in listed if isinstance(one, dict) and one.get("id") == model), {})


def _first_number(fields: Mapping[str, Any]) -> int | None:
    return next((fields[key] for key in WINDOWS if isinstance(fields.get(key), int)), None)


@dataclass(frozen=True)
class Memory:
    """What is known of models, in a file of the user's cache folder."""

    path: Path

    def recall(self, key: str) -> Known | None:
        """Return what was found out not long ago; a damaged file is as good as none."""
        known = self._read().get(key)
        return known if known is not None and _now() - known.at < REMEMBERED else None

    def remember(self, key: str, known: Known) -> None:
        """Write down what was found out; without a place for it, it is asked again next time."""
        with suppress(WorldError), disk():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.path, encode(self._read() | {key: known}, indent=1))

    def _read(self) -> dict[str, Known]:
        try:
            found: dict[str, Known] = decode(
                dict[str, Known], self.path.read_bytes(), str(self.path)
            )
        except (OSError, UserError):
            return {}
        return found


def _now() -> datetime:
    return datetime.now(UTC)
