"""Turns of our logs and of other agents' files are alike, and facts are on record."""

from __future__ import annotations

from pathlib import Path

from agent.inspector.step_view import step_of
from agent.messages import Message, Sampling, Usage
from agent.trajectory.attempt import Act, Turn, latest_start, turns_of
from agent.trajectory.encoding import as_json, line_of
from agent.trajectory.events import CHANGE, Action, Event, Header, Outcome, Step
from agent.trajectory.formats.foreign import Answer, RecordedStep
from agent.trajectory.indexed_log import IndexedLog
from agent.trajectory.reader import read_events, read_task
from tests.test_solve import MEND, SUBMIT, WROTE, Bench, act
from tools.base import TestCounts, ToolCall

LS = ToolCall("t1", "bash", '{"command": "ls"}')


def step(number: int, *replies: Message) -> Step:
    usage = Usage(9, 2)
    return Step(f"s{number}", "attempt-1", (), {}, Sampling(), "", replies, usage, 1.5)


def test_a_turn_of_ours_equals_one_of_another_agents() -> None:
    reply = Message("r1", "assistant", "I look", (LS,))
    ours = turns_of(
        [
            step(1, reply),
            Outcome(action="t1", message="r1.1", text="a.py", exit_code=2, seconds=0.5),
            Message("r1.2", "user", "go on"),
        ]
    )
    answers = (Answer("t1", "a.py", 2, seconds=0.5), Answer("", "go on"))
    theirs = RecordedStep("I look", (LS,), answers, usage=Usage(9, 2), seconds=1.5).turn(1)
    (turn,) = ours
    assert turn == theirs
    assert [one.content for one in turn.messages] == ["I look", "a.py", "go on"]
    assert step_of(turn).failed


def test_a_turn_has_an_act_for_each_call_and_each_sample() -> None:
    samples = [Message(f"m{number}", "assistant", f"change {number}") for number in (1, 2, 3)]
    asked = step(1, *samples)
    events: list[Event] = [
        asked,
        Action("m1", CHANGE, sample=1, root=1),
        Outcome(action="m1", text="2 fail", trial="fails", changed=("a.py",)),
        Action("m3", CHANGE),
        Outcome(action="m3", text="no such lines", trial="unusable", changed=()),
    ]
    (turn,) = turns_of(events)
    first, second, third = turn.acts
    assert first.outcome == events[2]
    assert second == Act(Action("m2", CHANGE), None), "nothing came of it"
    assert third.action == events[3]
    shown = step_of(turn)
    assert [one.name for one in shown.acts] == ["sample 1", "reply 2 of 3", "reply 3 of 3"]
    assert [one.failed for one in shown.acts] == [True, False, True]
    assert [one.edits for one in shown.acts] == [True, False, False]


def test_an_action_without_an_outcome_is_there() -> None:
    (turn,) = turns_of([step(1, Message("m1", "assistant", "", (LS,)))])
    assert turn == Turn(1, turn.step, (Act(Action("t1", "bash", LS.arguments), None),))
    assert not step_of(turn).failed


def test_an_index_reads_the_turns_that_the_whole_log_has(tmp_path: Path) -> None:
    header = Header(1, "free", "m", 0, 0.0, "i", [])
    reply = Message("m1", "assistant", "", (LS,))
    last = Message("m3", "assistant", "done")
    seen = Outcome(action="t1", message="m2", text="a.py", exit_code=0)
    events: list[Event] = [header, Message("m0", "user", "x"), step(1, reply), seen, step(2, last)]
    path = tmp_path / "attempt-1.jsonl"
    path.write_bytes(b"".join(as_json(line_of(event)) for event in events))
    attempt = latest_start(read_events(path))
    index = IndexedLog(path)
    assert attempt is not None
    assert tuple(index.turn(number) for number in (1, 2)) == attempt.turns
    assert len(attempt.turns) == len(index) == 2


def test_what_tools_did_is_on_record(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    script = [
        act("bash", command="exit 3"),
        act("bash", command="echo '# more' >> calc.py"),
        MEND,
        act("run_tests", tests=["tests"]),
        act("read", path="calc.py"),
        SUBMIT,
    ]
    bench.solve({**WROTE, "attempt-1": script})
    (attempt,) = read_task(bench.task).attempts
    outcomes = [one.outcome for turn in attempt.turns for one in turn.acts if one.outcome]
    ended, wrote, mended, tested, read, *_ = outcomes
    assert (ended.exit_code, ended.changed, ended.failed) == (3, (), True)
    assert (wrote.exit_code, wrote.changed, wrote.failed) == (0, ("calc.py",), False)
    assert (mended.exit_code, mended.changed) == (None, ("calc.py",))
    assert tested.tests == TestCounts(passed=1, failed=1)
    assert tested.failed
    assert read.changed == ()
