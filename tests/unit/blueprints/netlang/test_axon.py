"""Which programs compile, what they mean, and how they are printed."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelops.blueprints.netlang.axon import compile_axon
from modelops.blueprints.netlang.canonical import canonical, ir_digest
from modelops.blueprints.netlang.grammar import AxonError, tokens
from modelops.blueprints.netlang.ir import Config, Port, Vrf, facts, identity
from tests.unit.blueprints.netlang.strategies import QUICK, configs

INSTANCE = "instance A { rd 1:1; import [ ]; export [ ]; }"


@QUICK
@given(configs(), st.sampled_from(["5.0", "5.1"]))
def test_compiling_the_canonical_text_gives_the_ir_back(config, version):
    assert compile_axon(canonical(config, version), version) == config


@QUICK
@given(configs(), st.sampled_from(["5.0", "5.1"]), st.integers(0, 2**32))
def test_layout_means_nothing(config, version, seed):
    draw = random.Random(seed)
    loose = ""
    for token in tokens(canonical(config, version)):
        free = token[0] in '{}[];"' or loose[-1:] in (*'{}[];"', "")
        loose += (
            draw.choice(["", " ", "\r\n", "\t "] if free else [" ", "\n", "\r", "\t\t"]) + token
        )
    assert compile_axon(loose, version) == config


@QUICK
@given(configs(), configs())
def test_facts_are_equal_exactly_when_irs_are(left, right):
    assert (facts(left) == facts(right)) == (left == right)
    assert (ir_digest(left) == ir_digest(right)) == (left == right)


@QUICK
@given(configs())
def test_a_text_that_touches_no_change_means_the_same_in_both_versions(config):
    try:
        newer = compile_axon(canonical(config, "5.0"), "5.1")
    except AxonError:
        assert config.vrf or config.acl or config.ospf
    else:
        assert newer == config  # admin is always written


@QUICK
@given(st.text() | st.text('{}[];" \nabrdegnimotup:/.-0123456789'))
def test_text_compiles_or_is_an_axon_error(text):
    try:
        assert not compile_axon(text).empty
    except AxonError as fault:
        assert str(fault)


@pytest.mark.parametrize(
    "program",
    [
        "",
        "# a comment",
        "\ufeffsystem { name a; }",
        "system\u00a0{ name a; }",
        "system { name a; } `",
        "system { name 1a; }",
        f"system {{ name a{'b' * 63}; }}",
        "system { name a }",
        "system { }",
        "system { name a; } system { name a; }",
        "instance A { import [ ]; export [ ]; rd 1:1; }",
        "instance A { rd 1:1; import [ 1:2 1:2 ]; export [ ]; }",
        "instance A { rd 4294967296:1; import [ ]; export [ ]; }",
        "instance A { rd 1:01; import [ ]; export [ ]; }",
        f"{INSTANCE} {INSTANCE}",
        "netinst A { rd 1:1; import [ ]; export [ ]; }",
        "bridge 4095 { label A; }",
        "bridge 07 { label A; }",
        "bridge 7 { label A; } bridge 7 { label A; }",
        "filter A { }",
        "filter A { 0 deny ip from any to any; }",
        "filter A { 65536 deny ip from any to any; }",
        "filter A { 1 deny ip from any to any; 1 deny ip from any to any; }",
        "filter A { 1 deny ip from any to any; } filter A { 1 deny ip from any to any; }",
        "filter A { 1 deny ip from any to any port 7; }",
        "filter A { 1 deny icmp from any to any port 7; }",
        "filter A { 1 deny tcp from any to any port 0; }",
        "filter A { 1 deny gre from any to any; }",
        "filter A { 1 deny ip from 10.0.0.1/24 to any; }",
        "filter A { 1 deny ip from 10.0.0.1 to any; }",
        "filter A { 1 deny ip src any dst any; }",
        "port ge-128 { }",
        "port ge-01 { }",
        "port eth-1 { }",
        "port ge-1 { } port ge-1 { }",
        'port ge-1 { note ""; }',
        'port ge-1 { note "a\nb"; }',
        "port ge-1 { note a; }",
        "port ge-1 { mtu9000; }",
        "port ge-1 { mtu 63; }",
        "port ge-1 { mtu 9217; }",
        "port ge-1 { mtu 9000; mtu 9000; }",
        "port ge-1 { admin up; admin down; }",
        "port ge-1 { inet 10.0.0.1/33; }",
        "port ge-1 { inet 10.0.0.256/24; }",
        "port ge-1 { inet 10.0.0.1/24; inet 10.0.0.1/24; }",
        "port ge-1 { filter A; }",
        "port ge-1 { instance A; }",
        "port ge-1 { bridge 7; }",
        "port ge-1 { filter ingress A; }",
        "port ge-1 { bridge 7; inet 10.0.0.1/24; } bridge 7 { label A; }",
        "port ge-1 { ospf area 0; }",
        "ospf { area 0 [ ge-1 ]; } port ge-1 { inet 10.0.0.1/24; }",
        "bgp 0 { }",
        "bgp 4294967296 { }",
        "bgp 7 { } bgp 7 { }",
        "bgp 7 { peer 10.0.0.1 as 7; peer 10.0.0.1 as 8; }",
        "bgp 7 { announce 10.0.0.0/8; announce 10.0.0.0/8; }",
        "bgp 7 { announce 10.0.0.1/8; }",
        "static 10.0.0.0/8 via 10.0.0.1; static 10.0.0.0/8 via 10.0.0.1;",
        "static 10.0.0.0/8 via 10.0.0.1 instance A;",
        "static 10.0.0.0/8 via 10.0.0.1/32;",
        "system { name a; } " + " " * 65_536,
    ],
)
def test_invalid_programs_of_the_older_version(program):
    with pytest.raises(AxonError):
        compile_axon(program, "5.0")


@pytest.mark.parametrize(
    "program",
    [
        INSTANCE,
        "filter A { 1 deny ip from any to any; }",
        "filter A { 1 deny tcp src any dst any port 7; }",
        "port ge-1 { inet 10.0.0.1/24; ospf area 0; }",
        "ospf { }",
        "port ge-1 { inet 10.0.0.1/24; } ospf { area 0 [ ]; }",
        "port ge-1 { } ospf { area 0 [ ge-1 ]; }",
        "ospf { area 0 [ ge-1 ]; }",
        "port ge-1 { inet 10.0.0.1/24; } ospf { area 0 [ ge-1 ge-1 ]; }",
        "port ge-1 { inet 10.0.0.1/24; } ospf { area 0 [ ge-1 ]; area 1 [ ge-1 ]; }",
        "port ge-1 { inet 1.0.0.1/24; } port ge-2 { inet 2.0.0.1/24; }"
        " ospf { area 0 [ ge-1 ]; area 0 [ ge-2 ]; }",
        "port ge-1 { inet 1.0.0.1/24; } port ge-2 { inet 2.0.0.1/24; }"
        " ospf { area 0 [ ge-1 ]; } ospf { area 1 [ ge-2 ]; }",
        "static 10.0.0.0/8 via 10.0.0.1 netinst A;",
    ],
)
def test_invalid_programs_of_the_newer_version(program):
    with pytest.raises(AxonError):
        compile_axon(program, "5.1")


@pytest.mark.parametrize(
    ("version", "program"),
    [
        ("5.0", "port ge-0{inet 10.0.0.1/24;ospf area 4294967295;}"),
        ("5.0", "port ge-0{instance instance;}instance instance{rd 0:0;import[];export[];}"),
        ("5.0", 'port ge-0{note"a # `b` \u00e9";}'),
        ("5.0", "filter any{1 deny ip from any to 0.0.0.0/0;}port ge-0{filter ingress any;}"),
        ("5.0", "static 10.0.0.0/8 via 1.1.1.1; static 10.0.0.0/8 via 1.1.1.2;"),
        ("5.0", "bgp 1{announce 10.0.0.0/8;peer 1.1.1.1 as 1;announce 11.0.0.0/8;}"),
        (
            "5.1",
            "ospf{area 1[ge-0];area 0[ge-1];}port ge-1{inet 1.1.1.1/1;}port ge-0{inet 2.1.1.1/1;}",
        ),
        ("5.1", "filter F{1 deny tcp src any dst any dport 1;}"),
        ("5.1", "netinst netinst{rd 1:1;import[1:2 1:1];export[];}port ge-0{netinst netinst;}"),
        ("5.1", "system{name a;}" + " " * (65_536 - 15)),
    ],
    ids=range(10),
)
def test_valid_programs_in_odd_clothes(version, program):
    config = compile_axon(program, version)
    assert not config.empty
    assert compile_axon(canonical(config, version), version) == config


def test_rules_apply_by_their_numbers():
    program = "filter A {{ {} deny ip from any to any; {} permit ip from any to any; }}"
    assert compile_axon(program.format(1, 2)) == compile_axon(program.format(7, 65535))
    assert compile_axon(program.format(1, 2)) != compile_axon(program.format(2, 1))


def test_an_error_names_its_line_and_what_would_have_done():
    with pytest.raises(AxonError, match=r"line 3: 'b' where .* expected: ;"):
        compile_axon("system {\n  name a\n  b; }")
    with pytest.raises(AxonError, match=r"ends where .*;"):
        compile_axon("static 10.0.0.0/8 via 10.0.0.1")


def test_the_default_of_a_port_changed_silently():
    assert compile_axon("port ge-0 { }", "5.0").port[0] == Port(down=False)
    assert compile_axon("port ge-0 { }", "5.1").port[0] == Port(down=True)


@pytest.mark.parametrize(
    "config",
    [
        Config(vrf={"A": Vrf()}),
        Config(port={0: Port(vrf="A")}),
        Config(port={0: Port(acl_in="A")}),
        Config(port={0: Port(access=7)}),
        Config(vlan={7: "A"}, port={0: Port(access=7, ip=compile_axon(
            "port ge-0 { inet 1.1.1.1/8; }").port[0].ip)}),
    ],
)  # fmt: skip
def test_what_no_program_can_say_is_not_printed(config):
    with pytest.raises(ValueError, match="No Axon program"):
        canonical(config)


def test_two_irs_that_differ_in_the_host_are_one_item():
    texts = ["system { name a; } bgp 7 { }", "bgp 7 { }", "bgp 8 { }"]
    first, second, third = (identity(compile_axon(text)) for text in texts)
    assert first == second != third
    assert identity(compile_axon("system { name a; }")) is None
