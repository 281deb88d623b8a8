"""The intermediate representation (IR) both languages compile to; knows the text of neither.

Two configurations mean the same exactly when their IRs are equal, and exactly when the sets of
facts they decompose into are equal.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from modelops.blueprints.netlang.values import Net, Target
from modelops.digests import digest_bytes

FEATURES = ("vrf", "vlan", "acl", "route", "ospf", "bgp")
"""What a configuration can have beside a host and ports, in canonical order."""

GROUPS = ("base", *FEATURES)
"""The groups that facts count for."""

Facts = dict[str, set[tuple[Any, ...]]]


@dataclass(slots=True)
class Vrf:
    """One routing instance."""

    rd: Target | None = None
    imports: set[Target] = field(default_factory=set)
    exports: set[Target] = field(default_factory=set)


@dataclass(slots=True)
class Port:
    """One port; None means that nothing was said."""

    desc: str | None = None
    vrf: str | None = None
    ip: Net | None = None
    access: int | None = None
    acl_in: str | None = None
    mtu: int | None = None
    down: bool = False


class Rule(NamedTuple):
    """One entry of an access list; nets with `0.0.0.0/0` for any."""

    action: str
    proto: str
    src: Net
    dst: Net
    port: int | None = None


class Route(NamedTuple):
    """One static route."""

    net: Net
    hop: int
    vrf: str | None = None


@dataclass(slots=True)
class Bgp:
    """The BGP process: own AS, peers by address, announced nets."""

    asn: int
    peers: dict[int, int] = field(default_factory=dict)
    nets: set[Net] = field(default_factory=set)


@dataclass(slots=True)
class Config:
    """One configuration. `==` is the equivalence of the specification: only rules have an order."""

    host: str | None = None
    vrf: dict[str, Vrf] = field(default_factory=dict)
    vlan: dict[int, str] = field(default_factory=dict)
    acl: dict[str, list[Rule]] = field(default_factory=dict)
    port: dict[int, Port] = field(default_factory=dict)
    route: set[Route] = field(default_factory=set)
    ospf: dict[int, int] = field(default_factory=dict)
    bgp: Bgp | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """Those of `FEATURES` that are not empty."""
        return tuple(name for name in FEATURES if getattr(self, name) not in (None, {}, set()))

    @property
    def empty(self) -> bool:
        """Whether nothing at all was said."""
        return self == Config()


def obstacles(config: Config) -> list[str]:
    """Why no Axon program can say the same, one text each; empty when one can."""
    return [
        *(f"VRF {name} has no rd" for name, vrf in config.vrf.items() if vrf.rd is None),
        *(
            text
            for number, port in config.port.items()
            for text in _port_obstacles(config, number, port)
        ),
        *(
            f"a route names VRF {route.vrf}, which is not defined"
            for route in sorted(config.route, key=lambda route: (route.net, route.hop))
            if route.vrf is not None and route.vrf not in config.vrf
        ),
    ]


def _port_obstacles(config: Config, number: int, port: Port) -> Iterator[str]:
    named: tuple[tuple[str, Any, Mapping[Any, Any]], ...] = (
        ("VRF", port.vrf, config.vrf),
        ("VLAN", port.access, config.vlan),
        ("list", port.acl_in, config.acl),
    )
    for what, key, known in named:
        if key is not None and key not in known:
            yield f"port {number} names {what} {key}, which is not defined"
    if port.ip is not None and port.access is not None:
        yield f"port {number} has both an address and an access VLAN"


def facts(config: Config) -> Facts:
    """Group -> its facts; all seven groups are present."""
    found: Facts = {group: set() for group in GROUPS}
    if config.host is not None:
        found["base"].add(("host", config.host))
    for number, port in config.port.items():
        _add_port(found, number, port)
    for name, vrf in config.vrf.items():
        found["vrf"].update(_vrf_facts(name, vrf))
    found["vlan"].update(config.vlan.items())
    for key, rules in config.acl.items():
        found["acl"].update((key, index, *rule) for index, rule in enumerate(rules))
    found["route"].update(config.route)
    found["ospf"].update(config.ospf.items())
    if config.bgp is not None:
        found["bgp"].add((config.bgp.asn,))
        found["bgp"].update(("peer", *peer) for peer in config.bgp.peers.items())
        found["bgp"].update(("net", *net) for net in config.bgp.nets)
    return found


def _add_port(found: Facts, number: int, port: Port) -> None:
    base = (("desc", port.desc), ("ip", port.ip), ("mtu", port.mtu), ("down", port.down or None))
    said = [(number, attribute, value) for attribute, value in base if value is not None]
    found["base"].update(said)
    for group, attribute, value in (
        ("vrf", "vrf", port.vrf),
        ("vlan", "access", port.access),
        ("acl", "acl_in", port.acl_in),
    ):
        if value is not None:
            found[group].add((number, attribute, value))
    if not said and port.vrf is None and port.access is None and port.acl_in is None:
        found["base"].add((number,))


def _vrf_facts(name: str, vrf: Vrf) -> Iterator[tuple[Any, ...]]:
    if vrf.rd is not None:
        yield (name, "rd", vrf.rd)
    yield from ((name, "import", value) for value in vrf.imports)
    yield from ((name, "export", value) for value in vrf.exports)
    if vrf.rd is None and not vrf.imports and not vrf.exports:
        yield (name,)


def identity(config: Config) -> str | None:
    """Digest shared by all configurations that differ in the host at most.

    None when nothing but a host is said: such texts are not "the same item", they are no item.
    """
    anonymous = replace(config, host=None)
    if anonymous.empty:
        return None
    lines = sorted(f"{group} {fact!r}" for group, some in facts(anonymous).items() for fact in some)
    return digest_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
