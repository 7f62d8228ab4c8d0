"""Runs written for other programs: what they read is the same story, word for word."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolUnionParam
from pydantic import TypeAdapter

from agent.errors import UserError
from agent.model.scripted import replayed
from agent.records import Call, Message, Usage
from agent.trajectory.events import End, Event
from agent.trajectory.exports.attempt import trajectory_of
from agent.trajectory.exports.mini_swe_agent import mini_swe_agent_json
from agent.trajectory.exports.openai_messages import openai_lines
from agent.trajectory.formats.loader import Environment, Step, Trajectory, load
from agent.trajectory.reader import Log, RecordedTask, load_task
from tests.recorded import EVENTS, PATCH
from tests.stub_server import Stub, fails, serving
from tests.test_free import REVIEWED, Live
from tests.test_solve import act
from tests.test_stored_replies import Start
from tools.base import Observation, ToolCall

DATA = Path(__file__).parent / "data"
RECORDINGS = sorted(DATA.glob("*.traj*"))
EXAMPLE = DATA.parent.parent / "runs" / "example"


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with serving(Stub(lambda name, said: {})) as stub:
        yield Live(tmp_path, stub)


def again(folder: Path, recorded: Trajectory) -> Trajectory:
    path = folder / "again.traj.json"
    path.write_text(mini_swe_agent_json(recorded), encoding="utf-8")
    return load(path)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
def test_a_recording_is_written_and_read_back_the_same(tmp_path: Path, path: Path) -> None:
    recorded = load(path)
    back = again(tmp_path, recorded)
    assert back == recorded
    assert back.path == tmp_path / "again.traj.json"
    if recorded.agent.startswith("mini-swe-agent"):
        assert replayed(back) == replayed(recorded)
    else:
        with pytest.raises(UserError, match="is a run of SWE-agent"):
            replayed(back)


def test_all_the_formats_own_fields_are_there() -> None:
    ours = json.loads(mini_swe_agent_json(load(RECORDINGS[1])))
    theirs = json.loads(RECORDINGS[1].read_bytes())
    assert ours["trajectory_format"] == theirs["trajectory_format"] == "mini-swe-agent-1.1"
    assert ours["info"]["model_stats"] == theirs["info"]["model_stats"]
    for key in ("mini_version", "exit_status", "submission"):
        assert ours["info"][key] == theirs["info"][key]
    replies = [
        [one for one in file["messages"] if one["role"] == "assistant"] for file in (ours, theirs)
    ]
    assert len(replies[1]) == 5, "it keeps a refused reply in the refusal"
    by_words = {one["content"]: one for one in replies[0]}
    for reply in replies[1]:
        same = by_words[reply["content"] or ""]
        assert [one["command"] for one in same["extra"]["actions"]] == [
            one["command"] for one in reply["extra"]["actions"]
        ]
        assert same["extra"]["cost"] == reply["extra"]["cost"]
        assert [json.loads(one["function"]["arguments"]) for one in same["tool_calls"]] == [
            json.loads(one["function"]["arguments"]) for one in reply["tool_calls"]
        ]


ANY = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("\udc80\udcff\x00\n`"), max_size=8
)
USAGES = st.builds(
    lambda prompt, said, cached, usd: Usage(prompt, said, min(prompt, cached), usd),
    *[st.integers(0, 10**6)] * 3,
    st.none() | st.floats(0, 9),
)
SECONDS = st.floats(0.001, 1e5)


@st.composite
def steps(draw: st.DrawFn, number: int) -> Step:
    names = [f"call-{number}.{place}" for place in range(1, draw(st.integers(0, 2)) + 1)]
    calls = [ToolCall(one, draw(st.sampled_from(["bash", "read"])), draw(ANY)) for one in names]
    some = st.builds(Observation, st.sampled_from(["", *names]), ANY, st.booleans(), SECONDS)
    seen = draw(st.lists(some, max_size=3))
    statuses = tuple(draw(st.none() | st.integers(-1, 255)) for _ in seen)
    usage, seconds = draw(st.none() | USAGES), draw(st.none() | SECONDS)
    return Step(draw(ANY), tuple(calls), tuple(seen), statuses, draw(ANY), usage, seconds)


@st.composite
def trajectories(draw: st.DrawFn) -> Trajectory:
    told = draw(st.lists(st.tuples(st.sampled_from(["system", "user"]), ANY), max_size=2))
    counted = draw(st.none() | USAGES)
    return Trajectory(
        id=draw(ANY.filter(bool)),
        agent=draw(st.sampled_from(["mini-swe-agent 1.15.0", "SWE-agent", "x y z"])),
        model=draw(ANY),
        opening=tuple(Message(f"m{at}", role, text) for at, (role, text) in enumerate(told)),  # type: ignore[arg-type]
        steps=tuple(draw(steps(number)) for number in range(1, draw(st.integers(0, 3)) + 1)),
        exit_status=draw(st.sampled_from(["Submitted", "submitted", "", "x"])),
        submission=draw(ANY),
        environment=Environment({"A": draw(ANY)}, draw(SECONDS), ("bash", draw(ANY))),
        usd=draw(st.none() | st.floats(0, 9)),
        resolved=draw(st.none() | st.booleans()),
        counted=counted and replace(counted, usd=None),
    )


@given(trajectories())
def test_whatever_a_run_holds_it_is_read_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, recorded: Trajectory
) -> None:
    assert again(tmp_path_factory.mktemp("any"), recorded) == recorded


def test_an_attempt_of_ours_is_a_run_like_others(live: Live, tmp_path: Path) -> None:
    live.says = [act("bash", command="exit 3"), act("read", path="no.py"), *REVIEWED]
    live.solve()
    task = live.recorded
    (attempt,), (log,), patch = task.attempts, task.logs, task.candidates[0].patch
    run = trajectory_of(log, task.id, patch, "0.1.0")
    assert (run.agent, run.id, run.model) == ("repair-agent 0.1.0", task.id, attempt.model)
    assert (run.submitted, run.patch) == (True, patch)
    assert [one.role for one in run.opening] == ["system", "user"]
    replies = [one for one in attempt.messages if one.role == "assistant"]
    assert [step.thought for step in run.steps] == [one.content for one in replies]
    assert [[(c.name, c.arguments) for c in step.calls] for step in run.steps] == [
        [(c.name, c.arguments) for c in one.tool_calls] for one in replies
    ]
    assert [step.reasoning for step in run.steps] == ["I think."] * len(replies)
    assert [step.statuses for step in run.steps[:2]] == [(3,), (-1,)]
    assert [step.failed for step in run.steps[:2]] == [(True,), (True,)]
    assert [step.usage for step in run.steps] == [call.usage for call in attempt.calls]
    assert run.usage == attempt.usage
    told = [one.content for one in attempt.messages if one.role == "tool"]
    assert [o.text for s in run.steps for o in s.observations if o.call_id] == told
    for step in run.steps[:-1]:
        assert [seen.call_id for seen in step.observations][: len(step.calls)] == [
            call.id for call in step.calls
        ]
    assert again(tmp_path, run) == run
    with pytest.raises(UserError, match=r"is a run of repair-agent 0\.1\.0"):
        replayed(run)


def test_a_guided_attempt_tells_what_became_of_each_change(tmp_path: Path) -> None:
    task = load_task(EXAMPLE)
    for log, attempt in zip(task.logs, task.attempts, strict=True):
        run = trajectory_of(log, task.id, PATCH)
        replies = [one for one in attempt.messages if one.role == "assistant"]
        assert [step.thought for step in run.steps] == [one.content for one in replies]
        outcomes = {one.call_id: one for one in log.observations}
        for step, reply in zip(run.steps, replies, strict=True):
            if reply.id in outcomes:
                assert outcomes[reply.id].text in [seen.text for seen in step.observations]
                assert step.failed[0] == outcomes[reply.id].error
        assert sum((s.usage for s in run.steps if s.usage), Usage()) == attempt.usage
        assert again(tmp_path, run) == run


def test_a_killed_command_and_an_attempt_that_was_cut() -> None:
    killed = "output\n[killed after 60.0 s with everything it started; run less at once]"
    events = [
        replace(one, text=killed)
        if isinstance(one, Observation)
        else replace(one, content=killed)
        if isinstance(one, Message) and one.role == "tool"
        else one
        for one in EVENTS
        if not isinstance(one, End)
    ]
    run = trajectory_of(Log(1, tuple(events)), "x", "")
    (step,) = run.steps
    assert [(seen.error, seen.seconds) for seen in step.observations] == [(True, 0.5)]
    assert (run.exit_status, run.submitted, run.patch) == ("interrupted", False, None)


# OpenAI's messages


MESSAGES = TypeAdapter(list[ChatCompletionMessageParam])
TOOLS = TypeAdapter(list[ChatCompletionToolUnionParam])


def calls_of(events: Sequence[Event]) -> list[Call]:
    return [one for one in events if isinstance(one, Call)]


def conversations(events: Sequence[Event]) -> list[dict[str, Any]]:
    found = []
    for line in openai_lines(events):
        assert "\n" not in line
        plain = json.loads(line)
        assert set(plain) <= {"messages", "tools"}
        for message in MESSAGES.validate_python(plain["messages"]):
            if message["role"] == "assistant":
                list(message.get("tool_calls") or ())  # it is checked as it is gone through
        TOOLS.validate_python(plain.get("tools", []))
        found.append(plain)
    return found


def asked(live: Live) -> list[dict[str, Any]]:
    """Return the requests of the attempt: those after the probe and the test writer's."""
    bodies = [body for _, body in live.stub.requests if "ready" not in json.dumps(body)]
    return bodies[1:]


def test_a_free_attempt_is_one_line_with_all_that_was_sent(live: Live) -> None:
    live.solve()
    (plain,) = conversations(live.recorded.logs[0].events)
    last = asked(live)[-1]
    assert plain["messages"][:-1] == last["messages"]
    assert plain["tools"] == last["tools"]
    reply = plain["messages"][-1]
    assert (reply["role"], reply["reasoning_content"]) == ("assistant", "I think.")
    assert [one["function"]["name"] for one in reply["tool_calls"]] == ["submit"]
    shared = [one for one in live.recorded.shared if not isinstance(one, Observation)]
    (written,) = conversations(shared)
    assert "tools" not in written


def test_what_was_left_out_when_the_window_was_full_is_left_out(live: Live) -> None:
    long = act("bash", command="seq 3000; echo the end")
    live.says = [long, long, act("read", path="calc.py"), *REVIEWED]
    overflow = fails(400, "maximum context length is 6000 tokens", code="context_length_exceeded")
    live.solve([None, None, None, overflow])
    bodies = [body["messages"] for body in asked(live)]
    calls = [call for call in live.recorded.attempts[0].calls if call.elided]
    assert calls
    lines = [plain["messages"] for plain in conversations(live.recorded.logs[0].events)]
    assert 1 < len(lines) < len(bodies)
    assert all(line[:-1] in bodies for line in lines)
    told = [any(line[: len(body)] == body for line in lines) for body in bodies]
    assert [number for number, known in enumerate(told) if not known] == [2], "it did not fit"


def test_each_reply_to_a_narrow_question_is_a_line() -> None:
    start = Start([])
    start.work()
    calls = calls_of(start.log)
    several = [call for call in calls if len(call.replies) > 1]
    last = [plain["messages"][-1]["content"] for plain in conversations(start.log)]
    for reply in (reply for call in several for reply in call.replies):
        assert reply.content in last
    assert len(last) < sum(len(call.replies) for call in calls)


@pytest.mark.parametrize("number", range(4))
def test_lines_of_the_example_hold_every_request(number: int) -> None:
    task: RecordedTask = load_task(EXAMPLE)
    log, known = task.logs[number], {one.id: one for one in task.attempts[number].messages}
    lines = [plain["messages"] for plain in conversations(log.events)]
    said = [[message["content"] for message in line] for line in lines]
    for call in task.attempts[number].calls:
        sent = [known[one].content for one in call.sent]
        for reply in call.replies:
            whole = [*sent, reply.content]
            assert any(line[: len(whole)] == whole for line in said)
    replies = {(one.sent, x.content) for one in calls_of(task.shared) for x in one.replies}
    assert len(conversations(task.shared)) == len(replies) > 1


def test_words_that_are_no_unicode_can_still_be_written() -> None:
    reply = Message("", "assistant", "caf\udce9")
    events = [
        replace(one, replies=(reply,), elided={}) if isinstance(one, Call) else one
        for one in EVENTS
    ]
    (line,) = openai_lines(events)
    assert json.loads(line.encode())["messages"][-1]["content"] == "caf\udce9"


def test_a_request_whose_message_is_gone_is_named() -> None:
    events = [one for one in EVENTS if getattr(one, "id", "") != "m0"]
    with pytest.raises(UserError, match="request c1 cannot be rebuilt: message m0 is not in"):
        list(openai_lines(events))
