"""Canonical Axon: the one text of an IR, in either version of the language."""

from collections.abc import Iterable, Iterator

from modelops.blueprints.netlang.grammar import check_version
from modelops.blueprints.netlang.ir import Bgp, Config, Port, Route, Rule, Vrf, obstacles
from modelops.blueprints.netlang.values import (
    ANY,
    Net,
    Target,
    write_address,
    write_net,
    write_target,
)
from modelops.digests import digest_bytes


def canonical(config: Config, version: str = "5.0") -> str:
    """Lines joined by LF, without a last LF; empty for an empty IR.

    Raises ValueError for an IR that is not convertible and for an unknown version.
    """
    check_version(version)
    if blocked := obstacles(config):
        raise ValueError(f"No Axon program says this: {'; '.join(blocked)}.")
    return "\n".join(_lines(config, new=version == "5.1"))


def ir_digest(config: Config) -> str:
    """SHA-256 of the canonical 5.0 text, 64 hexadecimal digits."""
    return digest_bytes(canonical(config, "5.0").encode("utf-8", "surrogatepass"))


def _lines(config: Config, *, new: bool) -> Iterator[str]:
    instance = "netinst" if new else "instance"
    if config.host is not None:
        yield f"system {{ name {config.host}; }}"
    for name, vrf in sorted(config.vrf.items()):
        yield _instance(instance, name, vrf)
    for number, label in sorted(config.vlan.items()):
        yield f"bridge {number} {{ label {label}; }}"
    for key, rules in sorted(config.acl.items()):
        yield from _filter(key, rules, new=new)
    yield from _ports(instance, config, {} if new else config.ospf)
    if new and config.ospf:
        yield from _ospf(config.ospf)
    if config.bgp is not None:
        yield from _bgp(config.bgp)
    for route in sorted(config.route, key=lambda route: (route.vrf or "", route.net, route.hop)):
        yield _static(instance, route)


def _instance(word: str, name: str, vrf: Vrf) -> str:
    assert vrf.rd is not None  # or the IR would not be convertible
    return (
        f"{word} {name} {{ rd {write_target(vrf.rd)}; import {_targets(vrf.imports)}; "
        f"export {_targets(vrf.exports)}; }}"
    )


def _targets(values: Iterable[Target]) -> str:
    return " ".join(["[", *map(write_target, sorted(values)), "]"])


def _filter(key: str, rules: list[Rule], *, new: bool) -> Iterator[str]:
    src, dst, port = ("src", "dst", "dport") if new else ("from", "to", "port")
    yield f"filter {key} {{"
    for sequence, rule in enumerate(rules, 1):
        service = "" if rule.port is None else f" {port} {rule.port}"
        yield (
            f"  {sequence * 10} {rule.action} {rule.proto} "
            f"{src} {_end(rule.src)} {dst} {_end(rule.dst)}{service};"
        )
    yield "}"


def _end(net: Net) -> str:
    return "any" if net == ANY else write_net(net)


def _ports(instance: str, config: Config, areas: dict[int, int]) -> Iterator[str]:
    for number, port in sorted(config.port.items()):
        yield f"port ge-{number} {{"
        yield from (f"  {statement};" for statement in _port(instance, port, areas.get(number)))
        yield "}"


def _port(instance: str, port: Port, area: int | None) -> Iterator[str]:
    if port.desc is not None:
        yield f'note "{port.desc}"'
    if port.vrf is not None:
        yield f"{instance} {port.vrf}"
    if port.ip is not None:
        yield f"inet {write_net(port.ip)}"
    if port.access is not None:
        yield f"bridge {port.access}"
    if port.acl_in is not None:
        yield f"filter ingress {port.acl_in}"
    if port.mtu is not None:
        yield f"mtu {port.mtu}"
    if area is not None:
        yield f"ospf area {area}"
    yield "admin down" if port.down else "admin up"


def _ospf(areas: dict[int, int]) -> Iterator[str]:
    yield "ospf {"
    for area in sorted(set(areas.values())):
        ports = " ".join(f"ge-{number}" for number in sorted(areas) if areas[number] == area)
        yield f"  area {area} [ {ports} ];"
    yield "}"


def _bgp(bgp: Bgp) -> Iterator[str]:
    yield f"bgp {bgp.asn} {{"
    for peer, asn in sorted(bgp.peers.items()):
        yield f"  peer {write_address(peer)} as {asn};"
    for net in sorted(bgp.nets):
        yield f"  announce {write_net(net)};"
    yield "}"


def _static(instance: str, route: Route) -> str:
    tail = "" if route.vrf is None else f" {instance} {route.vrf}"
    return f"static {write_net(route.net)} via {write_address(route.hop)}{tail};"
