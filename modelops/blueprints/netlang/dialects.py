"""The two ways of writing legacy text from an IR; knows how devices wrote, not what is drawn."""

from collections.abc import Iterator
from random import Random

from modelops.blueprints.netlang.ir import Bgp, Config, Port, Route, Rule, Vrf
from modelops.blueprints.netlang.values import (
    ANY,
    Net,
    network_of,
    write_address,
    write_mask,
    write_target,
    write_wildcard,
)


def write_legacy(config: Config, *, newer: bool, random: Random) -> str:
    """Legacy text that parses to `config`, lines joined by LF, without a last LF.

    `newer` writes dialect `xe`, else `ios12`. `random` decides the habits that mean nothing (a
    line `switchport`, a line `log-adjacency-changes`). `config` has to be convertible, with a
    host, and with OSPF on routed ports outside VRFs alone, in disjoint subnets.
    """
    return "\n".join(_lines(config, _Newer(config, random) if newer else _Older(config, random)))


def _lines(config: Config, writer: "_Older") -> Iterator[str]:
    yield f"hostname {config.host}"
    yield "!"
    for name, vrf in sorted(config.vrf.items()):
        yield from writer.vrf(name, vrf)
        yield "!"
    for number, label in sorted(config.vlan.items()):
        yield from (f"vlan {number}", f" name {label}", "!")
    for number, port in sorted(config.port.items()):
        yield f"interface GigabitEthernet0/{number}"
        yield from (f" {line}" for line in writer.port(port))
        yield "!"
    if config.ospf:
        yield from writer.ospf()
        yield "!"
    if config.bgp is not None:
        yield from writer.bgp(config.bgp)
        yield "!"
    if config.route:
        routes = sorted(config.route, key=lambda route: (route.vrf or "", route.net, route.hop))
        yield from map(_route, routes)
        yield "!"
    yield from writer.lists()
    yield "end"


class _Older:
    """Dialect `ios12`."""

    def __init__(self, config: Config, random: Random) -> None:
        self.config = config
        self.random = random

    def habit(self) -> bool:
        """Whether this writer adds a line that means nothing."""
        return self.random.random() < 0.5

    def vrf(self, name: str, vrf: Vrf) -> Iterator[str]:
        yield f"ip vrf {name}"
        yield from _rd(vrf)
        yield from (f" {line}" for line in _targets(vrf))

    def port(self, port: Port) -> Iterator[str]:
        if port.desc is not None:
            yield f"description {port.desc}"
        if port.vrf is not None:
            yield f"ip vrf forwarding {port.vrf}"
        yield from self._attachment(port, switchport=port.access is not None and self.habit())
        yield "shutdown" if port.down else "no shutdown"

    def _attachment(self, port: Port, *, switchport: bool) -> Iterator[str]:
        if port.ip is not None:
            yield f"ip address {write_address(port.ip.address)} {write_mask(port.ip.length)}"
        if switchport:
            yield "switchport"
        if port.access is not None:
            yield f"switchport access vlan {port.access}"
            yield "switchport mode access"
        if port.acl_in is not None:
            yield f"ip access-group {_list_name(port.acl_in)} in"
        if port.mtu is not None:
            yield f"mtu {port.mtu}"

    def ospf(self) -> Iterator[str]:
        yield "router ospf 1"
        if self.habit():
            yield " log-adjacency-changes"
        yield from self._networks()

    def _networks(self) -> Iterator[str]:
        for number, area in sorted(self.config.ospf.items()):
            ip = self.config.port[number].ip
            assert ip is not None
            net = network_of(ip)
            yield f" network {write_address(net.address)} {write_wildcard(net.length)} area {area}"

    def bgp(self, bgp: Bgp) -> Iterator[str]:
        yield f"router bgp {bgp.asn}"
        yield " no synchronization"
        yield from (f" {line}" for line in _announced(bgp))
        yield from _neighbors(bgp)
        yield " no auto-summary"

    def lists(self) -> Iterator[str]:
        for key, rules in sorted(self.config.acl.items()):
            yield from (f"access-list {_list_name(key)} {_entry(rule)}" for rule in rules)
            yield "!"


class _Newer(_Older):
    """Dialect `xe`."""

    def vrf(self, name: str, vrf: Vrf) -> Iterator[str]:
        yield f"vrf definition {name}"
        yield from _rd(vrf)
        yield from (" !", " address-family ipv4")
        yield from (f"  {line}" for line in _targets(vrf))
        yield " exit-address-family"

    def port(self, port: Port) -> Iterator[str]:
        if port.desc is not None:
            yield f"description {port.desc}"
        if port.vrf is not None:
            yield f"vrf forwarding {port.vrf}"
        yield from self._attachment(port, switchport=port.access is not None)
        yield "negotiation auto"
        if port.down:
            yield "shutdown"

    def ospf(self) -> Iterator[str]:
        yield "router ospf 1"
        yield from self._networks()

    def bgp(self, bgp: Bgp) -> Iterator[str]:
        yield f"router bgp {bgp.asn}"
        yield " bgp log-neighbor-changes"
        yield from _neighbors(bgp)
        yield from (" !", " address-family ipv4")
        yield from (f"  {line}" for line in _announced(bgp))
        yield from (f"  neighbor {write_address(peer)} activate" for peer in sorted(bgp.peers))
        yield " exit-address-family"

    def lists(self) -> Iterator[str]:
        for key, rules in sorted(self.config.acl.items()):
            yield f"ip access-list extended {_list_name(key)}"
            yield from (f" {_entry(rule)}" for rule in rules)
            yield "!"


def _rd(vrf: Vrf) -> Iterator[str]:
    if vrf.rd is not None:
        yield f" rd {write_target(vrf.rd)}"


def _targets(vrf: Vrf) -> Iterator[str]:
    yield from (f"route-target export {write_target(value)}" for value in sorted(vrf.exports))
    yield from (f"route-target import {write_target(value)}" for value in sorted(vrf.imports))


def _announced(bgp: Bgp) -> Iterator[str]:
    for net in sorted(bgp.nets):
        yield f"network {write_address(net.address)} mask {write_mask(net.length)}"


def _neighbors(bgp: Bgp) -> Iterator[str]:
    for peer, asn in sorted(bgp.peers.items()):
        yield f" neighbor {write_address(peer)} remote-as {asn}"


def _route(route: Route) -> str:
    vrf = "" if route.vrf is None else f"vrf {route.vrf} "
    net = f"{write_address(route.net.address)} {write_mask(route.net.length)}"
    return f"ip route {vrf}{net} {write_address(route.hop)}"


def _entry(rule: Rule) -> str:
    service = "" if rule.port is None else f" eq {rule.port}"
    return f"{rule.action} {rule.proto} {_end(rule.src)} {_end(rule.dst)}{service}"


def _end(net: Net) -> str:
    if net == ANY:
        return "any"
    if net.length == 32:
        return f"host {write_address(net.address)}"
    return f"{write_address(net.address)} {write_wildcard(net.length)}"


def _list_name(key: str) -> str:
    number = key.removeprefix("F")
    return number if number.isdecimal() else key
