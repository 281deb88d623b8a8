"""The grammar of Axon 5.0 and 5.1: text to syntax tree; knows syntax, not what a program means.

Words are never reserved, so a word is a keyword only where the parser can use one. In no state
does the grammar accept both a keyword and a free word, so this never needs to guess.
"""

import re
from collections.abc import Iterator
from functools import cache
from string import Template
from typing import TYPE_CHECKING

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedToken
from lark.lexer import Lexer

if TYPE_CHECKING:
    from lark.common import LexerConf
    from lark.lexer import LexerState
    from lark.parsers.lalr_parser_state import ParserState

VERSIONS = ("5.0", "5.1")

MAX_CHARACTERS = 65_536
"""Longest program, in code points."""

_GRAMMAR = Template(r"""
start: (system | instance | bridge | filter | port | bgp | static $items)+
system: "system" "{" "name" WORD ";" "}"
instance: "$instance" WORD "{" "rd" WORD ";" "import" targets ";" "export" targets ";" "}"
targets: "[" WORD* "]"
bridge: "bridge" WORD "{" "label" WORD ";" "}"
filter: "filter" WORD "{" rule+ "}"
rule: WORD ACTION PROTO "$src" _end "$dst" _end ["$service" WORD] ";"
_end: ANY | WORD
port: "port" WORD "{" (_statement ";")* "}"
_statement: desc | vrf | ip | access | acl_in | mtu | admin $statements
desc: "note" STRING
vrf: "$instance" WORD
ip: "inet" WORD
access: "bridge" WORD
acl_in: "filter" "ingress" WORD
mtu: "mtu" WORD
admin: "admin" STATE
bgp: "bgp" WORD "{" ((peer | announce) ";")* "}"
peer: "peer" WORD "as" WORD
announce: "announce" WORD
static: "static" WORD "via" WORD ["$instance" WORD] ";"
$rules
ACTION: "permit" | "deny"
PROTO: "ip" | "tcp" | "udp" | "icmp"
STATE: "up" | "down"
ANY: "any"
WORD: /[A-Za-z0-9_.:\/-]+/
STRING: /"[^"\r\n]*"/
""")

_WORDS = {
    "5.0": {
        "instance": "instance",
        "src": "from",
        "dst": "to",
        "service": "port",
        "items": "",
        "statements": "| area",
        "rules": 'area: "ospf" "area" WORD',
    },
    "5.1": {
        "instance": "netinst",
        "src": "src",
        "dst": "dst",
        "service": "dport",
        "items": "| ospf",
        "statements": "",
        "rules": 'ospf: "ospf" "{" members+ "}"\nmembers: "area" WORD "[" WORD+ "]" ";"',
    },
}

_TOKEN = re.compile(
    r'[ \t\r\n]+|(?P<WORD>[A-Za-z0-9_.:/-]+)|(?P<STRING>"[^"\r\n]*")|(?P<SIGN>[{}\[\];])'
)
_SCRAP = re.compile(r'[A-Za-z0-9_.:/-]+|"[^"\r\n]*"|[^ \t\r\n]')
_CHOICES = re.compile(r"\(\?:([a-z|]+)\)")


class AxonError(ValueError):
    """The text is not an Axon program; the message names the line where there is one."""


def check_version(version: str) -> None:
    """Raise ValueError unless `version` is one of `VERSIONS`."""
    if version not in VERSIONS:
        raise ValueError(f"Axon {version!r} is unknown; use {' or '.join(VERSIONS)}.")


def parse(text: str, version: str) -> Tree[Token]:
    """Syntax tree of a program. Raises AxonError, and ValueError for an unknown version."""
    check_version(version)
    if len(text) > MAX_CHARACTERS:
        raise AxonError(f"{len(text)} characters; a program has at most {MAX_CHARACTERS}")
    try:
        return _parser(version).parse(text)
    except UnexpectedToken as fault:
        raise AxonError(_describe(fault)) from None


def tokens(text: str) -> list[str]:
    """The words, strings and signs of any text; a character that is none of them counts alone."""
    return _SCRAP.findall(text)


@cache
def _parser(version: str) -> Lark:
    grammar = _GRAMMAR.substitute(_WORDS[version])
    return Lark(grammar, parser="lalr", lexer=_WordLexer, maybe_placeholders=True)


class _WordLexer(Lexer):
    """Types each word by what the parser can use next."""

    __future_interface__ = 2  # lark hands over the parser's state

    def __init__(self, settings: "LexerConf") -> None:
        self._terminals: dict[str, str] = {}
        for terminal in settings.terminals:
            if terminal.pattern.type == "str":
                self._terminals[terminal.pattern.value] = terminal.name
            elif choices := _CHOICES.fullmatch(terminal.pattern.value):
                self._terminals.update(dict.fromkeys(choices[1].split("|"), terminal.name))

    def lex(self, lexer_state: "LexerState", parser_state: "ParserState") -> Iterator[Token]:
        """Yield tokens lazily: each is typed after the parser has taken the one before."""
        text = lexer_state.text.text
        known, states = self._terminals, parser_state.parse_conf.parse_table.states
        position, line = 0, 1
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise AxonError(f"line {line}: {text[position]!r} begins no word, string or sign")
            value, kind, start, position = match[0], match.lastgroup, position, match.end()
            if kind is None:
                line += value.count("\n")
                continue
            if kind != "STRING":
                wanted = known.get(value, "WORD")
                kind = wanted if wanted in states[parser_state.position] else kind
            yield Token(kind, value, start, line)


def _describe(fault: UnexpectedToken) -> str:
    token = fault.token
    expected = ", ".join(sorted(_spell(name) for name in fault.expected))
    if token.type == "$END":
        return f"the program ends where one of these was expected: {expected}"
    return f"line {token.line}: {str(token)!r} where one of these was expected: {expected}"


def _spell(terminal: str) -> str:
    special = {
        "WORD": "a value",
        "LBRACE": "{",
        "RBRACE": "}",
        "LSQB": "[",
        "RSQB": "]",
        "SEMICOLON": ";",
        "ACTION": "permit, deny",
        "PROTO": "ip, tcp, udp, icmp",
        "STATE": "up, down",
        "STRING": "a string",
        "$END": "the end",
    }
    return special.get(terminal, terminal.lower())
