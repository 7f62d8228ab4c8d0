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
from agent.messages import Message, Usage
from agent.model.scripted import replayed
from agent.trajectory.attempt import Attempt, Turn
from agent.trajectory.events import End, Event, Outcome, Step
from agent.trajectory.exports.attempt import trajectory_of
from agent.trajectory.exports.mini_swe_agent import mini_swe_agent_json
from agent.trajectory.exports.openai_messages import openai_lines
from agent.trajectory.formats.foreign import Answer, RecordedStep
from agent.trajectory.formats.loader import Environment, Trajectory, load
from agent.trajectory.reader import RecordedTask, load_task
from tests.recorded import EVENTS, PATCH
from tests.stub_server import Stub, fails, serving
from tests.test_free import REVIEWED, Live
from tests.test_solve import act
from tests.test_stored_replies import Start
from tests.trajectories import failed, outcomes, reasoning, reply, seen, thought
from tools.base import ToolCall

DATA = Path(__file__).parent / "data"
RECORDINGS = sorted(DATA.glob("*.traj*"))
EXAMPLE = DATA / "format-1" / "example"


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
    for told in replies[1]:
        same = by_words[told["content"] or ""]
        assert [one["command"] for one in same["extra"]["actions"]] == [
            one["command"] for one in told["extra"]["actions"]
        ]
        assert same["extra"]["cost"] == told["extra"]["cost"]
        assert [json.loads(one["function"]["arguments"]) for one in same["tool_calls"]] == [
            json.loads(one["function"]["arguments"]) for one in told["tool_calls"]
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
def turns(draw: st.DrawFn, number: int) -> Turn:
    names = [f"call-{number}.{place}" for place in range(1, draw(st.integers(0, 2)) + 1)]
    calls = [ToolCall(one, draw(st.sampled_from(["bash", "read"])), draw(ANY)) for one in names]
    some = st.builds(
        Answer,
        st.sampled_from(["", "of-no-call", *names]),
        ANY,
        st.none() | st.integers(-1, 255),
        st.booleans(),
        st.just(0.0) | SECONDS,
    )
    answers = tuple(draw(st.lists(some, max_size=4)))
    usage, seconds = draw(st.none() | USAGES), draw(st.none() | SECONDS)
    step = RecordedStep(draw(ANY), tuple(calls), answers, draw(ANY), usage, seconds)
    turn = step.turn(number)
    assert sorted(seen(turn)) == sorted(one.text for one in answers), "no answer is lost"
    return turn


@st.composite
def trajectories(draw: st.DrawFn) -> Trajectory:
    told = draw(st.lists(st.tuples(st.sampled_from(["system", "user"]), ANY), max_size=2))
    counted = draw(st.none() | USAGES)
    return Trajectory(
        id=draw(ANY.filter(bool)),
        agent=draw(st.sampled_from(["mini-swe-agent 1.15.0", "SWE-agent", "x y z"])),
        model=draw(ANY),
        opening=tuple(Message(f"m{at}", role, text) for at, (role, text) in enumerate(told)),  # type: ignore[arg-type]
        turns=tuple(draw(turns(number)) for number in range(1, draw(st.integers(0, 3)) + 1)),
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
    (attempt,), patch = task.attempts, task.candidates[0].patch
    run = trajectory_of(attempt, task.id, patch, "0.1.0")
    model = attempt.header.model
    assert (run.agent, run.id, run.model) == ("repair-agent 0.1.0", task.id, model)
    assert (run.submitted, run.patch) == (True, patch)
    assert [one.role for one in run.opening] == ["system", "user"]
    replies = [one for one in attempt.messages if one.role == "assistant"]
    assert [thought(turn) for turn in run.turns] == [one.content for one in replies]
    assert [[(c.name, c.arguments) for c in reply(turn).tool_calls] for turn in run.turns] == [
        [(c.name, c.arguments) for c in one.tool_calls] for one in replies
    ]
    assert [reasoning(turn) for turn in run.turns] == ["I think."] * len(replies)
    assert [one.exit_code for turn in run.turns[:2] for one in outcomes(turn)] == [3, -1]
    assert [failed(turn) for turn in run.turns[:2]] == [[True], [True]]
    assert [turn.step.usage for turn in run.turns] == [step.usage for step in attempt.steps]
    assert run.usage == attempt.usage
    told = [one.content for one in attempt.messages if one.role == "tool"]
    assert [one.text for turn in run.turns for one in outcomes(turn)] == told
    for turn in run.turns[:-1]:
        assert [one.action for one in outcomes(turn)] == [one.id for one in reply(turn).tool_calls]
    for ours, theirs in zip(attempt.turns, run.turns, strict=True):
        assert [one.content for one in ours.messages] == [one.content for one in theirs.messages]
        assert [one.role for one in ours.messages] == [one.role for one in theirs.messages]
        assert [(act.action.name, act.action.arguments) for act in ours.acts] == [
            (act.action.name, act.action.arguments) for act in theirs.acts
        ]
        for one, other in zip(outcomes(ours), outcomes(theirs), strict=True):
            assert other.failed == one.failed or one.tests, "counts of tests have no place there"
        assert [one.seconds for one in outcomes(ours)] == [one.seconds for one in outcomes(theirs)]
    assert again(tmp_path, run) == run
    with pytest.raises(UserError, match=r"is a run of repair-agent 0\.1\.0"):
        replayed(run)


def test_a_guided_attempt_tells_what_became_of_each_change(tmp_path: Path) -> None:
    task = load_task(EXAMPLE)
    for attempt in task.attempts:
        run = trajectory_of(attempt, task.id, PATCH)
        replies = [one for one in attempt.messages if one.role == "assistant"]
        assert [thought(turn) for turn in run.turns] == [one.content for one in replies]
        told = {one.action: one for one in attempt.events if isinstance(one, Outcome)}
        assert set(told) <= {one.id for one in replies}
        assert told
        for turn, said in zip(run.turns, replies, strict=True):
            if said.id in told:
                assert told[said.id].text in seen(turn)
        assert sum((turn.step.usage for turn in run.turns), Usage()) == attempt.usage
        assert again(tmp_path, run) == run


def test_a_killed_command_and_an_attempt_that_was_cut() -> None:
    events = [
        replace(one, text="output", timed_out=True, exit_code=-9)
        if isinstance(one, Outcome)
        else one
        for one in EVENTS
        if not isinstance(one, End)
    ]
    run = trajectory_of(Attempt(1, tuple(events)), "x", "")
    (turn,) = run.turns
    assert [(one.timed_out, one.exit_code, one.seconds) for one in outcomes(turn)] == [
        (True, -9, 0.5)
    ]
    assert failed(turn) == [True]
    assert (run.exit_status, run.submitted, run.patch) == ("interrupted", False, None)


def test_the_same_work_is_the_same_turn_whoever_recorded_it() -> None:
    (ours,) = Attempt(1, EVENTS).turns
    said = reply(ours)
    answers = [Answer(one.action, one.text, 0, seconds=one.seconds) for one in outcomes(ours)]
    step = RecordedStep(said.content, said.tool_calls, tuple(answers), "", ours.step.usage, 1.5)
    theirs = step.turn(1)
    assert [act.action for act in theirs.acts] == [act.action for act in ours.acts]
    assert [replace(one, message="") for one in outcomes(theirs)] == [
        replace(one, message="", changed=None) for one in outcomes(ours)
    ]
    assert (theirs.step.usage, theirs.step.seconds) == (ours.step.usage, ours.step.seconds)


def test_what_answers_no_call_is_heard_after_the_outcomes() -> None:
    call = ToolCall("a", "bash", "{}")
    answers = (
        Answer("", "a remark"),
        Answer("b", "of no call"),
        Answer("a", "1"),
        Answer("a", "2"),
    )
    turn = RecordedStep("so", (call,), answers).turn(1)
    assert [one.text for one in outcomes(turn)] == ["1"]
    assert [one.content for one in turn.heard] == ["a remark", "of no call", "2"]
    assert [one.content for one in turn.messages] == ["so", "1", "a remark", "of no call", "2"]


# OpenAI's messages


MESSAGES = TypeAdapter(list[ChatCompletionMessageParam])
TOOLS = TypeAdapter(list[ChatCompletionToolUnionParam])


def steps_of(events: Sequence[Event]) -> list[Step]:
    return [one for one in events if isinstance(one, Step)]


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
    (plain,) = conversations(live.recorded.attempts[0].events)
    last = asked(live)[-1]
    assert plain["messages"][:-1] == last["messages"]
    assert plain["tools"] == last["tools"]
    last_said = plain["messages"][-1]
    assert (last_said["role"], last_said["reasoning_content"]) == ("assistant", "I think.")
    assert [one["function"]["name"] for one in last_said["tool_calls"]] == ["submit"]
    (written,) = conversations(live.recorded.shared)
    assert "tools" not in written


def test_what_was_left_out_when_the_window_was_full_is_left_out(live: Live) -> None:
    long = act("bash", command="seq 3000; echo the end")
    live.says = [long, long, act("read", path="calc.py"), *REVIEWED]
    overflow = fails(400, "maximum context length is 6000 tokens", code="context_length_exceeded")
    live.solve([None, None, None, overflow])
    bodies = [body["messages"] for body in asked(live)]
    assert [step for step in live.recorded.attempts[0].steps if step.elided]
    lines = [plain["messages"] for plain in conversations(live.recorded.attempts[0].events)]
    assert 1 < len(lines) < len(bodies)
    assert all(line[:-1] in bodies for line in lines)
    told = [any(line[: len(body)] == body for line in lines) for body in bodies]
    assert [number for number, known in enumerate(told) if not known] == [2], "it did not fit"


def test_each_reply_to_a_narrow_question_is_a_line() -> None:
    start = Start([])
    start.work()
    steps = steps_of(start.log)
    several = [step for step in steps if len(step.replies) > 1]
    last = [plain["messages"][-1]["content"] for plain in conversations(start.log)]
    for one in (one for step in several for one in step.replies):
        assert one.content in last
    assert len(last) < sum(len(step.replies) for step in steps)


@pytest.mark.parametrize("number", range(4))
def test_lines_of_the_example_hold_every_request(number: int) -> None:
    task: RecordedTask = load_task(EXAMPLE)
    attempt = task.attempts[number]
    known = {one.id: one for one in attempt.messages}
    lines = [plain["messages"] for plain in conversations(attempt.events)]
    said = [[message["content"] for message in line] for line in lines]
    for step in attempt.steps:
        sent = [known[one].content for one in step.sent]
        for answer in step.replies:
            whole = [*sent, answer.content]
            assert any(line[: len(whole)] == whole for line in said)
    replies = {(one.sent, x.content) for one in steps_of(task.shared) for x in one.replies}
    assert len(conversations(task.shared)) == len(replies) > 1


def test_words_that_are_no_unicode_can_still_be_written() -> None:
    odd = Message("m1", "assistant", "caf\udce9")
    events = [
        replace(one, replies=(odd,), elided={}) if isinstance(one, Step) else one for one in EVENTS
    ]
    (line,) = openai_lines(events)
    assert json.loads(line.encode())["messages"][-1]["content"] == "caf\udce9"


def test_a_request_whose_message_is_gone_is_named() -> None:
    events = [one for one in EVENTS if getattr(one, "id", "") != "m0"]
    with pytest.raises(UserError, match="request s1 cannot be rebuilt: message m0 is not in"):
        list(openai_lines(events))
