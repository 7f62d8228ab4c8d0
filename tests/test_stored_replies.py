"""Conversations cut after every single event of theirs, and begun again with what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from agent.conversation.context_window import Window
from agent.conversation.conversation import Conversation
from agent.conversation.stored_replies import StoredReplies, stored
from agent.messages import Message, Sampling, Usage
from agent.model.budget import Budget, Limits
from agent.model.protocol import Capabilities, Replies, Request, digest, estimate
from agent.trajectory.attempt import latest_shared, messages_of, spent_on
from agent.trajectory.events import Event, Header, Note, Step
from tools.base import EpisodeOver, ToolCall, ToolResult

ROUNDS = 8
LONG = "a line of output, and another, and so on\n" * 40


@dataclass
class Counting:
    """A model that counts what it is asked and says what number of reply it is."""

    name = "counting"
    opening = Usage()
    capabilities = Capabilities(context=3000)
    requests: list[str] = field(default_factory=list)

    def cost(self, prompt: int, completion: int) -> float | None:
        return (prompt + 4 * completion) / 1e6

    def reply(self, request: Request) -> Replies:
        messages, n = request.messages, request.sampling.n
        self.requests.append(digest(request))
        number = sum(message.role == "assistant" for message in messages)
        call = ToolCall(f"t{len(self.requests)}", "bash", f'{{"command": "step {number}"}}')
        prompt = int(sum(estimate(one.content) for one in messages) * 1.3)
        usage = Usage(prompt, 10 * n, 0, self.cost(prompt, 10 * n))
        said = [Message("", "assistant", f"step {number}.{at}", (call,)) for at in range(n)]
        return Replies(tuple(said), usage, prompt)


@dataclass
class Start:
    """One start of the work, in a process of its own: its log, its budget, its conversation."""

    log: list[Event]
    model: Counting = field(default_factory=Counting)
    notes: list[str] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        paid = spent_on(self.log)
        found = StoredReplies(stored(tuple(self.log), "", "counting"), self.notes.append)
        self.budget = Budget(self.limits, usage=paid).allowance(stored=found.usage)
        self.talk = Conversation(
            "attempt-1", self.model, self.budget, Sampling(), self.log.append,
            Window(3000, 200), "", found,
        )  # fmt: skip

    def work(self, seen: str = LONG) -> list[Message]:
        """Drive to the end; each outcome has a time in it, as real ones have."""
        self.log.append(Header(1, "free", "counting", 0, 0.0, "i", []))
        self.talk.add("user", "repair this")
        for number in range(ROUNDS):
            reply = self.talk.ask()
            text = f"{number} {seen} in {0.01 * len(self.log):.2f}s at {id(reply):#x}"
            self.talk.observe(reply.tool_calls[0].id, ToolResult(text=text))
            if number % 4 == 3:
                last = self.talk.messages[-2:]
                self.talk.sample(last, Sampling(n=3), name=f"attempt-1.{number}")
        return self.talk.messages


def steps(events: Sequence[Event], *, served: bool) -> list[Step]:
    return [one for one in events if isinstance(one, Step) and one.served is served]


def paid(events: Sequence[Event]) -> Usage:
    return sum((step.usage for step in steps(events, served=False)), Usage())


@pytest.fixture(scope="module")
def whole() -> list[Event]:
    start = Start([])
    start.work()
    assert any(one.elided for one in steps(start.log, served=False)), "the window was filled"
    return start.log


def test_cut_after_any_event_it_asks_only_for_what_it_was_not_told(whole: list[Event]) -> None:
    asked = len(steps(whole, served=False))
    for cut in range(len(whole) + 1):
        log = whole[:cut]
        stored_now = len(steps(log, served=False))
        start = Start(log)
        messages = start.work()
        assert len(start.model.requests) == asked - stored_now
        assert len(steps(log, served=True)) == stored_now
        assert (start.notes, start.talk.stored.usage) == ([], Usage())
        assert [one.content.partition("\n")[0] for one in messages] == [
            one.content.partition("\n")[0] for one in messages_of(whole)
        ]
        again = log[cut:]
        assert [(one.id, one.sent, one.usage) for one in again if isinstance(one, Step)] == [
            (one.id, one.sent, one.usage) for one in whole if isinstance(one, Step)
        ]
        assert paid(log).usd == pytest.approx(start.budget.budget.usage.usd)
        assert paid(log).usd == pytest.approx(paid(whole).usd)
        assert start.talk.used.prompt == paid(whole).prompt


def test_cut_twice_it_still_asks_for_nothing_twice(whole: list[Event]) -> None:
    asked = len(steps(whole, served=False))
    for first, second in ((20, 6), (20, 15), (20, 25), (30, 40), (12, 1)):
        log = whole[:first]
        Start(log).work()
        log = log[: first + second]
        start = Start(log)
        start.work()
        assert len(steps(log, served=False)) == asked
        assert start.notes == []


def test_a_request_can_be_rebuilt_from_what_is_given_again(whole: list[Event]) -> None:
    log = list(whole)
    Start(log).work()
    again = log[len(whole) :]
    known = {one.id: one for one in messages_of(again)}
    for step in steps(again, served=True):
        sent = [
            replace(known[one], content=step.elided.get(one, known[one].content))
            for one in step.sent
        ]
        assert digest(Request(sent, [], step.sampling)) == step.digest


def test_from_the_first_difference_on_a_conversation_is_live(whole: list[Event]) -> None:
    log = list(whole)
    start = Start(log)
    start.work(seen=LONG.replace("another", "one more"))
    before = steps(whole, served=False)
    assert [step.id for step in steps(log, served=True)] == ["s1"]
    main = [step for step in before if step.conversation == "attempt-1"]
    lost = sum((step.usage for step in main[1:]), Usage())
    expected = "attempt-1 at s2: message m2 (tool) reads differently than before: the model is "
    expected += f"asked anew; {len(main) - 1} stored requests ({lost.prompt + lost.completion:,}"
    assert start.notes[0].startswith(expected)
    assert len(start.notes) == 3, "each conversation is lost once"
    assert paid(log).prompt > paid(whole).prompt
    assert start.budget.budget.usage.prompt == paid(log).prompt


def test_what_is_not_asked_for_again_is_told(whole: list[Event]) -> None:
    start = Start(list(whole))
    start.talk.stored.leave()
    assert "it ended sooner than before" in start.notes[0]
    assert start.talk.stored.usage == Usage()


def test_other_tools_parameters_and_models_get_no_stored_reply(whole: list[Event]) -> None:
    found = stored(whole, "", "counting")["attempt-1"][0]
    asked = Request(found.sent, [], found.step.sampling)
    assert found.difference(asked) == ""
    tools = [{"type": "function", "function": {"name": "bash"}}]
    assert "other tools" in found.difference(replace(asked, tools=tools))
    warmer = replace(asked, sampling=Sampling(temperature=0.7))
    assert "parameters" in found.difference(warmer)
    more = replace(asked, messages=(*found.sent, found.sent[0]))
    assert "number of messages" in found.difference(more)
    assert stored(whole, "", "another") == {}


def test_limits_of_money_do_not_hold_what_is_paid_and_steps_do(whole: list[Event]) -> None:
    spent = paid(whole)
    log = list(whole)
    start = Start(log, limits=Limits(tokens=spent.prompt + spent.completion))
    start.work()
    assert start.model.requests == []
    start = Start(list(whole), limits=Limits(steps=3))
    with pytest.raises(EpisodeOver) as over:
        start.work()
    assert (over.value.reason, start.budget.steps) == ("steps", 3)


def test_it_is_warned_of_a_limit_where_it_was_warned_before(whole: list[Event]) -> None:
    spent = paid(whole)
    budget = Budget(Limits(tokens=2 * (spent.prompt + spent.completion)), usage=spent + spent)
    assert "tokens" in budget.allowance().nearly_spent()
    again = budget.allowance(stored=spent)
    assert again.nearly_spent() == ""
    again.give_again(spent, 1.0)
    assert "tokens" in again.nearly_spent()


def test_a_given_reply_takes_the_time_that_it_took() -> None:
    budget = Budget(Limits(seconds=100.0), clock=lambda: 5.0)
    attempt = budget.allowance()
    attempt.give_again(Usage(1, 1), 99.0)
    assert (budget.seconds, attempt.steps, budget.usage) == (99.0, 1, Usage())
    assert attempt.seconds_left == pytest.approx(1.0)


def test_a_shared_log_reads_as_the_last_start_of_each_conversation() -> None:
    def said(name: str, text: str) -> Message:
        return Message(name, "user", text)

    log: tuple[Event, ...] = (
        said("reproduce-m0", "a"),
        said("reproduce-m1", "b"),
        said("localize-m0", "c"),
    )
    log += (said("reproduce-m0", "d"), said("localize-m1", "e"))
    assert [one.content for one in messages_of(latest_shared(log))] == ["c", "d", "e"]


def test_a_conversation_that_began_again_keeps_what_belongs_to_no_start() -> None:
    probe = Step("s0", "probe", (), {}, Sampling(), "", (), Usage(3, 1), 0.0)
    log: list[Event] = [probe, Message("reproduce-m0", "user", "a"), Note("reproduce", "b")]
    assert latest_shared([*log, Message("reproduce-m0", "user", "c")])[0] == probe
    assert spent_on([*log, replace(probe, served=True)]) == Usage(3, 1)
