"""The legacy forms that stand alone: lines of ports, entries of lists, masked addresses.

Each reader takes the words of a line; None or False says that they do not fit, and nothing changed.
"""

import re

from modelops.blueprints.netlang import values
from modelops.blueprints.netlang.ir import Port, Rule
from modelops.blueprints.netlang.values import Net

Words = list[str]

_LIKE_A_NUMBER = re.compile(r"F[0-9]+")


def list_key(text: str) -> str | None:
    """IR key of a LIST: a number of 100..199, or a name that cannot be taken for such a key."""
    number = values.integer(text, 100, 199)
    if number is not None:
        return f"F{number}"
    return None if _LIKE_A_NUMBER.fullmatch(text) else values.name(text)


def masked(text: str, length: int | None) -> Net | None:
    """An address and the length that its mask or wildcard stands for; None when either is wrong."""
    number = values.address(text)
    return None if number is None or length is None else Net(number, length)


def set_port(port: Port, words: Words) -> bool:
    """Take a line of an `interface` block into `port`; False when it has no effect there."""
    match words:
        case ["shutdown"]:
            port.down = True
            return True
        case ["no", "shutdown"]:
            port.down = False
            return True
    attribute, value = _port_value(words)
    if value is None:
        return False
    setattr(port, attribute, value)
    return True


def _port_value(words: Words) -> tuple[str, object]:
    match words:
        case ["description", text]:
            return "desc", text.replace('"', "'")
        case ["ip", "vrf", "forwarding", name] | ["vrf", "forwarding", name]:
            return "vrf", values.name(name)
        case ["ip", "address", number, mask]:
            return "ip", masked(number, values.mask_length(mask))
        case ["switchport", "access", "vlan", number]:
            return "access", values.integer(number, 1, 4094)
        case ["ip", "access-group", key, "in"]:
            return "acl_in", list_key(key)
        case ["mtu", number]:
            return "mtu", values.integer(number, 64, 9216)
    return "", None


def rule(words: Words) -> Rule | None:
    """An ACE: action, protocol, two ends and perhaps a service."""
    if len(words) < 4 or words[0] not in ("permit", "deny"):
        return None
    if words[1] not in ("ip", "tcp", "udp", "icmp"):
        return None
    src, rest = _end(words[2:])
    dst, rest = _end(rest)
    if src is None or dst is None:
        return None
    if not rest:
        return Rule(words[0], words[1], src, dst)
    if len(rest) != 2 or rest[0] != "eq" or words[1] not in ("tcp", "udp"):
        return None
    service = values.integer(rest[1], 1, 65535)
    return None if service is None else Rule(words[0], words[1], src, dst, service)


def _end(words: Words) -> tuple[Net | None, Words]:
    """The end that `words` begin with, and the words after it."""
    if words[:1] == ["any"]:
        return values.ANY, words[1:]
    if len(words) < 2:
        return None, []
    if words[0] == "host":
        return masked(words[1], 32), words[2:]
    net = masked(words[0], values.wildcard_length(words[1]))
    return (None if net is None else values.network_of(net)), words[2:]
