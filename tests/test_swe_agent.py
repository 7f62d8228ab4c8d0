"""SWE-agent's recordings, of both its forms, and the door that tells them from mini-swe-agent's."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import UserError
from agent.messages import Usage
from agent.model import scripted
from agent.trajectory.formats.loader import Trajectory, is_trajectory, load
from tests.trajectories import REAL, failed, file_of, outcomes, reasoning, reply, seen, thought
from tests.trajectories import commands as commands_of

DATA = Path(__file__).parent / "data"
NEW = DATA / "6e44b9__sweagenttestrepo-1c2844.traj.gz"
OLD = DATA / "pydicom__pydicom-1458.traj.gz"


def read(folder: Path, plain: object, name: str = "x.traj") -> Trajectory:
    path = folder / name
    path.write_bytes(plain if isinstance(plain, bytes) else json.dumps(plain).encode())
    return load(path)


def did(action: str = "ls", observation: Any = "calc.py", **more: Any) -> dict[str, Any]:
    return {"action": action, "observation": observation, "thought": "I look.", **more}


def commands(run: Trajectory) -> list[str]:
    return [command for turn in run.turns for command in commands_of(turn)]


def test_a_run_of_1x_is_read_whole() -> None:
    run = load(NEW)
    assert (run.id, run.agent, run.model) == (
        "6e44b9__sweagenttestrepo-1c2844",
        "SWE-agent",
        "gpt-4o",
    )
    assert [message.role for message in run.opening] == ["system", "user"]
    assert "missing_colon.py" in run.opening[1].content
    assert commands(run)[0] == "find_file missing_colon.py"
    assert commands(run)[-1] == "submit"
    assert [len(seen(turn)) for turn in run.turns] == [1] * 5
    assert outcomes(run.turns[1])[0].text.endswith("print(division(123, 15))\n10:")
    assert outcomes(run.turns[1])[0].text.count("\n") == 10
    assert not any("\r" in text for turn in run.turns for text in seen(turn))
    assert outcomes(run.turns[3])[0].text == "8.2"
    assert outcomes(run.turns[3])[0].seconds == pytest.approx(0.2926, abs=1e-4)
    assert run.submitted
    assert run.usage == Usage(7141, 243, 0, run.usd)
    assert run.usd == pytest.approx(0.01952)
    assert run.path == NEW


def test_a_patch_that_came_through_a_terminal_can_be_applied() -> None:
    patch = load(NEW).patch
    assert patch is not None
    assert patch.startswith("diff --git a/tests/missing_colon.py")
    assert "\r" not in patch
    assert "\n+def division(a: float, b: float) -> float:\n" in patch


def test_a_run_of_0x_is_read_whole() -> None:
    run = load(OLD)
    assert (run.id, run.model, len(run.turns)) == ("pydicom__pydicom-1458", "unknown", 12)
    assert [message.role for message in run.opening] == ["system", "user", "user"]
    assert run.opening[1].content.startswith("Here is a demonstration")
    assert thought(run.turns[0]).startswith("First, I'll create a new Python script")
    assert "```" not in thought(run.turns[0])
    assert "unmatched ']'" in outcomes(run.turns[5])[0].text
    assert outcomes(run.turns[10])[0].text == ""
    assert run.patch is not None
    assert run.patch.startswith("diff --git a/pydicom/pixel_data_handlers/numpy_handler.py")
    assert run.usage == Usage(122612, 1369, 0, 1.26719)


def test_what_is_unknown_is_told_apart_from_what_cost_nothing(tmp_path: Path) -> None:
    stats = {"instance_cost": 0, "tokens_sent": 0, "tokens_received": 0, "api_calls": 0}
    run = read(tmp_path, {"trajectory": [did()], "history": [], "info": {"model_stats": stats}})
    assert (run.usd, run.usage, run.resolved, run.exit_status) == (None, None, None, "")
    assert (run.turns[0].step.seconds, run.turns[0].step.usage) == (0.0, Usage())
    assert outcomes(run.turns[0])[0].exit_code is None


def test_carriage_returns_of_a_file_stay(tmp_path: Path) -> None:
    steps = [did("cat dos", "a\r\r\nb\r\r\n"), did("cat mixed", "a\r\nb\n")]
    run = read(tmp_path, {"trajectory": steps})
    assert [outcomes(turn)[0].text for turn in run.turns] == ["a\r\nb\r\n", "a\r\nb\n"]


def test_killed_commands_and_refused_replies(tmp_path: Path) -> None:
    new = "The command 'sleep 99' was cancelled because it took more than 30 seconds. Try less."
    old = "some output\nEXECUTION TIMED OUT"
    steps = [
        did("sleep 99", new),
        did("sleep 9", old),
        did("grep -r 'EXECUTION TIMED' .", "the words EXECUTION TIMED OUT stand in a file"),
        {"action": "", "observation": "", "thought": "", "response": "No command here."},
        did("submit", None),
    ]
    info = {"exit_status": "submitted (exit_cost)", "resolved": True, "submission": "the flag"}
    run = read(tmp_path, {"trajectory": steps, "info": info})
    assert [any(failed(turn)) for turn in run.turns] == [True, True, False, False, False]
    assert (thought(run.turns[3]), reply(run.turns[3]).tool_calls) == ("No command here.", ())
    assert seen(run.turns[4]) == [""]
    assert (run.submitted, run.resolved, run.patch) == (False, True, None)


def test_configuration_as_text_thinking_and_query(tmp_path: Path) -> None:
    config = json.dumps({"agent": {"model": {"name": "claude"}}})
    query = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Repair it."}]
    told = [{"role": "assistant", "content": "", "thinking_blocks": [{"thinking": "Hm."}]}]
    steps = [did(query=query)]
    run = read(tmp_path, {"trajectory": steps, "replay_config": config})
    assert run.model == "claude"
    assert [(one.role, one.content) for one in run.opening] == [
        ("system", "Be brief."),
        ("user", "Repair it."),
    ]
    run = read(tmp_path, {"trajectory": steps, "history": told})
    assert reasoning(run.turns[0]) == "Hm."


def test_of_several_attempts_the_chosen_or_the_last_is_read(tmp_path: Path) -> None:
    attempts = [{"trajectory": [did("ls")]}, {"trajectory": [did("pwd")]}]
    assert commands(read(tmp_path, {"attempts": attempts})) == ["pwd"]
    assert commands(read(tmp_path, {"attempts": attempts, **attempts[0]})) == ["ls"]


def test_what_a_file_holds_counts_more_than_its_name(tmp_path: Path) -> None:
    mini = gzip.decompress(REAL.read_bytes())
    assert read(tmp_path, mini, "sympy__sympy-13480.traj").turns == load(REAL).turns
    swe = gzip.decompress(NEW.read_bytes())
    assert read(tmp_path, swe, "6e44b9__sweagenttestrepo-1c2844.traj") == load(NEW)
    assert read(tmp_path, swe, "run.traj.json").turns == load(NEW).turns
    for name in ("a.traj", "a.traj.gz", "a.traj.json", "a.traj.json.gz"):
        assert is_trajectory(Path(name))
    for name in ("a.json", "a.jsonl", "traj", "preds.json"):
        assert not is_trajectory(Path(name))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"not json", "is not whole JSON: Expecting value"),
        (b"", "is not whole JSON: it is empty"),
        (gzip.decompress(NEW.read_bytes())[:9000], "is not whole JSON: it ends in the middle"),
        (b'{"trajectory": [', "is not whole JSON: it ends in the middle"),
        (b"[" * 100_000, "is not whole JSON"),
        (b"\x1f\x8b\x08\x00", "is not whole JSON"),
        ([], "is JSON, but no object"),
        ({"history": []}, "has no list of steps, 'trajectory'"),
        ({"trajectory": {}}, "is wrong at trajectory"),
        ({"trajectory": ["ls"]}, "is wrong at trajectory[0]"),
        ({"trajectory": [{"action": 7}]}, "is wrong at trajectory[0].action"),
        ({"attempts": ["x"]}, "is wrong at"),
        ({"trajectory_format": "mini-swe-agent-9"}, "is in the format 'mini-swe-agent-9'"),
    ],
)
def test_a_file_that_is_none_is_the_users_to_mend(
    tmp_path: Path, content: object, told: str
) -> None:
    with pytest.raises(UserError) as error:
        read(tmp_path, content)
    assert told in error.value.message
    assert "x.traj" in error.value.message
    assert "SWE-agent" in error.value.hint or "mini-swe-agent" in error.value.hint
    assert "\n" not in error.value.message


def test_bytes_that_are_no_text_can_be_read(tmp_path: Path) -> None:
    raw = json.dumps({"trajectory": [did("cat x", "A")]}).encode()
    run = read(tmp_path, raw.replace(b'"A"', b'"caf\xe9 \xff"'))
    assert outcomes(run.turns[0])[0].text == "caf\udce9 \udcff"
    mini = json.dumps(file_of({"role": "user", "content": "B"})).encode()
    run = read(tmp_path, mini.replace(b'"B"', b'"\xff"'), "x.traj.json")
    assert run.opening[2].content == "\udcff"


def test_a_run_of_swe_agent_is_not_replayed() -> None:
    with pytest.raises(UserError) as error:
        scripted.load(NEW)
    assert "is a run of SWE-agent, whose tools are not those of this agent" in error.value.message
    assert "\n" not in error.value.message


def places(plain: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = plain.items() if isinstance(plain, dict) else enumerate(plain)
    for key, value in inner:
        yield (*way, key)
        if isinstance(value, (dict, list)):
            yield from places(value, (*way, key))


REAL_FILES = [
    json.loads(gzip.decompress(NEW.read_bytes())),
    json.loads((DATA / "mini-swe-agent-2.4.6.traj.json").read_bytes()),
]
ODD: list[Any] = [
    None,
    True,
    -1,
    10**400,
    float("nan"),
    float("inf"),
    "x",
    "\udc80",
    [],
    [[]],
    {},
    {"x": {}},
]


@settings(max_examples=300)
@given(st.sampled_from(REAL_FILES), st.data())
def test_whatever_stands_in_a_file_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, real: dict[str, Any], data: st.DataObject
) -> None:
    plain = copy.deepcopy(real)
    way = data.draw(st.sampled_from(list(places(plain))))
    held = plain
    for key in way[:-1]:
        held = held[key]
    held[way[-1]] = data.draw(st.sampled_from(ODD))
    try:
        run = read(tmp_path_factory.mktemp("any"), plain)
    except UserError:
        return
    assert [turn.number for turn in run.turns] == list(range(1, len(run.turns) + 1))
    assert all(failed(turn) is not None and len(turn.step.replies) == 1 for turn in run.turns)
    assert run.usage is None or isinstance(run.usage.prompt, int)
