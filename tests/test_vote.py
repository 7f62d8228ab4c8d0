from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.records import BehaviourClass, Check, Dropped, Matrix, TestResult
from agent.selection.confidence import confidence, entropy
from agent.selection.verdict import judge
from agent.selection.vote import vote
from tests.samples import candidate, matrix

OLD = Check("t::old", "existing", None, "pass")
ALSO_OLD = Check("t::also", "existing", None, "pass")
KNOWN_BAD = Check("t::bad", "existing", None, "fail")
ISSUE = Check("r::issue", "reproduction", None, "fail", True, "assertion")
BY_ONE = Check("r::one", "reproduction", 1, "fail", True, "assertion")


def test_a_patch_that_passes_the_issue_check_and_breaks_nothing_is_verified() -> None:
    outcome = vote(
        [candidate("1.1"), candidate("2.1")],
        matrix(
            [OLD, KNOWN_BAD, ISSUE],
            {"1.1": ["pass", "fail", "pass"], "2.1": ["pass", "fail", "pass"]},
        ),
    )
    assert (outcome.status, outcome.chosen) == ("verified", "1.1")
    assert [one.mass for one in outcome.classes] == [1.0]


def test_no_candidate_is_no_patch() -> None:
    assert vote([], Matrix((), ())).status == "no_patch"


def test_a_regression_is_not_verified_and_loses_to_none() -> None:
    table = matrix([OLD, ISSUE], {"1.1": ["fail", "pass"], "2.1": ["pass", "pass"]})
    outcome = vote([candidate("1.1"), candidate("2.1")], table)
    assert (outcome.chosen, outcome.status) == ("2.1", "verified")
    assert vote([candidate("1.1")], table).status == "unverified"


def test_an_attempts_own_test_does_not_verify_its_patch() -> None:
    table = matrix([OLD, BY_ONE], {"1.1": ["pass", "pass"], "2.1": ["pass", "pass"]})
    alone = vote([candidate("1.1")], table)
    assert alone.status == "unverified"
    both = vote([candidate("1.1"), candidate("2.1")], table)
    assert (both.status, both.chosen) == ("verified", "2.1")


def test_a_twin_from_another_attempt_makes_the_check_independent() -> None:
    table = matrix([OLD, BY_ONE], {"1.1": ["pass", "pass"]})
    assert vote([candidate("1.1", merged=("2.1",))], table).status == "verified"
    assert vote([candidate("1.1", merged=("1.2",))], table).status == "unverified"


def test_without_an_issue_check_nothing_is_verified() -> None:
    assert vote([candidate("1.1")], matrix([OLD], {"1.1": ["pass"]})).status == "unverified"


def test_tampered_or_not_applying_is_never_verified_and_loses() -> None:
    table = matrix([OLD, ISSUE], {"1.1": ["tampered", "tampered"], "2.1": ["pass", "fail"]})
    outcome = vote([candidate("1.1"), candidate("2.1")], table)
    assert (outcome.chosen, outcome.status) == ("2.1", "unverified")
    assert vote([candidate("1.1")], table).status == "unverified"


def test_two_small_classes_that_pass_everything_disagree() -> None:
    rows: dict[str, list[TestResult]] = {
        "1.1": ["pass", "pass", "pass"],
        "2.1": ["pass", "pass", "fail"],
        "3.1": ["pass", "fail", "fail"],
    }
    table = matrix([OLD, ISSUE, KNOWN_BAD], rows)
    outcome = vote([candidate(name) for name in rows], table)
    assert outcome.status == "disagree"
    assert outcome.chosen == "1.1"


def test_exactly_half_of_the_mass_is_enough() -> None:
    rows: dict[str, list[TestResult]] = {"1.1": ["pass", "pass"], "2.1": ["pass", "fail"]}
    outcome = vote([candidate(name) for name in rows], matrix([OLD, ISSUE], rows))
    assert (outcome.status, outcome.classes[0].mass) == ("verified", 0.5)


def test_refinements_of_one_sample_count_once() -> None:
    rows: dict[str, list[TestResult]] = {
        "1.1": ["pass", "pass"],
        "1.2": ["pass", "pass"],
        "2.1": ["pass", "fail"],
    }
    members = [candidate("1.1"), candidate("1.2", root="1.1"), candidate("2.1")]
    outcome = vote(members, matrix([OLD, ISSUE], rows))
    assert [one.mass for one in outcome.classes] == [0.5, 0.5]


def test_without_checks_each_patch_stands_alone() -> None:
    outcome = vote([candidate("1.1"), candidate("2.1")], Matrix((), ()))
    assert len(outcome.classes) == 2
    assert outcome.status == "unverified"


RESULTS = st.sampled_from(["pass", "fail", "error", "timeout", "tampered"])


@given(st.lists(st.tuples(RESULTS, RESULTS, RESULTS, RESULTS), min_size=1, max_size=6))
def test_what_verified_means_holds_for_any_matrix(rows: list[tuple[TestResult, ...]]) -> None:
    checks = [OLD, ALSO_OLD, ISSUE, BY_ONE]
    table = matrix(checks, {f"{n}.1": list(row) for n, row in enumerate(rows, 1)})
    members = [candidate(f"{n}.1") for n in range(1, len(rows) + 1)]
    outcome = vote(members, table)
    assert abs(sum(one.mass for one in outcome.classes) - 1) < 1e-9
    assert sorted(name for one in outcome.classes for name in one.candidates) == sorted(
        member.id for member in members
    )
    assert outcome.chosen is not None
    row = rows[int(outcome.chosen.partition(".")[0]) - 1]
    if outcome.status == "verified":
        assert row[0] == row[1] == "pass"
        assert row[2] == "pass" or (row[3] == "pass" and outcome.chosen != "1.1")
        assert outcome.classes[0].mass >= 0.5
        assert "tampered" not in row


@given(st.lists(st.tuples(RESULTS, RESULTS), min_size=2, max_size=5), st.randoms())
def test_the_order_of_candidates_changes_neither_classes_nor_status(
    rows: list[tuple[TestResult, ...]], random: object
) -> None:
    table = matrix([OLD, ISSUE], {f"{n}.1": list(row) for n, row in enumerate(rows, 1)})
    members = [candidate(f"{n}.1") for n in range(1, len(rows) + 1)]
    shuffled = members[::-1]
    one, other = vote(members, table), vote(shuffled, table)
    assert one.status == other.status
    assert {frozenset(c.candidates) for c in one.classes} == {
        frozenset(c.candidates) for c in other.classes
    }


def classes(*masses: float) -> list[BehaviourClass]:
    return [BehaviourClass((str(n),), mass, 1, ()) for n, mass in enumerate(masses)]


def test_entropy_is_in_bits() -> None:
    assert entropy([]) is None
    assert entropy(classes(1.0)) == 0
    assert entropy(classes(0.5, 0.5)) == 1
    assert entropy(classes(0.25, 0.25, 0.25, 0.25)) == 2


def test_shares_add_up_where_a_sample_and_its_refinement_behave_apart() -> None:
    one = candidate("1.1")
    refined = replace(candidate("1.2"), root=one.root)
    table = matrix([OLD, ISSUE], {"1.1": ["pass", "fail"], "1.2": ["pass", "pass"]})
    assert sum(each.mass for each in vote([one, refined], table).classes) == pytest.approx(1)


def test_confidence_grows_with_agreement_and_with_samples() -> None:
    assert confidence([], 0, "no_patch") is None
    few, many = confidence(classes(1.0), 1, "verified"), confidence(classes(1.0), 8, "verified")
    torn = confidence(classes(0.5, 0.5), 8, "verified")
    assert few is not None
    assert many is not None
    assert torn is not None
    assert 0 < torn < few < many < 1
    assert confidence(classes(1.0), 8, "unverified") == many / 2
    assert confidence(classes(1.0), 2, "verified", rejected=6) == 3 / 10, "2 of 8 that were tried"


def test_the_verdict_says_why_in_sentences() -> None:
    table = matrix([OLD, ISSUE], {"1.1": ["pass", "pass"]})
    said = " ".join(judge([candidate("1.1")], table, []).sentences)
    assert "1 of 1 issue checks that fail on the clean base pass with it" in said
    assert "No check that passes on the clean base fails with it" in said
    assert said.startswith("Candidate 1.1 is the only one. ")
    alike = judge([candidate("1.1", merged=("1.2", "2.1"))], table, [], 4).sentences[0]
    assert alike.startswith("Candidate 1.1 is the only one: all of 3 samples are alike; attempts")
    both = matrix([OLD], {"1.1": ["pass"], "2.1": ["pass"]})
    two = judge([candidate("1.1"), candidate("2.1", "other")], both, []).sentences[0]
    assert two == "Candidate 1.1 was chosen from 2."
    nothing = judge([], Matrix((), ()), [Dropped("tests/test_a.py", "a test")])
    assert (nothing.status, nothing.confidence, nothing.entropy) == ("no_patch", None, None)
    assert "tests/test_a.py" in " ".join(nothing.sentences)
    assert "No test judged it" in " ".join(judge([candidate("1.1")], Matrix((), ()), []).sentences)
