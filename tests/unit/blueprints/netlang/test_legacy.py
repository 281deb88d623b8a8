"""What the legacy parser makes of every form, of odd layout and of arbitrary text."""

import random
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelops.blueprints.netlang.blueprint import NETLANG
from modelops.blueprints.netlang.ir import Config, Port, Route, Rule, Vrf, obstacles
from modelops.blueprints.netlang.legacy import parse_legacy
from modelops.blueprints.netlang.values import ANY, Net, Target, address
from tests.unit.blueprints.netlang.strategies import QUICK

PORT = "interface GigabitEthernet0/1\n "
LIST = "access-list 100 "
WORDS = re.findall(
    r"\S+|\n ?|\t|\r",
    "ip vrf route A 1:1 rd route-target both interface GigabitEthernet0/1 vlan 10 network mask "
    "address-family ipv4 router bgp ospf 7 1.1.1.1 255.0.0.0 0.0.0.255 area neighbor remote-as "
    "access-list extended 100 permit tcp any host eq description name definition \n \n\t \r",
)


def net(text):
    number, length = text.split("/")
    return Net(at(number), int(length))


def at(text):
    number = address(text)
    assert number is not None
    return number


@pytest.mark.parametrize(
    "text",
    [
        "hostname 1st",
        "hostname a b",
        f"hostname {'a' * 64}",
        " hostname a",
        "ip vrf",
        "vlan 0",
        "vlan 4095",
        "vlan 010",
        "vlan 10,20",
        "interface GigabitEthernet0/128",
        "interface GigabitEthernet 0/1",
        "interface GigabitEthernet1/0",
        "interface Gi0/1",
        "router ospf 0",
        "router ospf 65536",
        "router bgp 0",
        "router rip",
        "ip access-list extended 99",
        "ip access-list extended F120",
        "ip access-list standard A",
        "access-list 200 permit ip any any",
        "access-list 100",
        "ip route 10.0.0.0 255.255.255.0",
        "ip route 10.0.0.0 255.255.255.0 10.0.0.1 200",
        "ip route 10.0.0.1 255.255.255.0 10.0.0.1",
        "ip route 10.0.0.0 0.0.0.255 10.0.0.1",
        "ip route vrf A 10.0.0.0 255.255.255.0",
        "ip classless now",
        "no ip cef",
        "no",
        "end now",
        " end",
        LIST + "permit gre any any",
        LIST + "allow ip any any",
        LIST + "permit ip any any eq 80",
        LIST + "permit tcp any eq 80 any",
        LIST + "permit tcp any any eq 0",
        LIST + "permit tcp any any eq www",
        LIST + "permit tcp any any log",
        LIST + "permit ip any",
        LIST + "permit ip host any",
        LIST + "permit ip 10.0.0.0 255.0.0.255 any",
        LIST + "permit ip 10.0.0.0 0.255.0.255 any",
    ],
)
def test_a_line_that_fits_no_form_is_counted_and_changes_nothing(text):
    legacy = parse_legacy(text)
    assert legacy.config.empty
    assert (legacy.unsupported, legacy.statements, legacy.unsupported_rate) == ((1,), 1, 1.0)


@pytest.mark.parametrize(
    "text",
    [
        PORT + "description",
        PORT + "ip address 10.0.0.1 255.255.255.0 secondary",
        PORT + "ip address 10.0.0.1 255.0.255.0",
        PORT + "ip address dhcp",
        PORT + "ip access-group 100 out",
        PORT + "ip access-group 99 in",
        PORT + "switchport access vlan 4095",
        PORT + "switchport mode trunk",
        PORT + "mtu 63",
        PORT + "shut",
        PORT + "name A",
        "vlan 10\n name 9",
        "vlan 10\n state suspend",
        "router ospf 1\n network 10.0.0.0 255.255.255.0 area 0",
        "router ospf 1\n network 10.0.0.0 0.0.0.255 area 4294967296",
        "router ospf 1\n network 10.0.0.0 0.0.0.255 area 0.0.0.0",
        "router bgp 1\n network 10.0.0.0",
        "router bgp 1\n network 10.0.0.1 mask 255.255.255.0",
        "router bgp 1\n neighbor 10.0.0.1 remote-as 0",
        "router bgp 1\n neighbor 10.0.0.1 activate",
        "ip vrf A\n rd 1",
        "ip vrf A\n rd 1:4294967296",
        "ip vrf A\n address-family ipv4",
        "ip vrf A\n exit-address-family",
        "vrf definition A\n address-family ipv6",
        "vrf definition A\n address-family ipv4 unicast",
        "vrf definition A\n address-family ipv4\n  rd 1:1",
        "router bgp 1\n address-family ipv4\n  neighbor 10.0.0.1 remote-as 1",
        "ip access-list extended A\n 10 permit ip any any",
    ],
)
def test_an_inner_line_that_fits_no_form_leaves_its_block_as_it_was(text):
    legacy, without = parse_legacy(text), parse_legacy(text.rpartition("\n")[0])
    assert len(legacy.unsupported) == 1
    assert legacy.config == without.config


@pytest.mark.parametrize(
    "text",
    [
        "version 12.4\nservice x\nno service y\nboot-start-marker\nboot-end-marker\n",
        "ip classless\nip  subnet-zero\nip cef \nip routing\nno ip http server\n",
        "access-list 100 remark a b c\naccess-list 100 remark\n",
        "! comment\n\n \t \n  ! inner comment\n\r\n",
    ],
)
def test_ignorable_lines_are_recognised_and_say_nothing(text):
    legacy = parse_legacy(text)
    assert legacy.config.empty and not legacy.unsupported


def test_ignorable_inner_lines_belong_to_their_block():
    text = (
        "interface GigabitEthernet0/1\n switchport\n no switchport\n switchport mode access\n"
        " no ip address\n duplex auto\n speed auto\n negotiation auto\n"
        "vlan 1\n state active\nrouter ospf 1\n log-adjacency-changes\n"
        " log-adjacency-changes detail\nrouter bgp 1\n no synchronization\n no auto-summary\n"
        " bgp log-neighbor-changes\n exit-address-family\nip access-list extended A\n remark x y\n"
    )
    assert not parse_legacy(text).unsupported
    bare = "\n".join(line for line in text.split("\n") if not line.startswith(" "))
    assert parse_legacy(text).config == parse_legacy(bare).config
    misplaced = text.replace("interface GigabitEthernet0/1\n", "")
    assert len(parse_legacy(misplaced).unsupported) == 7


def test_an_outer_line_closes_the_open_block_and_a_comment_does_not():
    opened = "interface GigabitEthernet0/1\n{}\n mtu 9000\n"
    for comment in ("!", "", "  ! x", "\t"):
        assert parse_legacy(opened.format(comment)).config.port[1].mtu == 9000
    for outer in ("ip classless", "hostname a", "nonsense", "interface Loopback0"):
        legacy = parse_legacy(opened.format(outer))
        assert legacy.config.port[1].mtu is None
        assert legacy.unsupported[-1] == 3


def test_inner_lines_may_be_indented_by_anything():
    text = "interface GigabitEthernet0/1\r\n\t \tmtu\t 9000 \r\n     shutdown\r\n"
    assert parse_legacy(text).config == Config(port={1: Port(mtu=9000, down=True)})


def test_no_break_spaces_are_not_white_space():
    assert parse_legacy("hostname\u00a0a").unsupported == (1,)
    assert parse_legacy("\u3000!").unsupported == (1,)


def test_reading_stops_at_end():
    legacy = parse_legacy("hostname a\nend \nhostname b\nnonsense\n")
    assert legacy.config.host == "a" and legacy.statements == 1


def test_descriptions_keep_any_characters_but_quotes_and_runs_of_blanks():
    text = PORT + 'description  to "X" \t  !\u00e9\u00a0 y  '
    assert parse_legacy(text).config.port[1].desc == "to 'X' !\u00e9\u00a0 y"


def test_masks_and_wildcards_are_right_at_both_ends():
    text = (
        "ip route 0.0.0.0 0.0.0.0 1.1.1.1\nip route 9.9.9.9 255.255.255.255 1.1.1.1\n"
        + LIST
        + "permit ip 9.9.9.9 0.0.0.0 9.9.9.9 255.255.255.255\n"
        + LIST
        + "permit ip 10.1.2.3 0.0.255.255 host 8.8.8.8\n"
    )
    config = parse_legacy(text).config
    hop = at("1.1.1.1")
    assert config.route == {Route(ANY, hop), Route(net("9.9.9.9/32"), hop)}
    assert config.acl["F100"] == [
        Rule("permit", "ip", net("9.9.9.9/32"), ANY),
        Rule("permit", "ip", net("10.1.0.0/16"), net("8.8.8.8/32")),
    ]


def test_lists_have_one_key_however_they_are_written_and_keep_repeats_and_order():
    text = (
        "access-list 120 permit ip any any\nip access-list extended 120\n deny ip any any\n"
        "access-list 120 permit ip any any\nip access-list extended EMPTY\n"
    )
    permit, deny = (Rule(action, "ip", ANY, ANY) for action in ("permit", "deny"))
    assert parse_legacy(text).config.acl == {"F120": [permit, deny, permit]}


def test_address_families_end_with_their_block_their_line_or_the_next_family():
    text = (
        "vrf definition A\n address-family ipv6\n  route-target both 1:1\n address-family ipv4\n"
        "  route-target both 1:2\n address-family ipv6\n  route-target both 1:3\n"
        " exit-address-family\n rd 1:4\n address-family ipv6\nvrf definition A\n"
        " route-target import 1:5\n"
    )
    legacy = parse_legacy(text)
    both = Target(1, 2)
    assert legacy.config.vrf == {"A": Vrf(Target(1, 4), {both, Target(1, 5)}, {both})}
    assert legacy.unsupported == (2, 3, 6, 7, 10)


def test_obstacles_name_everything_that_axon_cannot_say():
    text = (
        "ip vrf A\ninterface GigabitEthernet0/1\n ip vrf forwarding B\n ip access-group X in\n"
        " switchport access vlan 7\n ip address 1.1.1.1 255.0.0.0\n"
        "ip route vrf C 10.0.0.0 255.0.0.0 1.1.1.1\n"
    )
    found = obstacles(parse_legacy(text).config)
    assert len(found) == 6
    assert all(any(word in line for line in found) for word in ("A", "B", "X", "7", "C", "both"))


@QUICK
@example("router bgp 1\n address-family\n network")
@example("ip route vrf")
@example("access-list 100 permit ip host")
@given(st.text() | st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_no_text_makes_the_parser_fail(text):
    legacy = parse_legacy(text)
    assert len(legacy.unsupported) <= legacy.statements
    assert 0 <= legacy.unsupported_rate <= 1


@pytest.mark.parametrize("profile", ["large", "xe", "combo"])
def test_the_order_of_blocks_means_nothing_but_for_access_lists(profile):
    draw = random.Random(7)
    moved = 0
    for record in NETLANG.source({"profile": profile, "records": 60, "seed": 5}).read():
        blocks = re.findall(r"^\S.*(?:\n .*)*", record.prompt.removesuffix("\nend"), re.MULTILINE)
        shuffled = [block for block in blocks if block != "!"]
        draw.shuffle(shuffled)
        entries = iter([block for block in blocks if block.startswith("access-list")])
        shuffled = [
            next(entries) if block.startswith("access-list") else block for block in shuffled
        ]
        assert parse_legacy("\n".join(shuffled)).config == parse_legacy(record.prompt).config
        moved += shuffled != [block for block in blocks if block != "!"]
    assert moved > 50


def test_the_order_of_access_list_entries_does_mean_something():
    lines = [LIST + "permit ip any any", LIST + "deny ip any any"]
    assert parse_legacy("\n".join(lines)).config != parse_legacy("\n".join(lines[::-1])).config
