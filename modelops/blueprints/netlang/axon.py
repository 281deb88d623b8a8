"""The Axon compiler: syntax tree to IR, with every static error of versions 5.0 and 5.1."""

from collections.abc import Callable, Container, Hashable
from functools import partial
from typing import Any, TypeVar

from lark import Token

from modelops.blueprints.netlang import values
from modelops.blueprints.netlang.grammar import AxonError, parse
from modelops.blueprints.netlang.ir import Bgp, Config, Port, Route, Rule, Vrf

Value = TypeVar("Value")
Item = Any  # a lark tree; which of its children are tokens is the grammar's to say


def compile_axon(text: str, version: str = "5.0") -> Config:
    """The IR of a program.

    Raises AxonError with the first fault found: what it is and, where it has a place, its line.
    Raises ValueError for an unknown version.
    """
    return _Compiler(version).run(parse(text, version))


def _reader(read: Callable[[str], Value | None], what: str) -> Callable[[Token], Value]:
    def convert(token: Token) -> Value:
        value = read(token)
        if value is None:
            raise AxonError(f"line {token.line}: {str(token)!r} is not {what}")
        return value

    return convert


def _number(what: str, low: int, high: int) -> Callable[[Token], int]:
    read = partial(values.integer, low=low, high=high)
    return _reader(read, f"{what} {low}..{high}")


def _read_port(text: str) -> int | None:
    return values.integer(text[3:], 0, 127) if text.startswith("ge-") else None


def _read_end(text: str) -> values.Net | None:
    return values.ANY if text == "any" else values.prefix(text)


_name = _reader(values.name, "a name")
_target = _reader(values.target, "a route target")
_address = _reader(values.address, "an IPv4 address")
_prefix = _reader(values.prefix, "a prefix (address/length, host bits zero)")
_interface = _reader(values.interface_address, "an interface address (address/length)")
_end = _reader(_read_end, "any or a prefix (address/length, host bits zero)")
_port = _reader(_read_port, "a port ge-0..ge-127")
_vlan = _number("a VLAN", 1, 4094)
_sequence = _number("a rule number", 1, 65535)
_service = _number("a port number", 1, 65535)
_asn = _number("an AS number", 1, values.U32)
_area = _number("an area", 0, values.U32)
_mtu = _number("an MTU", 64, 9216)


def _once(key: Hashable, seen: Container[Any], what: Token) -> None:
    if key in seen:
        raise AxonError(f"line {what.line}: {str(what)!r} is given twice")


class _Compiler:
    """One run over the items of one program."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.config = Config()
        self.references: list[tuple[str, Token]] = []
        self.areas: set[int] | None = None
        """Areas seen, once there is an `ospf` item."""

    def run(self, program: Item) -> Config:
        """Items in the order of the text, then what may be defined before or after its use."""
        for item in program.children:
            getattr(self, f"_{item.data}")(*item.children)
        self._resolve()
        return self.config

    def _resolve(self) -> None:
        for table, token in self.references:
            key = values.integer(token, 1, 4094) if table == "vlan" else str(token)
            if key not in getattr(self.config, table):
                what = {"vrf": "instance", "vlan": "bridge", "acl": "filter"}[table]
                raise AxonError(f"line {token.line}: {what} {str(token)!r} is not defined")
        for number in self.config.ospf:
            port = self.config.port.get(number)
            if port is None or port.ip is None:
                raise AxonError(f"port ge-{number} is in OSPF and has no inet")

    def _system(self, name: Token) -> None:
        if self.config.host is not None:
            raise AxonError(f"line {name.line}: a second system block")
        self.config.host = str(_name(name))

    def _instance(self, name: Token, rd: Token, imports: Item, exports: Item) -> None:
        _once(_name(name), self.config.vrf, name)
        self.config.vrf[str(name)] = Vrf(_target(rd), _targets(imports), _targets(exports))

    def _bridge(self, number: Token, label: Token) -> None:
        vlan = _vlan(number)
        _once(vlan, self.config.vlan, number)
        self.config.vlan[vlan] = str(_name(label))

    def _filter(self, name: Token, *rules: Item) -> None:
        _once(_name(name), self.config.acl, name)
        numbered: dict[int, Rule] = {}
        for rule in rules:
            token = rule.children[0]
            _once(_sequence(token), numbered, token)
            numbered[_sequence(token)] = _rule(*rule.children[1:])
        self.config.acl[str(name)] = [numbered[sequence] for sequence in sorted(numbered)]

    def _port(self, name: Token, *statements: Item) -> None:
        number = _port(name)
        _once(number, self.config.port, name)
        port = self.config.port[number] = Port(down=self.version == "5.1")
        seen: set[str] = set()
        for statement in statements:
            kind, token = statement.data, statement.children[0]
            if kind in seen:
                spelled = _SPELLED.get(kind, kind)
                raise AxonError(f"line {token.line}: a second {spelled} statement in port {name}")
            seen.add(kind)
            self._statement(number, port, kind, token)
        if port.ip is not None and port.access is not None:
            raise AxonError(f"line {name.line}: port {name} has both bridge and inet")

    def _statement(self, number: int, port: Port, kind: str, token: Token) -> None:
        if kind == "area":
            self.config.ospf[number] = _area(token)
        elif kind == "admin":
            port.down = token == "down"
        else:
            read = _STATEMENTS[kind]
            setattr(port, kind, read(token))
        if table := {"vrf": "vrf", "access": "vlan", "acl_in": "acl"}.get(kind):
            self.references.append((table, token))

    def _bgp(self, asn: Token, *statements: Item) -> None:
        if self.config.bgp is not None:
            raise AxonError(f"line {asn.line}: a second bgp block")
        bgp = self.config.bgp = Bgp(_asn(asn))
        for statement in statements:
            token = statement.children[0]
            if statement.data == "peer":
                _once(_address(token), bgp.peers, token)
                bgp.peers[_address(token)] = _asn(statement.children[1])
            else:
                _once(_prefix(token), bgp.nets, token)
                bgp.nets.add(_prefix(token))

    def _static(self, net: Token, hop: Token, instance: Token | None) -> None:
        vrf = None if instance is None else str(_name(instance))
        route = Route(_prefix(net), _address(hop), vrf)
        _once(route, self.config.route, net)
        self.config.route.add(route)
        if instance is not None:
            self.references.append(("vrf", instance))

    def _ospf(self, *areas: Item) -> None:
        if self.areas is not None:
            raise AxonError(f"line {areas[0].children[0].line}: a second ospf block")
        self.areas = set()
        for item in areas:
            token = item.children[0]
            _once(_area(token), self.areas, token)
            self.areas.add(_area(token))
            for port in item.children[1:]:
                _once(_port(port), self.config.ospf, port)
                self.config.ospf[_port(port)] = _area(token)


def _read_string(token: Token) -> str:
    if token == '""':
        raise AxonError(f"line {token.line}: an empty string")
    return str(token)[1:-1]


_SPELLED = {
    "desc": "note",
    "vrf": "instance",
    "ip": "inet",
    "access": "bridge",
    "acl_in": "filter",
    "area": "ospf",
}
"""Statements whose IR attribute has another name than their keyword."""

_STATEMENTS: dict[str, Callable[[Token], object]] = {
    "desc": _read_string,
    "vrf": lambda token: str(_name(token)),
    "ip": _interface,
    "access": _vlan,
    "acl_in": lambda token: str(_name(token)),
    "mtu": _mtu,
}


def _targets(item: Item) -> set[values.Target]:
    found: set[values.Target] = set()
    for token in item.children:
        _once(_target(token), found, token)
        found.add(_target(token))
    return found


def _rule(action: Token, proto: Token, src: Token, dst: Token, service: Token | None) -> Rule:
    if service is not None and proto not in ("tcp", "udp"):
        raise AxonError(f"line {service.line}: a port with protocol {proto}")
    number = None if service is None else _service(service)
    return Rule(str(action), str(proto), _end(src), _end(dst), number)
