"""Places where a repair may belong."""

from __future__ import annotations

from agent.conversation.context_window import Window
from agent.conversation.conversation import Conversation
from agent.localization.index import Index
from agent.localization.locations import (
    LONGEST,
    fused_order,
    label,
    likely_locations,
    narrow,
    pick_locations,
    telling_lines,
)
from agent.localization.ranking import rank
from agent.messages import Message, Sampling
from agent.model.budget import Budget, Limits
from agent.model.protocol import Capabilities
from agent.model.scripted import ScriptedModel
from agent.records import Location
from agent.trajectory.events import Event

LONG = (
    "def long(values):\n"
    + "".join(f"    step_{number} = {number}\n" for number in range(200))
    + "    return tax_rate(values)\n"
)
SOURCES = {
    "shop/tax.py": (
        "class Tax:\n    rate = 2\n\n    def tax_rate(self, price):\n"
        "        return price * self.rate\n\n\nclass Small:\n    tax = 1\n"
    ),
    "shop/long.py": LONG,
    "shop/other.py": "def other():\n    return 1\n",
    "shop/page.js": "function tax_rate() { return 1 }\n",
}
ISSUE = "`tax_rate` is wrong\n\nThe tax rate of `Tax.tax_rate` in shop/page.js, `Small`, `long`."


def found() -> tuple[Index, list[Location]]:
    index = Index(SOURCES)
    return index, likely_locations(index, rank(index, ISSUE, 20), ISSUE)


def talk(says: list[str], **able: bool) -> tuple[Conversation, list[Event]]:
    heard: list[Event] = []
    model = ScriptedModel("s", {"localize": [tuple(Message("", "assistant", s) for s in says)]})
    model.capabilities = Capabilities(**able)
    return (
        Conversation(
            "localize",
            model,
            Budget(Limits()).allowance(),
            Sampling(),
            heard.append,
            Window(None, 99),
        ),
        heard,
    )


def test_functions_short_classes_and_files_without_either_are_likely_locations() -> None:
    index, given = found()
    assert "shop/tax.py:4-5 Tax.tax_rate" in map(str, given)
    names = {location.name for location in given}
    assert "Small" in names
    assert "Tax" not in names, "its method is a place"
    assert any(location.path == "shop/page.js" for location in given)
    assert likely_locations(index, rank(index, ISSUE, 20), ISSUE, most=1) == given[:1]


def test_of_a_long_place_the_part_that_says_most_is_shown() -> None:
    location = Location("shop/long.py", "long", 1, 202)
    part = narrow(location, LONG, ISSUE)
    assert (part.last, part.last - part.first + 1) == (202, LONGEST)
    assert narrow(Location("p", "n", 5, 20), LONG, ISSUE) == Location("p", "n", 5, 20)
    assert telling_lines(LONG, part, "tax rate")[-1] == "return tax_rate(values)"


def test_what_the_model_picks_moves_up_and_the_pick_is_held_to_the_list() -> None:
    index, given = found()
    conversation, heard = talk([label(given[1])], grammar=True)
    assert pick_locations(conversation, index, given, ISSUE)[0] == given[1]
    (question,) = [one for one in heard if isinstance(one, Message) and one.role == "user"]
    assert all(label(location) in question.content for location in given[:6])
    grammars = [one.sampling.grammar for one in heard if hasattr(one, "sampling")]
    assert grammars[0] is not None
    assert f'"{label(given[1])}"' in grammars[0]


def test_a_pick_of_nothing_leaves_the_order() -> None:
    index, given = found()
    conversation, _ = talk(["I do not know"])
    assert pick_locations(conversation, index, given, ISSUE) == given
    assert pick_locations(conversation, index, given[:1], ISSUE) == given[:1], "nothing to ask"


def test_a_limit_leaves_the_order() -> None:
    index, given = found()
    conversation, _ = talk(["x"])
    conversation.budget = Budget(Limits(steps=0)).allowance()
    assert pick_locations(conversation, index, given, ISSUE) == given


def test_votes_and_ranks_are_fused() -> None:
    assert fused_order({}, 3) == [0, 1, 2]
    assert fused_order({1: 4}, 3) == [1, 0, 2]
    assert fused_order({2: 1, 0: 3}, 3) == [0, 2, 1]
    assert fused_order({2: 4}, 3) == [2, 0, 1]
