"""Draws configurations as a traffic profile says; knows IRs, not languages.

Draws depend on `random.Random` seeded with text, whose streams Python keeps the same everywhere.
A profile's 5.1 variant draws the very configurations of its 5.0 form.

Decided where the specification is silent: labels of VLANs may repeat, names of VRFs may not; two
routes or entries drawn alike stay as they fall (a set keeps one); every AS drawn anew comes from
the profile's own range.
"""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from modelops.blueprints.netlang.ir import Bgp, Config, Port, Route, Rule, Vrf
from modelops.blueprints.netlang.profiles import Profile
from modelops.blueprints.netlang.values import ANY, Net, Target, network_of

Value = TypeVar("Value")

GENERATOR_VERSION = "1"
"""Raised when the same options and seed yield other bytes than before."""

_BLOCKS = (Net(10 << 24, 16), Net(172 << 24 | 16 << 16, 16), Net(192 << 24 | 168 << 16, 16))
_NAMES = ("ACCT", "ENG", "VOICE", "GUEST", "MGMT", "PROD", "DMZ", "CORP", "LAB", "STORE")
_LISTS = (
    "WAN-IN",
    "USERS-IN",
    "SERVERS-IN",
    "VOICE-IN",
    "GUEST-IN",
    "MGMT-IN",
    "DMZ-IN",
    "CAMERA-IN",
)
_SERVICES = (22, 23, 53, 80, 123, 161, 179, 443, 8080)
_NOTES = (
    "uplink to core",
    "user floor",
    "server farm",
    "wan handoff",
    "ap trunk",
    "backup link",
    "camera net",
    "printer net",
)


class Draw:
    """The draws of one record."""

    def __init__(
        self,
        random: Random,
        profile: Profile,
        max_ports: int | None = None,
        lengths: Sequence[int] | None = None,
    ) -> None:
        self.random = random
        self.profile = profile
        self.max_ports = max_ports
        self.lengths = frozenset(range(33) if lengths is None else lengths)
        self.asn = 0

    def features(self, sets: Sequence[Sequence[tuple[str, ...]]]) -> tuple[str, ...]:
        """One feature set; `sets` holds the choices of each size, repeats weigh.

        When only one outcome of the pivot's draw has sets, that outcome is taken.
        """
        choices = self.one(sets)
        if self.profile.pivot is not None:
            feature, probability = self.profile.pivot
            present = self.chance(probability)
            choices = [some for some in choices if (feature in some) == present] or choices
        return self.one(choices)

    def config(self, features: tuple[str, ...]) -> Config:
        """Values for exactly these features; redrawn until they show."""
        while True:
            config = self._values(features)
            if config.features == features:
                return config

    def chance(self, probability: float) -> bool:
        """True with `probability`."""
        return self.random.random() < probability

    def one(self, choices: Sequence[Value]) -> Value:
        """One of `choices`, uniformly."""
        return choices[int(self.random.random() * len(choices))]

    def number(self, low: int, high: int) -> int:
        """A number of `low`..`high`, both included, uniformly."""
        return low + int(self.random.random() * (high - low + 1))

    def distinct(self, count: int, choices: Sequence[Value]) -> list[Value]:
        """`count` different ones of `choices`, in the order drawn."""
        found: list[Value] = []
        while len(found) < count:
            value = self.one(choices)
            if value not in found:
                found.append(value)
        return found

    def net(self, shortest: int, longest: int) -> Net:
        """A net of length `shortest`..`longest` inside one of the private blocks.

        Of these lengths the allowed ones; all of them where none is allowed.
        """
        block = self.one(_BLOCKS)
        usual = range(shortest, longest + 1)
        length = self.one([one for one in usual if one in self.lengths] or usual)
        return network_of(Net(block.address | self.number(0, 0xFFFF), length))

    def _values(self, features: tuple[str, ...]) -> Config:
        words, numbers = self.profile.hosts
        self.asn = self.number(*self.profile.asns)
        config = Config(host=f"{self.one(words)}{self.number(*numbers)}")
        if "vrf" in features:
            config.vrf = {name: self._vrf() for name in self.distinct(self.number(1, 2), _NAMES)}
        if "vlan" in features:
            numbers_drawn = self.distinct(self.number(1, 3), range(2, 900))
            config.vlan = {number: self.one(_NAMES) for number in numbers_drawn}
        if "acl" in features:
            config.acl = self._lists()
        config.port = self._ports(config, len(features))
        if "route" in features:
            names = tuple(config.vrf)
            config.route = {self._route(names) for _ in range(self.number(1, 3))}
        if "ospf" in features:
            routed = [number for number, port in config.port.items() if port.ip and not port.vrf]
            config.ospf = {number: self.one((0, 0, 1, 2)) for number in routed}
        if "bgp" in features:
            config.bgp = self._bgp()
        return config

    def _vrf(self) -> Vrf:
        rd = Target(self.asn, self.number(1, 500))
        imports = {rd}
        if self.chance(0.4):
            imports.add(Target(self.asn, self.number(1, 500)))
        return Vrf(rd, imports, {rd})

    def _lists(self) -> dict[str, list[Rule]]:
        count = self.number(1, 2)
        keys = [f"F{number}" for number in self.distinct(count, range(100, 200))]
        if self.profile.dialect == "xe":
            names = self.distinct(count, _LISTS)
            keys = [
                name if self.chance(0.7) else key for name, key in zip(names, keys, strict=True)
            ]
        return {key: [self._rule() for _ in range(self.number(1, 4))] for key in keys}

    def _rule(self) -> Rule:
        action, proto = self.one(("permit", "deny")), self.one(("ip", "tcp", "udp", "icmp"))
        src, dst = (self.net(16, 32) if self.chance(0.5) else ANY for _ in range(2))
        service = proto in ("tcp", "udp") and self.chance(0.7)
        return Rule(action, proto, src, dst, self.one(_SERVICES) if service else None)

    def _ports(self, config: Config, size: int) -> dict[int, Port]:
        low, high = self.profile.ports or (1, 2 + size // 2)
        if self.max_ports is not None:
            low, high = min(low, self.max_ports), min(high, self.max_ports)
        first = self.number(*self.profile.first_port)
        used: list[Net] = []
        return {first + index: self._port(config, used) for index in range(self.number(low, high))}

    def _port(self, config: Config, used: list[Net]) -> Port:
        port = Port(desc=self.one(_NOTES) if self.chance(0.7) else None)
        if config.vlan and self.chance(0.5):
            port.access = self.one(tuple(config.vlan))
        else:
            net = self._free_net(used)
            port.ip = Net(net.address + 1, net.length)
            if config.vrf and self.chance(0.5):
                port.vrf = self.one(tuple(config.vrf))
            if config.acl and self.chance(0.6):
                port.acl_in = self.one(tuple(config.acl))
        if self.chance(0.25):
            port.mtu = self.one((1400, 4470, 9000, 9198))
        port.down = self.chance(0.3)
        return port

    def _free_net(self, used: list[Net]) -> Net:
        while True:
            net = self.net(24, 30)
            if not any(_overlap(net, other) for other in used):
                used.append(net)
                return net

    def _route(self, names: tuple[str, ...]) -> Route:
        net, hop = self.net(16, 28), self.net(30, 30).address + 1
        return Route(net, hop, self.one(names) if names and self.chance(0.3) else None)

    def _bgp(self) -> Bgp:
        bgp = Bgp(self.asn)
        for _ in range(self.number(1, 3)):
            peer = self.net(30, 30).address + 2
            bgp.peers[peer] = self.asn if self.chance(0.5) else self.number(*self.profile.asns)
        bgp.nets = {self.net(20, 26) for _ in range(self.number(0, 2))}
        return bgp


def _overlap(left: Net, right: Net) -> bool:
    length = min(left.length, right.length)
    return network_of(Net(left.address, length)) == network_of(Net(right.address, length))
