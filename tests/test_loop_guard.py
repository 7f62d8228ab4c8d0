"""What a model hears between its steps, and what ends an attempt."""

from __future__ import annotations

import pytest

from agent.messages import Message, Usage
from agent.model.budget import Budget, Limits
from agent.planner.loop_guard import MOST_SILENT_REPLIES, REPEATED, STUCK, Advice
from agent.trajectory.events import Outcome
from tools.base import EpisodeOver, ToolCall


def advice(limits: Limits | None = None) -> Advice:
    return Advice(Budget(limits or Limits()).allowance(), "call a tool")


def act(arguments: str = "{}") -> Message:
    return Message("m", "assistant", "", (ToolCall("c", "bash", arguments),))


def seen(text: str = "fine", *, error: bool = False) -> list[Outcome]:
    return [Outcome(action="c", text=text, error=error)]


def test_a_step_like_any_other_needs_no_words() -> None:
    assert advice()(act(), seen()) == ""


def test_a_reply_without_a_call_hears_how_one_looks_and_three_end_the_attempt() -> None:
    say = advice()
    silent = Message("m", "assistant", "I think")
    for _ in range(MOST_SILENT_REPLIES - 1):
        assert say(silent, []) == "call a tool"
    assert say(act(), seen()) == ""
    for _ in range(MOST_SILENT_REPLIES - 1):
        say(silent, [])
    with pytest.raises(EpisodeOver) as over:
        say(silent, [])
    assert over.value.reason == "format"


def test_the_same_action_again_and_again_is_told_and_then_ends() -> None:
    say = advice()
    heard = [say(act(), seen(str(number))) for number in range(STUCK - 1)]
    assert [bool(words) for words in heard] == [
        number + 1 >= REPEATED for number in range(STUCK - 1)
    ]
    with pytest.raises(EpisodeOver) as over:
        say(act(), seen())
    assert over.value.reason == "stuck"


def test_the_same_error_counts_though_the_actions_differ() -> None:
    say = advice()
    heard = [say(act(str(n)), seen(f"no such file\n{n}", error=True)) for n in range(REPEATED)]
    assert heard[-1]
    assert not any(heard[:-1])


def test_a_change_of_action_starts_the_count_again() -> None:
    say = advice()
    for number in range(3 * STUCK):
        assert say(act(str(number // 2)), seen("failed", error=number % 2 == 0)) == ""


def test_a_cut_reply_hears_why() -> None:
    heard = advice()(Message("m", "assistant", "so", finish="length"), [])
    assert "cut" in heard
    assert "call a tool" not in heard


def test_a_second_refusal_ends_with_its_words() -> None:
    say, refusal = advice(), Message("m", "assistant", "I cannot", finish="refusal")
    assert say(refusal, []) == "call a tool"
    with pytest.raises(EpisodeOver, match="I cannot") as over:
        say(refusal, [])
    assert over.value.reason == "refusal"


def test_the_end_of_a_budget_is_told_once_for_each_attempt() -> None:
    say = advice(Limits(steps=10, tokens=1000))
    heard = []
    for number in range(10):
        say.budget.charge(Usage())
        heard.append(say(act(str(number)), seen()))
    assert [index for index, words in enumerate(heard) if words] == [8]
    assert "steps" in heard[8]
    say.budget = say.budget.budget.allowance()
    say.budget.charge(Usage(900, 0))
    assert "tokens" in say(act("again"), seen())
