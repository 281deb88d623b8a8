"""Values that both languages share: numbers, names, IPv4 addresses, nets, masks, route targets.

Every reader takes text and returns the value, or None when the text is not one; none raises.
Addresses are numbers from 0 to 2**32 - 1, so that sorting is numeric.
"""

import re
from typing import NamedTuple

U32 = 2**32 - 1

_INTEGER = re.compile(r"0|[1-9][0-9]{0,9}")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,62}")
_OCTET = {str(number): number for number in range(256)}
_LENGTH = {str(number): number for number in range(33)}
_MASK = {U32 ^ (U32 >> length): length for length in range(33)}


class Net(NamedTuple):
    """An address and a prefix length: a PREFIX when the host bits are zero, else an IFADDR."""

    address: int
    length: int


class Target(NamedTuple):
    """A route distinguisher or route target, `upper:lower`."""

    upper: int
    lower: int


ANY = Net(0, 0)
"""Both `any` and `0.0.0.0/0`."""


def integer(text: str, low: int, high: int) -> int | None:
    """INT within `low`..`high`: no sign, no leading zero, at most ten digits."""
    if not _INTEGER.fullmatch(text):
        return None
    number = int(text)
    return number if low <= number <= high else None


def name(text: str) -> str | None:
    """NAME: a letter, then up to 62 of `A-Z a-z 0-9 _ . -`."""
    return text if _NAME.fullmatch(text) else None


def address(text: str) -> int | None:
    """ADDR as a number."""
    parts = text.split(".")
    if len(parts) != 4:
        return None
    number = 0
    for part in parts:
        octet = _OCTET.get(part)
        if octet is None:
            return None
        number = number << 8 | octet
    return number


def interface_address(text: str) -> Net | None:
    """IFADDR, `ADDR/LEN`; host bits are free."""
    left, slash, right = text.partition("/")
    number, length = address(left), _LENGTH.get(right)
    if not slash or number is None or length is None:
        return None
    return Net(number, length)


def prefix(text: str) -> Net | None:
    """PREFIX, `ADDR/LEN` with every host bit zero."""
    net = interface_address(text)
    return net if net is not None and net == network_of(net) else None


def target(text: str) -> Target | None:
    """RT, `u32:u32`."""
    left, colon, right = text.partition(":")
    upper, lower = integer(left, 0, U32), integer(right, 0, U32)
    if not colon or upper is None or lower is None:
        return None
    return Target(upper, lower)


def mask_length(text: str) -> int | None:
    """Prefix length of a net MASK: 0.0.0.0 is 0, 255.255.255.255 is 32."""
    number = address(text)
    return None if number is None else _MASK.get(number)


def wildcard_length(text: str) -> int | None:
    """Prefix length of a WILDCARD: 0.0.0.0 is 32, 255.255.255.255 is 0."""
    number = address(text)
    return None if number is None else _MASK.get(U32 ^ number)


def network_of(net: Net) -> Net:
    """The same net with its host bits cleared."""
    return Net(net.address & (U32 ^ (U32 >> net.length)), net.length)


def contains(net: Net, number: int) -> bool:
    """Whether the address `number` lies in `net`."""
    return network_of(Net(number, net.length)) == network_of(net)


def write_address(number: int) -> str:
    """`10.0.0.1`."""
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def write_net(net: Net) -> str:
    """`10.0.0.0/24`."""
    return f"{write_address(net.address)}/{net.length}"


def write_target(value: Target) -> str:
    """`64512:7`."""
    return f"{value.upper}:{value.lower}"


def write_mask(length: int) -> str:
    """Net mask of a prefix length, `255.255.255.0`."""
    return write_address(U32 ^ (U32 >> length))


def write_wildcard(length: int) -> str:
    """Inverse mask of a prefix length, `0.0.0.255`."""
    return write_address(U32 >> length)
