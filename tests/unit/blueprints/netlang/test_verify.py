"""What the verifier says of right, wrong and worthless completions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelops.blueprints.netlang.ir import GROUPS
from modelops.blueprints.netlang.verify import verify
from tests.unit.blueprints.netlang.strategies import QUICK

SOURCE = """hostname edge7
interface GigabitEthernet0/0
 description ap trunk
 ip address 10.0.5.1 255.255.255.0
 ip access-group 110 in
 no shutdown
access-list 110 permit tcp any host 10.0.5.9 eq 443
access-list 110 deny ip any any
end
"""
S = "system { name edge7; }"
F = (
    "filter F110 { 10 permit tcp from any to 10.0.5.9/32 port 443; "
    "20 deny ip from any to any; }"
)  # fmt: skip
P = 'port ge-0 { note "ap trunk"; inet 10.0.5.1/24; filter ingress F110; admin up; }'
RIGHT = f"{S} {F} {P}"
ELSEWHERE = (
    'port ge-0 { filter ingress F110; inet 10.0.5.1/24; note "ap trunk"; } filter F110 { '
    "7 deny ip from 0.0.0.0/0 to any; 3 permit tcp from any to 10.0.5.9/32 port 443; } " + S
)
SWAPPED = RIGHT.replace("{ 10 ", "{ 20 ").replace("; 20 deny", "; 10 deny")

CASES = [
    ("1", RIGHT, "5.0", 1.0, True, True),
    ("2a", "", "5.0", 0.0, False, False),
    ("2b", " \n ", "5.0", 0.0, False, False),
    ("3", f"```\n{RIGHT}\n```", "5.0", 0.0, False, False),
    ("4", f"Here is the configuration: {RIGHT}", "5.0", 0.0, False, False),
    ("5", SOURCE, "5.0", 0.0, False, False),
    ("6", f"{S} {S} {F} {P}", "5.0", 0.0, False, False),
    ("7", f"{S} {P}", "5.0", 0.0, False, False),
    ("8", ELSEWHERE, "5.0", 1.0, True, True),
    ("9", SWAPPED, "5.0", 0.4333, False, True),
    ("10", RIGHT.replace("10.0.5.1/24", "10.0.5.1/25"), "5.0", 0.5167, False, True),
    ("11", "system { name core1; } port ge-5 { }", "5.0", 0.0, False, True),
    ("12", RIGHT, "5.1", 0.0, False, False),
]


@pytest.mark.parametrize(
    ("completion", "version", "score", "exact", "compiles"),
    [pytest.param(*case[1:], id=case[0]) for case in CASES],
)
def test_the_cases_of_the_specification(completion, version, score, exact, compiles):
    verdict = verify(SOURCE, completion, version)
    assert (verdict.score, verdict.exact, verdict.compiles) == (score, exact, compiles)
    assert (verdict.error is None) == compiles


def test_facts_are_counted_by_feature():
    facts = verify(SOURCE, SWAPPED).facts
    assert tuple(facts) == GROUPS
    assert facts["base"] == (3, 3, 3)
    assert facts["acl"] == (1, 3, 3)
    assert facts["vrf"] == (0, 0, 0)


def test_an_invalid_completion_gives_nothing_but_still_wants():
    facts = verify(SOURCE, "prose").facts
    assert facts["base"] == (0, 3, 0)
    assert facts["acl"] == (0, 3, 0)


def test_a_wrong_port_default_costs_one_fact_in_the_newer_version():
    source = "hostname a1\ninterface GigabitEthernet0/0\n mtu 1400\n"
    program = "system { name a1; } port ge-0 { mtu 1400; }"
    assert verify(source, program, "5.0").exact
    newer = verify(source, program, "5.1")
    assert newer.compiles and not newer.exact
    assert newer.score == round(0.1 + 0.5 * 4 / 5, 4)


def test_a_modern_source_wants_itself():
    verdict = verify(RIGHT, ELSEWHERE)
    assert verdict.exact and verdict.unsupported == 0


def test_a_modern_source_of_the_other_version_is_legacy_text_nobody_knows():
    verdict = verify(RIGHT, RIGHT, "5.1")
    assert not verdict.compiles and verdict.unsupported == 1


def test_no_answer_to_a_source_that_cannot_be_converted_is_exact():
    source = "hostname a1\ninterface GigabitEthernet0/0\n switchport access vlan 7\n"
    verdict = verify(source, "system { name a1; } bridge 7 { label A; } port ge-0 { bridge 7; }")
    assert verdict.compiles and not verdict.exact and verdict.score > 0


def test_an_unknown_version_is_refused():
    with pytest.raises(ValueError, match=r"5\.2"):
        verify(SOURCE, RIGHT, "5.2")


@QUICK
@given(st.text(), st.text(), st.sampled_from(["5.0", "5.1"]))
def test_any_two_texts_get_a_score(source, completion, version):
    verdict = verify(source, completion, version)
    assert 0 <= verdict.score <= 1
    assert not verdict.exact or verdict.score == 1
