"""The free planner with a model behind a real server: every wire, every trouble, to the verdict."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ModelLost, UserError
from agent.model.chat import Chat
from agent.model.protocol import Request
from agent.records import Result
from agent.trajectory.attempt import Attempt
from agent.trajectory.events import Outcome, Step
from agent.trajectory.reader import RecordedTask, read_task
from tests.samples import REPRODUCTION
from tests.stub_server import (
    USD,
    Fault,
    Stub,
    cut_in_the_middle,
    empty,
    fails,
    hang_up,
    malformed,
    serving,
)
from tests.test_solve import MEND, RIGHT, SUBMIT, Bench, act
from tools.base import TestCounts

WRITTEN = f"Here it is:\n```python\n{REPRODUCTION}```"
REVIEWED = [*RIGHT, SUBMIT]
"""A live model reads its diff when it submits, and submits again."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


class Live:
    """A project, an issue, and a model server that says what a list says."""

    def __init__(self, folder: Path, stub: Stub) -> None:
        self.bench = Bench(folder)
        self.stub = stub
        self.says = REVIEWED
        stub.plan = lambda name, said: (
            {"content": WRITTEN}
            if name == "reproduce"
            else self.says[min(said, len(self.says) - 1)]
        )

    def solve(self, faults: list[Fault | None] | None = None, **more: Any) -> Result:
        self.stub.faults = [None, *(faults or ())]  # the probe goes well
        settings: dict[str, Any] = {
            "model": "stub",
            "base_url": self.stub.url,
            "keys": {"OPENAI_API_KEY": "sk-test"},
            "prices": {"stub": USD},
            "unsafe": True,
            **more,
        }
        return self.bench.solve({"attempt-1": []}, **settings)

    @property
    def recorded(self) -> RecordedTask:
        return read_task(self.bench.task)

    @property
    def end(self) -> tuple[str, str]:
        end = self.recorded.attempts[0].end
        assert end is not None
        return end.reason, end.detail

    def assert_paid(self, result: Result) -> None:
        stub = self.stub
        assert (result.tokens.prompt, result.tokens.completion, result.tokens.cached) == (
            stub.prompt,
            stub.completion,
            stub.cached,
        )
        assert result.cost_usd == pytest.approx(stub.usd, abs=1e-9)


def outcomes(attempt: Attempt) -> list[Outcome]:
    return [event for event in attempt.events if isinstance(event, Outcome)]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with serving(Stub(lambda name, said: {})) as stub:
        yield Live(tmp_path, stub)


@pytest.mark.parametrize("api", ["chat", "responses", "text"])
def test_the_same_task_is_solved_by_every_wire(live: Live, api: str) -> None:
    result = live.solve(api=api)

    assert result.status == "verified"
    assert live.end == ("submitted", "done")
    live.assert_paid(result)
    path = "/v1/responses" if api == "responses" else "/v1/chat/completions"
    sent = [body for body in live.stub.asked(path) if "ready" not in json.dumps(body)]
    last = sent[-1].get("messages") or sent[-1]["input"]
    assert "Repair this issue" in json.dumps(sent)
    assert "Before this is handed in" in json.dumps(last)
    assert "Tests near the edit" in json.dumps(last)
    if api == "chat":
        back = [message for message in last if message["role"] == "assistant"]
        assert all(message["reasoning_content"] == "I think." for message in back)
        assert all(c["extra_content"] for message in back for c in message["tool_calls"])
    if api == "responses":
        assert [item["type"] for item in last if "encrypted_content" in item]
        assert all(body["store"] is False for body in sent)
    if api == "text":
        assert not [body for body in sent if "tools" in body]
        assert {message["role"] for message in last} == {"system", "user", "assistant"}


@pytest.mark.parametrize(
    ("stub", "path", "native"),
    [
        ({}, "/v1/chat/completions", True),
        ({"tools": False}, "/v1/chat/completions", False),
        ({"apis": ("responses",)}, "/v1/responses", True),
    ],
)
def test_the_wire_that_fits_is_found_by_itself_and_remembered(
    live: Live, stub: dict[str, Any], path: str, native: bool
) -> None:
    vars(live.stub).update(stub)
    assert live.solve().status == "verified"
    assert bool(live.stub.asked(path)[-1].get("tools")) is native
    probes = sum("ready" in json.dumps(body) for _, body in live.stub.requests)

    assert live.solve().status == "verified"
    assert sum("ready" in json.dumps(body) for _, body in live.stub.requests) == probes


@pytest.mark.parametrize(
    "faults",
    [
        [fails(429, "slow down", {"Retry-After": "0"})] * 2,
        [fails(500, "oops"), None, fails(503, "oops")],
        [cut_in_the_middle, None, malformed],
        [hang_up, empty],
    ],
)
def test_troubles_that_pass_change_nothing_but_the_cost(live: Live, faults: list[Any]) -> None:
    result = live.solve(faults)

    assert result.status == "verified"
    live.assert_paid(result)


def test_broken_arguments_and_unknown_tools_are_told_to_the_model(live: Live) -> None:
    broken = {"tool_calls": [{"name": "edit", "arguments": '{"path": "calc.py", "old'}]}
    live.says = [broken, act("teleport", to="the fix"), *REVIEWED]
    result = live.solve()

    assert result.status == "verified"
    seen = outcomes(live.recorded.attempts[0])
    assert seen[0].text.startswith("The arguments of edit are wrong")
    assert seen[1].text.startswith("There is no tool 'teleport'. The tools are: bash,")
    assert [one.error for one in seen[:3]] == [True, True, False]
    live.assert_paid(result)


def test_what_came_of_each_action_is_on_record(live: Live) -> None:
    live.says = [act("bash", command="echo 1 > notes.txt; exit 3"), *REVIEWED]
    live.solve()
    (attempt,) = live.recorded.attempts
    first, read, mend, tests, review, last = (act for turn in attempt.turns for act in turn.acts)
    seen = first.outcome
    assert seen is not None
    assert (seen.exit_code, seen.changed, seen.failed) == (3, ("notes.txt",), True)
    assert [one.outcome and one.outcome.changed for one in (read, mend, tests, review)] == [
        (),
        ("calc.py",),
        (),
        (),
    ]
    assert tests.outcome is not None
    assert tests.outcome.tests == TestCounts(passed=1, failed=1)
    assert (last.action.name, last.outcome) == ("submit", None), "it ended the attempt"
    log = (live.bench.task / "attempt-1.jsonl").read_text()
    assert log.count("notes.txt; exit 3") == 1, "a reply is written once"
    assert all(log.count(json.dumps(one.text)) == 1 for one in outcomes(attempt))
    assert '"error":false' not in log, "what has its default value is left out"


def test_parallel_calls_are_all_answered(live: Live) -> None:
    both = {"tool_calls": act("read", path="calc.py")["tool_calls"] + MEND["tool_calls"]}
    live.says = [both, SUBMIT, SUBMIT]
    assert live.solve().status == "verified"
    answered = [m.tool_call_id for m in live.recorded.attempts[0].messages if m.role == "tool"]
    assert len(set(answered)) == len(answered) == 3


def test_a_refusal_ends_the_attempt_with_its_words(live: Live) -> None:
    live.says = [{"content": "I cannot help with that.", "finish": "content_filter"}]
    result = live.solve()
    assert result.status == "no_patch"
    assert live.end == ("refusal", "the model refused: I cannot help with that.")


def test_a_reply_cut_by_its_limit_is_asked_for_in_smaller_parts(live: Live) -> None:
    live.says = [{"content": "First of all, the history", "finish": "length"}, *REVIEWED]
    assert live.solve(reply_tokens=500).status == "verified"
    said = [m.content for m in live.recorded.attempts[0].messages if m.role == "user"]
    assert any("was cut at the limit" in words for words in said)
    asked = live.stub.asked("/v1/chat/completions")[1:]
    assert {body["max_tokens"] for body in asked} == {500}


def test_a_conversation_that_overflows_is_sent_shorter(live: Live) -> None:
    long = act("bash", command="seq 3000; echo the end")
    live.says = [long, long, act("read", path="calc.py"), *REVIEWED]
    overflow = fails(400, "maximum context length is 6000 tokens", code="context_length_exceeded")
    result = live.solve([None, None, None, overflow])

    assert result.status == "verified"
    steps = [step for step in live.recorded.attempts[0].steps if step.elided]
    assert steps
    sent = json.dumps(live.stub.requests[-1][1])
    assert "left out" in sent
    whole = [m for m in live.recorded.attempts[0].messages if m.id in steps[-1].elided]
    assert all("2999" in message.content for message in whole)


def test_a_window_that_the_server_tells_is_never_overflowed(live: Live) -> None:
    live.stub.window = 9000
    live.says = [*[act("bash", command=f"seq {n} 3000") for n in range(5)], *REVIEWED]
    assert live.solve(reply_tokens=1000).status == "verified"
    for body in live.stub.asked("/v1/chat/completions"):
        assert len(json.dumps(body)) // 4 < 8000


def test_money_that_is_used_up_ends_the_attempt_before_the_next_call(live: Live) -> None:
    live.says = [act("bash", command=f"echo {n}") for n in range(200)]
    result = live.solve(max_usd=0.03)

    assert live.end[0] == "usd"
    assert result.cost_usd is not None
    assert 0.02 < result.cost_usd <= 0.03
    live.assert_paid(result)
    said = [m.content for m in live.recorded.attempts[0].messages if m.role == "user"]
    assert any("Nearly used up: money." in words for words in said)


def test_what_was_done_when_a_budget_ends_is_a_candidate(live: Live) -> None:
    live.says = [MEND, *[act("bash", command=f"echo {n}") for n in range(20)]]
    result = live.solve(max_steps=6)
    assert live.end[0] == "steps"
    assert result.status == "verified"


def test_a_key_that_stops_working_keeps_the_work_and_the_run_goes_on_later(live: Live) -> None:
    revoked = fails(401, "revoked")
    live.says = [act("read", path="calc.py"), MEND, act("bash", command="true"), SUBMIT, SUBMIT]
    with pytest.raises(ModelLost, match="refused the key"):
        live.solve([None, None, None, revoked])

    task = live.recorded
    assert [one.end and one.end.reason for one in task.attempts] == ["model_lost"]
    assert "if values else 0.0" in task.candidates[0].patch
    assert task.failure is not None
    paid = live.stub.usd

    result = live.solve(output=live.bench.output)
    assert result.status == "verified"
    assert result.cost_usd == pytest.approx(live.stub.usd)
    assert live.stub.usd > paid


def test_a_model_that_goes_in_circles_is_stopped(live: Live) -> None:
    live.says = [act("read", path="calc.py")]
    live.solve()
    assert live.end[0] == "stuck"
    assert len(live.recorded.attempts[0].steps) == 5


def test_each_step_says_what_it_cost_and_can_be_rebuilt(live: Live) -> None:
    result = live.solve()
    task = live.recorded
    (attempt,) = task.attempts
    steps = [*attempt.steps, *(one for one in task.shared if isinstance(one, Step))]
    assert sum(step.usage.usd or 0.0 for step in steps) == pytest.approx(result.cost_usd)
    assert [step.conversation for step in steps if not step.replies] == ["probe"]
    sent = [body for _, body in live.stub.requests if "ready" not in json.dumps(body)][1:]
    by_id = {message.id: message for message in attempt.messages}
    for step, body in zip(attempt.steps, sent, strict=True):
        asked = [
            replace(by_id[one], content=step.elided.get(one, by_id[one].content))
            for one in step.sent
        ]
        rebuilt = Chat().body(Request(asked, attempt.header.tools, step.sampling, step.max_tokens))
        assert {"model": "stub", **rebuilt} == body


def test_wrong_words_are_told_before_any_work(live: Live, tmp_path: Path) -> None:
    for change, words in (
        ({"model": "gpt-none"}, "has no model 'gpt-none'"),
        ({"unsafe": False}, "without isolation"),
        ({"base_url": None, "keys": {}}, "there is no key for https://"),
    ):
        with pytest.raises(UserError, match=words):
            live.solve(**change)
        assert not live.bench.output.exists()
    with pytest.raises(ModelLost, match=r"nothing answers at http://127\.0\.0\.1:9"):
        live.solve(base_url="http://127.0.0.1:9/v1")
