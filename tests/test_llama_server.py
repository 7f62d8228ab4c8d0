"""The embedded model behind the protocol: samples, grammar, counting, and a task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.config import Config
from agent.messages import Message, Sampling
from agent.model import llama_server
from agent.model.choice import open_model
from agent.model.embedded.model_file import shelf
from agent.model.endpoint import ServedModel
from agent.model.protocol import Request
from agent.planner.free import toolbox
from tests.samples import PYTHON_PATH
from tests.test_solve import Bench
from tools.sandbox.local import LocalSandbox

STEPS = 2


@pytest.fixture(scope="module")
def model(model_path: Path) -> Iterator[ServedModel]:
    assert model_path.parent == shelf()
    with open_model(Config(), print) as opened:
        assert isinstance(opened, ServedModel)
        yield opened


def says(words: str) -> list[Message]:
    return [Message("m0", "user", words)]


class TestEmbedded:
    def test_several_samples_share_one_prompt_and_all_are_counted(self, model: ServedModel) -> None:
        request = Request(says("Name a colour."), (), Sampling(1, 0.9, seed=1), max_tokens=4)
        one = model.reply(request)
        four = model.reply(replace(request, sampling=Sampling(4, 0.9, seed=1)))

        assert len(four.messages) == 4
        assert four.usage.prompt == one.usage.prompt
        assert four.usage.completion > one.usage.completion
        assert four.usage.usd is None

    def test_a_grammar_is_held_to(self, model: ServedModel) -> None:
        grammar = 'root ::= "maroon" | "teal"'
        replies = model.reply(Request(says("Say hello."), (), Sampling(grammar=grammar), 8))
        assert replies.messages[0].content in ("maroon", "teal")

    def test_tokens_are_counted_as_the_model_sees_them(self, model: ServedModel) -> None:
        assert llama_server.count(model.connection, "hello world, how") == 4
        assert model.capabilities.context == 16_384

    def test_it_writes_a_call_that_can_be_read(self, model: ServedModel, tmp_path: Path) -> None:
        tools = toolbox(LocalSandbox(tmp_path, path=PYTHON_PATH), "pytest").schemas()
        chosen = [tool for tool in tools if tool["function"]["name"] in ("bash", "read")]
        words = "Show the file setup.py. Use the tool read."
        reply = model.reply(Request(says(words), chosen, max_tokens=60)).messages[0]
        assert [call.name for call in reply.tool_calls] == ["read"]
        assert "setup.py" in reply.tool_calls[0].arguments


@pytest.mark.parametrize("api", ["chat", pytest.param("text", marks=pytest.mark.long)])
def test_a_task_runs_with_it_to_a_verdict(tmp_path: Path, model_path: Path, api: str) -> None:
    bench = Bench(tmp_path)
    result = bench.solve(
        {"attempt-1": []}, model="local", unsafe=True, api=api, max_steps=STEPS, reply_tokens=150
    )
    assert result.status in ("verified", "unverified", "no_patch")
    assert result.model == "local"
    assert result.tokens.prompt > 0
    assert result.cost_usd is None
