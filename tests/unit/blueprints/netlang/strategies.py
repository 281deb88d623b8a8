"""Hypothesis strategies for IRs that Axon can say, and the settings the netlang tests share."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from modelops.blueprints.netlang.ir import Bgp, Config, Port, Route, Rule, Vrf
from modelops.blueprints.netlang.values import ANY, U32, Net, Target, network_of

QUICK = settings(
    max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
KEYWORDS = ("instance", "port", "any", "permit", "ospf", "admin", "from", "netinst", "up", "as")

names = st.one_of(
    st.builds(
        str.__add__,
        st.sampled_from(LETTERS),
        st.text(LETTERS + "0123456789_.-", max_size=62),
    ),
    st.sampled_from(KEYWORDS),  # words are never reserved
)
u32 = st.integers(0, U32)
asns = st.integers(1, U32)
interfaces = st.builds(Net, u32, st.integers(0, 32))
prefixes = interfaces.map(network_of)
targets = st.builds(Target, u32, u32)
notes = st.text(st.characters(exclude_characters='"\r\n', exclude_categories=["Cs"]), min_size=1)


@st.composite
def rules(draw):
    proto = draw(st.sampled_from(["ip", "tcp", "udp", "icmp"]))
    service = draw(st.none() | st.integers(1, 65535)) if proto in ("tcp", "udp") else None
    action = draw(st.sampled_from(["permit", "deny"]))
    src, dst = draw(st.just(ANY) | prefixes), draw(st.just(ANY) | prefixes)
    return Rule(action, proto, src, dst, service)


def some_of(values):
    return st.none() | st.sampled_from(sorted(values)) if values else st.none()


@st.composite
def ports(draw, vrfs, vlans, lists):
    switched = draw(st.booleans())
    return Port(
        desc=draw(st.none() | notes),
        vrf=draw(some_of(vrfs)),
        ip=None if switched else draw(st.none() | interfaces),
        access=draw(some_of(vlans)) if switched else None,
        acl_in=draw(some_of(lists)),
        mtu=draw(st.none() | st.integers(64, 9216)),
        down=draw(st.booleans()),
    )


@st.composite
def configs(draw):
    """IRs that are convertible and not empty."""
    vrfs = draw(
        st.dictionaries(
            names,
            st.builds(Vrf, targets, st.sets(targets, max_size=3), st.sets(targets, max_size=3)),
            max_size=3,
        )
    )
    vlans = draw(st.dictionaries(st.integers(1, 4094), names, max_size=3))
    lists = draw(st.dictionaries(names, st.lists(rules(), min_size=1, max_size=4), max_size=3))
    used = draw(st.dictionaries(st.integers(0, 127), ports(vrfs, vlans, lists), max_size=4))
    routed = [number for number, port in used.items() if port.ip is not None]
    areas = draw(st.dictionaries(st.sampled_from(routed), u32)) if routed else {}
    bgp = st.builds(
        Bgp, asns, st.dictionaries(u32, asns, max_size=3), st.sets(prefixes, max_size=3)
    )
    return Config(
        host=draw(names),
        vrf=vrfs,
        vlan=vlans,
        acl=lists,
        port=used,
        route=draw(st.sets(st.builds(Route, prefixes, u32, some_of(vrfs)), max_size=3)),
        ospf=areas,
        bgp=draw(st.none() | bgp),
    )
