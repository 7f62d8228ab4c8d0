"""What one tiny call finds out, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.errors import UserError
from agent.model.capability_probe import Known, Memory, discover, size_of, window_of
from agent.model.client import Connection
from agent.model.dialect import Dialect
from agent.model.endpoint import ServedModel
from agent.model.pricing import Prices
from agent.model.protocol import Capabilities
from agent.model.text import Text
from tests.stub_server import Fault, Stub, fails, serving


@pytest.fixture
def stub() -> Iterator[Stub]:
    with serving(Stub(lambda name, said: {"content": "Yes, I am ready."})) as running:
        yield running


@pytest.fixture
def model(stub: Stub) -> Iterator[ServedModel]:
    with closing(Connection(stub.url, "sk-test", first_wait=0.01)) as connection:
        yield ServedModel("stub", "stub", connection, Text(), Prices("stub", stub.url))


def found(model: ServedModel) -> Known:
    return discover(model, "auto")[1]


def test_a_model_that_calls_tools_is_asked_by_chat(stub: Stub, model: ServedModel) -> None:
    able, known = discover(model, "auto")
    assert known.api == "chat"
    assert (able.capabilities.tools, able.capabilities.several) == (True, True)
    assert able.opening.prompt == stub.prompt > 0
    assert len(stub.requests) == 1


def test_a_model_that_answers_in_words_writes_its_calls(stub: Stub, model: ServedModel) -> None:
    stub.tools = False
    assert found(model).api == "text"


def test_one_sample_only_is_no_reason_to_give_up(stub: Stub, model: ServedModel) -> None:
    stub.faults = [fails(400, "Multiple candidates is not enabled for this model")]
    known = found(model)
    assert (known.api, known.capabilities.several) == ("chat", False)


def test_a_server_that_ignores_n_has_no_several(stub: Stub, model: ServedModel) -> None:
    stub.several = False
    assert not found(model).capabilities.several


def test_a_model_served_by_responses_only_stays_there_whatever_it_says(
    stub: Stub, model: ServedModel
) -> None:
    stub.apis, stub.tools = ("responses",), False
    assert found(model).api == "responses"


@pytest.mark.parametrize(
    "refusal",
    [
        fails(400, "this model does not support tools"),
        fails(500, "tools param requires --jinja flag"),
    ],
)
def test_a_server_that_takes_no_tools_is_asked_without(
    stub: Stub, model: ServedModel, refusal: Fault
) -> None:
    stub.faults, stub.apis = [refusal, refusal], ("chat",)
    assert found(model).api == "text"


def test_a_refused_key_is_asked_once(stub: Stub, model: ServedModel) -> None:
    stub.faults = [fails(401, "no")] * 9
    with pytest.raises(UserError, match="refused the key"):
        found(model)
    assert len(stub.requests) == 1


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ({}, None),
        ({"/props": (200, {"default_generation_settings": {"n_ctx": 4096}})}, 4096),
        ({"/api/ps": (200, {"models": [{"name": "stub:latest", "context_length": 8192}]})}, 8192),
        ({"/props": (403, {"message": "Missing Authentication Token"})}, None),
        ({"/props": (200, "not json")}, None),
    ],
)
def test_the_window_is_read_where_a_server_tells_it(
    stub: Stub, model: ServedModel, pages: dict[str, Any], expected: int | None
) -> None:
    stub.pages = pages
    assert window_of(model) == expected


def test_the_list_of_models_tells_the_window(stub: Stub, model: ServedModel) -> None:
    stub.window = 32_000
    assert window_of(model) == 32_000


@pytest.mark.parametrize(
    ("name", "meta", "size"),
    [
        ("qwen2.5-coder:1.5b", None, 1.5e9),
        ("llama-3.2-3B-instruct-q4", None, 3e9),
        ("Qwen2.5-Coder-32B-Instruct", None, 32e9),
        ("gpt-4o-mini", None, None),
        ("qwen2.5-coder:1.5b", {"n_params": 1_777_088_000}, 1_777_088_000),
        ("mixtral-8x7b", None, None),
        ("model.gguf", {"n_params": "many"}, None),
    ],
)
def test_the_size_is_what_the_server_or_the_name_tells(
    stub: Stub, model: ServedModel, name: str, meta: object, size: float | None
) -> None:
    stub.models, stub.meta = (name,), meta
    assert size_of(replace(model, model=name)) == size


def test_llama_cpp_is_known_by_its_properties(stub: Stub, model: ServedModel) -> None:
    stub.pages = {"/props": (200, {"default_generation_settings": {"n_ctx": 4096}})}
    able = found(model).capabilities
    assert (able.grammar, able.context) == (True, 4096)


def test_what_is_known_is_remembered_for_a_while(tmp_path: Path, model: ServedModel) -> None:
    memory = Memory(tmp_path / "deep" / "endpoints.json")
    assert memory.recall("a") is None
    known = replace(found(model), dialect=Dialect({"max_tokens": "max_completion_tokens"}, ("n",)))
    memory.remember("a", known)
    memory.remember("b", replace(known, capabilities=Capabilities()))
    assert memory.recall("a") == known
    memory.remember("a", replace(known, at=known.at - timedelta(days=8)))
    assert memory.recall("a") is None
    memory.path.write_text("{damaged")
    assert memory.recall("b") is None
    memory.remember("b", known)
    assert memory.recall("b") == known
