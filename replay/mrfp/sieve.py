"""Message filters: a small part of Sieve (RFC 5228), as H.248.69 carries it to the gateway (errors 700 to 702).

    script   = *command           command = if / "keep;" / "discard;" / "stop;" / require
    test     = header [":is" | ":contains"] names keys / exists names / size :over|:under number
             / not test / allof (tests) / anyof (tests) / true / false

Headers are those of the CPIM wrapper and of the MSRP request. Comparison ignores the case of ASCII letters, as Sieve's
default does. A script that ends without an action keeps the message. Strings may stand in single quotes as well: the
text encoding of H.248 has no way to put a double quote into a quoted string.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from replay.mrfp.refusal import Refusal

MAX_SCRIPT = 16_384
MAX_ACTIONS = 32
"Actions of one script; more give error 702."
MAX_DEPTH = 16
"How deep tests and blocks may be nested."

_TOKEN = re.compile(
    r"""(?:[ \t\r\n]|\#[^\n]*(?:\n|$)|/\*(?:(?!\*/).)*\*/)*
    (?:("[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*')|(:?[A-Za-z_][A-Za-z0-9_]*)|([0-9]{1,15}[KMGkmg]?)|([\[\](){},;]))?""",
    re.VERBOSE | re.DOTALL,
)
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}

Headers = list[tuple[str, str]]
Test = Callable[[Headers, int], bool]
"""Headers and octets of a message to yes or no."""


@dataclass(frozen=True, slots=True)
class _Action:
    what: str
    "`keep`, `discard` or `stop`."


@dataclass(frozen=True, slots=True)
class _Choice:
    branches: tuple[tuple[Test, tuple[_Action | _Choice, ...]], ...]


_Block = tuple["_Action | _Choice", ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """A script, ready to judge messages."""

    block: _Block

    def keeps(self, headers: Headers, size: int) -> bool:
        """Whether a message with these headers, of this many octets as far as known, is passed on."""
        state = {"kept": False, "discarded": False}
        _run(self.block, headers, size, state)
        return state["kept"] or not state["discarded"]


def _run(block: _Block, headers: Headers, size: int, state: dict[str, bool]) -> bool:
    """Carry out a block; False when `stop` ended the script."""
    for each in block:
        if isinstance(each, _Choice):
            for test, then in each.branches:
                if test(headers, size):
                    if not _run(then, headers, size, state):
                        return False
                    break
        elif each.what == "stop":
            return False
        else:
            state["kept" if each.what == "keep" else "discarded"] = True
    return True


def read_filter(value: str) -> Filter:
    """Read a script, or its octets in hexadecimal. Raises Refusal with error 700, 701 or 702."""
    if len(value) > MAX_SCRIPT:
        raise Refusal(700, "the script is too long")
    digits = value[2:] if value[:2] in ("0x", "0X") else value
    if len(digits) >= 8 and len(digits) % 2 == 0 and re.fullmatch("[0-9A-Fa-f]+", digits):
        value = bytes.fromhex(digits).decode("utf-8", "replace")
    return Filter(_Parser(value).script())


class _Parser:
    """Recursive descent over the tokens of a script."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._at = 0
        self._actions = 0
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise Refusal(700, f"syntax error at character {at}")
            kind = next((name for name, group in zip("swn!", match.groups(), strict=True) if group is not None), "")
            if kind:
                token = match[match.lastindex or 0]
                self._tokens.append((kind, re.sub(r"\\(.)", r"\1", token[1:-1]) if kind == "s" else token.lower()))
            elif match.end() < len(text):
                raise Refusal(700, f"syntax error at character {match.end()}")
            at = match.end()
        self._tokens.append(("", ""))

    def script(self) -> _Block:
        block = self._block(0, top=True)
        if self._peek() != ("", ""):
            raise self._syntax()
        return block

    def _syntax(self) -> Refusal:
        return Refusal(700, f"syntax error at {self._peek()[1] or 'the end'}")

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at]

    def _take(self, kind: str, text: str = "") -> str:
        have = self._peek()
        if have[0] != kind or (text and have[1] != text):
            raise self._syntax()
        self._at += 1
        return have[1]

    def _took(self, text: str) -> bool:
        kind, have = self._peek()
        if kind in ("!", "w") and have == text:
            self._at += 1
            return True
        return False

    def _block(self, depth: int, top: bool = False) -> _Block:
        if depth > MAX_DEPTH:
            raise Refusal(700, "nested too deeply")
        commands: list[_Action | _Choice] = []
        while self._peek()[0] == "w":
            word = self._take("w")
            if word == "require" and top:
                for name in self._strings():
                    raise Refusal(701, f"unsupported require {name}")
                self._take("!", ";")
            elif word in ("keep", "discard", "stop"):
                self._take("!", ";")
                self._actions += 1
                if self._actions > MAX_ACTIONS:
                    raise Refusal(702, f"more than {MAX_ACTIONS} actions")
                commands.append(_Action(word))
            elif word == "if":
                commands.append(self._choice(depth))
            else:
                raise Refusal(700, f"unsupported command {word}")
        return tuple(commands)

    def _choice(self, depth: int) -> _Choice:
        branches = [(self._test(depth), self._braced(depth))]
        while self._took("elsif"):
            branches.append((self._test(depth), self._braced(depth)))
        if self._took("else"):
            branches.append((_always, self._braced(depth)))
        return _Choice(tuple(branches))

    def _braced(self, depth: int) -> _Block:
        self._take("!", "{")
        block = self._block(depth + 1)
        self._take("!", "}")
        return block

    def _test(self, depth: int) -> Test:
        if depth > MAX_DEPTH:
            raise Refusal(700, "nested too deeply")
        word = self._take("w")
        if word in ("true", "false"):
            return _always if word == "true" else _never
        if word == "not":
            inner = self._test(depth + 1)
            return lambda headers, size: not inner(headers, size)
        if word in ("allof", "anyof"):
            tests = self._tests(depth)
            every = all if word == "allof" else any
            return lambda headers, size: every(test(headers, size) for test in tests)
        if word == "size":
            return self._size()
        if word == "exists":
            wanted = {name.lower() for name in self._strings()}
            return lambda headers, size: wanted <= {name.lower() for name, _ in headers}
        if word == "header":
            return self._header()
        raise Refusal(700, f"unsupported test {word}")

    def _tests(self, depth: int) -> list[Test]:
        self._take("!", "(")
        tests = [self._test(depth + 1)]
        while self._took(","):
            tests.append(self._test(depth + 1))
        self._take("!", ")")
        return tests

    def _size(self) -> Test:
        way = self._take("w")
        if way not in (":over", ":under"):
            raise self._syntax()
        text = self._take("n").upper()
        limit = int(text.rstrip("KMG")) * _UNITS.get(text[-1], 1)
        if way == ":over":
            return lambda headers, size: size > limit
        return lambda headers, size: size < limit

    def _header(self) -> Test:
        way = self._take("w") if self._peek()[0] == "w" else ":is"
        if way not in (":is", ":contains"):
            raise Refusal(700, f"unsupported match type {way}")
        names = {name.lower() for name in self._strings()}
        keys = [key.lower() for key in self._strings()]
        if way == ":is":
            return lambda headers, size: any(
                name.lower() in names and value.strip().lower() in keys for name, value in headers
            )
        return lambda headers, size: any(
            name.lower() in names and any(key in value.lower() for key in keys) for name, value in headers
        )

    def _strings(self) -> list[str]:
        if not self._took("["):
            return [self._take("s")]
        found = [self._take("s")]
        while self._took(","):
            found.append(self._take("s"))
        self._take("!", "]")
        return found


def _always(headers: Headers, size: int) -> bool:
    return True


def _never(headers: Headers, size: int) -> bool:
    return False
