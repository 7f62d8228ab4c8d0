"""What is sent when a window fills."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.conversation.context_window import FILLED_TO, KEPT, Window, issue_text
from agent.messages import Message
from tools.base import EpisodeOver, ToolCall


def talk(*sizes: int) -> list[Message]:
    """Return a conversation with an observation of each size."""
    messages = [Message("m0", "system", "rules"), Message("m1", "user", "the issue")]
    for number, size in enumerate(sizes):
        call = ToolCall(f"c{number}", "read", f'{{"path": "file{number}.py"}}')
        messages.append(Message(f"m{len(messages)}", "assistant", "I look.", (call,)))
        text = f"{number} " + "x" * size
        messages.append(Message(f"m{len(messages)}", "tool", text, tool_call_id=call.id))
    return messages


def test_what_fits_is_sent_whole() -> None:
    messages = talk(1000, 1000)
    view = Window(4000, 500).view(messages)
    assert (view.messages, view.elided) == (tuple(messages), {})


def test_an_unknown_window_leaves_nothing_out() -> None:
    assert Window(None, 500).view(talk(*[100_000] * 10)).elided == {}


def test_the_oldest_observations_make_room_and_say_what_they_were() -> None:
    messages = talk(*[3000] * 6)
    view = Window(5000, 500).view(messages)
    left_out = list(view.elided)
    assert left_out[:2] == ["m3", "m5"]
    assert set(left_out) < {message.id for message in messages if message.role == "tool"}
    assert 'read {"path": "file0.py"}' in view.messages[3].content
    assert view.messages[-1] == messages[-1]
    assert view.tokens <= 5000 - 500
    assert messages[3].content.startswith("0 xxx")


def test_requests_begin_alike_until_the_window_fills_again() -> None:
    messages = talk(*[3000] * 40)
    window = Window(10_000, 1000)
    beginnings = []
    for end in range(4, len(messages) + 1, 2):
        beginnings.append(
            tuple(message.content for message in window.view(messages[:end]).messages)
        )
    broken = sum(later[: len(earlier)] != earlier for earlier, later in pairwise(beginnings))
    assert broken <= 12
    assert FILLED_TO < 1


def test_a_single_observation_that_is_too_long_is_cut() -> None:
    messages = talk(100_000)
    view = Window(4000, 500).view(messages)
    assert "characters left out" in view.messages[3].content
    assert view.tokens <= 3500


def test_an_issue_leaves_room_for_the_work() -> None:
    text = "begin " + "x" * 100_000 + " end"
    assert issue_text(text, None) == text
    short = issue_text(text, 4000)
    assert len(short) < 6000
    assert short.startswith("begin")
    assert short.endswith("end")


def test_what_cannot_fit_ends_the_attempt() -> None:
    messages = [Message("m0", "user", "x" * 100_000)]
    with pytest.raises(EpisodeOver) as over:
        Window(4000, 500).view(messages)
    assert over.value.reason == "context"


def test_the_server_corrects_the_estimate() -> None:
    window = Window(4000, 500)
    view = window.view(talk(1000))
    window.learn(view, view.tokens * 2)
    assert window.view(talk(1000)).tokens == pytest.approx(view.tokens * 2, rel=0.1)


def test_a_request_that_overflowed_is_smaller_the_next_time() -> None:
    messages, window = talk(*[3000] * 6), Window(None, 500)
    first = window.view(messages)
    window.overflowed(first, None, None)
    second = window.view(messages)
    window.overflowed(second, 9000, 4096)
    third = window.view(messages)
    assert first.tokens > second.tokens
    assert len(third.elided) > len(second.elided) > 0
    assert window.tokens == 4096


@given(st.lists(st.integers(0, 20_000), max_size=12), st.integers(1500, 8000))
@example([3288], 1500)  # too long by less than the line that says what is missing
def test_a_view_fits_or_the_attempt_ends(sizes: list[int], tokens: int) -> None:
    messages = talk(*sizes)
    window = Window(tokens, 500)
    try:
        view = window.view(messages)
    except EpisodeOver:
        assert len(messages) > KEPT
        return
    assert view.tokens <= tokens - window.kept_free
    assert [message.id for message in view.messages] == [message.id for message in messages]
    for before, after in zip(messages, view.messages, strict=True):
        assert before.role == "tool" or before == after
