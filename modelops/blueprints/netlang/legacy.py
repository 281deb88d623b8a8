"""The legacy parser: any text to an IR, counting the lines it does not know; it never fails.

A line is judged in three steps: outer or inner, which block it belongs to, which form it fits. A
form's method returns whether the line fits; when it does not, the line changes nothing.

Decided where the specification is silent: `access-list INT remark` needs the list range 100..199
like any other entry; the ignorable lines of a block are ignorable inside its `address-family
ipv4` too; `neighbor ADDR activate` outside a family is unsupported; `address-family ipv4` with
further words is another family.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from modelops.blueprints.netlang import statements, values
from modelops.blueprints.netlang.ir import Bgp, Config, Port, Route, Vrf
from modelops.blueprints.netlang.values import U32, Net

Words = list[str]

_BLANKS = re.compile(r"[ \t]+")

_IGNORED = {
    "outer": {"ip classless", "ip subnet-zero", "ip cef", "ip routing", "no ip http server"},
    "port": {
        "switchport",
        "no switchport",
        "switchport mode access",
        "no ip address",
        "duplex auto",
        "speed auto",
        "negotiation auto",
    },
    "vlan": {"state active"},
    "ospf": {"log-adjacency-changes", "log-adjacency-changes detail"},
    "bgp": {"no synchronization", "no auto-summary", "bgp log-neighbor-changes"},
}
_IGNORED_OUTER_WORDS = {"version", "service", "boot-start-marker", "boot-end-marker"}


@dataclass(frozen=True, slots=True)
class Legacy:
    """What a legacy text says, and how much of it was understood."""

    config: Config
    unsupported: tuple[int, ...]
    """Numbers of the lines that fit no form, from 1."""
    statements: int
    """Lines that are neither comments nor `end` nor after it."""

    @property
    def unsupported_rate(self) -> float:
        """Unsupported lines per statement; 0 for a text without statements."""
        return len(self.unsupported) / self.statements if self.statements else 0.0


def parse_legacy(text: str) -> Legacy:
    """Read a whole file. Never raises for a string."""
    reader = _Reader()
    unsupported, statements = [], 0
    for number, line in enumerate(text.replace("\r", "").split("\n"), 1):
        words = line.replace("\t", " ").split(" ")
        inner = words[0] == "" and line != ""
        words = [word for word in words if word]
        if not words or words[0][0] == "!":
            continue
        if not inner and words == ["end"]:
            break
        statements += 1
        if not (reader.inner(words, line) if inner else reader.outer(words)):
            unsupported.append(number)
    reader.finish()
    return Legacy(reader.config, tuple(unsupported), statements)


class _Reader:
    """The state between two lines: the IR so far, the open block, the address family in it."""

    def __init__(self) -> None:
        self.config = Config()
        self.block: Callable[[Words], bool] | None = None
        self.kind = ""
        self.family: bool | None = None
        """None outside an address family, else whether it is one that is understood."""
        self.areas: list[tuple[Net, int]] = []

    def finish(self) -> None:
        """Give every routed port outside VRFs the area of the first statement that covers it."""
        for number, port in self.config.port.items():
            if port.ip is None or port.vrf is not None:
                continue
            for net, area in self.areas:
                if values.contains(net, port.ip.address):
                    self.config.ospf[number] = area
                    break

    def outer(self, words: Words) -> bool:
        """A line that starts at the margin; closes the open block and may open another."""
        self.block, self.kind, self.family = None, "", None
        form = _OUTER.get(words[0])
        return (form is not None and form(self, words)) or _ignored_outer(words)

    def inner(self, words: Words, line: str) -> bool:
        """A line of the open block; `line` is its text before it was cut into words."""
        if self.block is None:
            return False
        if self.kind in ("definition", "bgp") and self._switches_family(words):
            return self.family is not False
        if self.family is False:
            return False
        if words[0] == "description" and self.kind == "port":
            words = ["description", *_BLANKS.sub(" ", line.strip(" \t")).split(" ", 1)[1:]]
        return self.block(words) or " ".join(words) in _IGNORED.get(self.kind, ())

    def _switches_family(self, words: Words) -> bool:
        if words == ["exit-address-family"]:
            self.family = None
        elif words[0] == "address-family":
            self.family = words[1:] == ["ipv4"]
        else:
            return False
        return True

    def open(self, kind: str, block: Callable[[Words], bool]) -> bool:
        """Make `block` the reader of the inner lines that follow."""
        self.kind, self.block = kind, block
        return True

    # Outer forms

    def hostname(self, words: Words) -> bool:
        """`hostname NAME`."""
        if len(words) != 2 or values.name(words[1]) is None:
            return False
        self.config.host = words[1]
        return True

    def ip(self, words: Words) -> bool:
        """`ip vrf NAME`, `ip access-list extended LIST`, `ip route ...`."""
        if words[1:2] == ["vrf"]:
            return len(words) == 3 and self._vrf(words[2], "vrf")
        if words[1:3] == ["access-list", "extended"] and len(words) == 4:
            key = statements.list_key(words[3])
            return key is not None and self.open("acl", lambda entry: self._entry(key, entry))
        return words[1:2] == ["route"] and self._route(words[2:])

    def vrf(self, words: Words) -> bool:
        """`vrf definition NAME`."""
        return len(words) == 3 and words[1] == "definition" and self._vrf(words[2], "definition")

    def vlan(self, words: Words) -> bool:
        """`vlan INT`."""
        number = values.integer(words[1], 1, 4094) if len(words) == 2 else None
        if number is None:
            return False
        self.config.vlan.setdefault(number, f"VLAN{number:04}")
        return self.open("vlan", lambda line: self._label(number, line))

    def interface(self, words: Words) -> bool:
        """`interface GigabitEthernet0/INT`."""
        if len(words) != 2 or not words[1].startswith("GigabitEthernet0/"):
            return False
        number = values.integer(words[1].removeprefix("GigabitEthernet0/"), 0, 127)
        if number is None:
            return False
        port = self.config.port.setdefault(number, Port())
        return self.open("port", lambda line: statements.set_port(port, line))

    def router(self, words: Words) -> bool:
        """`router ospf INT`, `router bgp INT`."""
        if len(words) != 3:
            return False
        if words[1] == "ospf" and values.integer(words[2], 1, 65535) is not None:
            return self.open("ospf", self._area)
        asn = values.integer(words[2], 1, U32) if words[1] == "bgp" else None
        if asn is None:
            return False
        bgp = self.config.bgp or Bgp(asn)
        if bgp.asn != asn:
            return False
        self.config.bgp = bgp
        return self.open("bgp", lambda line: self._bgp_line(bgp, line))

    def access_list(self, words: Words) -> bool:
        """`access-list INT ACE`, `access-list INT remark ...`."""
        number = values.integer(words[1], 100, 199) if len(words) > 2 else None
        return number is not None and self._entry(f"F{number}", words[2:])

    # Inner forms

    def _vrf(self, name: str, kind: str) -> bool:
        if values.name(name) is None:
            return False
        vrf = self.config.vrf.setdefault(name, Vrf())
        return self.open(kind, lambda line: self._vrf_line(vrf, line))

    def _vrf_line(self, vrf: Vrf, words: Words) -> bool:
        target = values.target(words[-1])
        if target is None:
            return False
        match words[:-1]:
            case ["rd"] if self.family is None:
                vrf.rd = target
            case ["route-target", "import" | "export" | "both" as way]:
                if way != "export":
                    vrf.imports.add(target)
                if way != "import":
                    vrf.exports.add(target)
            case _:
                return False
        return True

    def _label(self, number: int, words: Words) -> bool:
        if len(words) != 2 or words[0] != "name" or values.name(words[1]) is None:
            return False
        self.config.vlan[number] = words[1]
        return True

    def _area(self, words: Words) -> bool:
        if len(words) != 5 or words[0] != "network" or words[3] != "area":
            return False
        net = statements.masked(words[1], values.wildcard_length(words[2]))
        area = values.integer(words[4], 0, U32)
        if net is None or area is None:
            return False
        self.areas.append((values.network_of(net), area))
        return True

    def _bgp_line(self, bgp: Bgp, words: Words) -> bool:
        match words:
            case ["network", net, "mask", mask]:
                announced = statements.masked(net, values.mask_length(mask))
                if announced is None or announced != values.network_of(announced):
                    return False
                bgp.nets.add(announced)
                return True
            case ["neighbor", peer, "remote-as", asn] if self.family is None:
                number, remote = values.address(peer), values.integer(asn, 1, U32)
                if number is None or remote is None:
                    return False
                bgp.peers[number] = remote
                return True
            case ["neighbor", peer, "activate"] if self.family:
                return values.address(peer) is not None
        return False

    def _entry(self, key: str, words: Words) -> bool:
        if words[0] == "remark":
            return True
        rule = statements.rule(words)
        if rule is None:
            return False
        self.config.acl.setdefault(key, []).append(rule)
        return True

    def _route(self, words: Words) -> bool:
        vrf = None
        if words[:1] == ["vrf"]:
            vrf, words = values.name("".join(words[1:2])), words[2:]
            if vrf is None:
                return False
        if len(words) != 3:
            return False
        net = statements.masked(words[0], values.mask_length(words[1]))
        hop = values.address(words[2])
        if net is None or hop is None or net != values.network_of(net):
            return False
        self.config.route.add(Route(net, hop, vrf))
        return True


_OUTER: dict[str, Callable[[_Reader, Words], bool]] = {
    "hostname": _Reader.hostname,
    "ip": _Reader.ip,
    "vrf": _Reader.vrf,
    "vlan": _Reader.vlan,
    "interface": _Reader.interface,
    "router": _Reader.router,
    "access-list": _Reader.access_list,
}


def _ignored_outer(words: Words) -> bool:
    return (
        words[0] in _IGNORED_OUTER_WORDS
        or words[:2] == ["no", "service"]
        or " ".join(words) in _IGNORED["outer"]
    )
