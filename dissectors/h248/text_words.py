"""Words and marks of the text encoding (H.248.1 Annex B.2), and the reader that hands them out.

A message is cut into words, quoted strings and the marks `{ } = , < > # [ ]`; comments and white space fall away. A
Local or Remote descriptor becomes two words, `L{` or `R{` and its octets. Most messages have neither quotes nor
comments, and are cut by plain string methods, which take half the time of a regular expression.

Every function that reads an item of a list reads on to the mark behind it, and returns that mark. So nothing is ever
put back, and the words can come from a plain iterator.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dissectors.errors import DecodeError

MAX_DEPTH = 16
"""Braces inside each other in a part that is kept as text."""

_LOCAL_REMOTE = (
    r"([LlRr](?<=[{,\s].)(?:(?<=[Ll])[Oo][Cc][Aa][Ll]|(?<=[Rr])[Ee][Mm][Oo][Tt][Ee])?)"
    r"[ \t\r\n]*\{([^}]*(?:(?<=\\)\}[^}]*)*)(?<!\\)\}"
)
_SDP = re.compile(_LOCAL_REMOTE, re.DOTALL)
_PLAIN = r'"[^"]*"|[{}=,<>#\[\]]|[^\s{}=,<>#\[\]";]+|;[^\r\n]*|"'
_WORD = re.compile(rf"{_LOCAL_REMOTE}|({_PLAIN})", re.DOTALL)
_PLAIN_WORD = re.compile(rf"()()({_PLAIN})")
_SDP_MARKS = {"L": "L{", "l": "L{", "R": "R{", "r": "R{"}


def cut_words(text: str, start: int) -> list[str]:
    """The words of `text` from `start` on."""
    words: list[str] = []
    end = _last_brace(text)
    pieces = _SDP.split(text[start:end])
    pieces[-1] += text[max(start, end) :]
    last = len(pieces) - 1
    for at in range(0, last + 1, 3):
        piece = pieces[at]
        if at < last and piece.rstrip()[-1:] not in ("{", ","):
            return [word for word, _ in _cut_slowly(text, start)]
        if '"' in piece:
            # Every second part stands in quotes; a comment may hold a quote, so with both the slow way decides.
            for number, part in enumerate(quoted := piece.split('"')):
                if number % 2:
                    words.append(f'"{part}"')
                elif ";" in part or len(quoted) % 2 == 0:
                    return [word for word, _ in _cut_slowly(text, start)]
                else:
                    words += _cut_plain(part)
        elif ";" in piece:
            return [word for word, _ in _cut_slowly(text, start)]
        else:
            words += _cut_plain(piece)
        if at < last:
            words.append(_SDP_MARKS[pieces[at + 1][0]])
            words.append(pieces[at + 2])
    return words


def _cut_plain(piece: str) -> list[str]:
    """Words and marks of text without quotes, comments and SDP."""
    piece = piece.replace("{", " { ").replace("}", " } ").replace("=", " = ").replace(",", " , ")
    if "[" in piece or "]" in piece or "<" in piece or ">" in piece or "#" in piece:
        piece = piece.replace("[", " [ ").replace("]", " ] ")
        piece = piece.replace("<", " < ").replace(">", " > ").replace("#", " # ")
    return piece.split()


def _last_brace(text: str) -> int:
    """Where the last brace that can close Local or Remote ends: behind it their search would run to the end in vain."""
    end = text.rfind("}")
    while end > 0 and text[end - 1] == "\\":
        end = text.rfind("}", 0, end)
    return end + 1


def _cut_slowly(text: str, start: int) -> list[tuple[str, int]]:
    """The same words with the places where they begin."""
    found: list[tuple[str, int]] = []
    before = ""
    at = start
    end = _last_brace(text)
    # Local and Remote stand behind a brace or a comma: in `MF = R {` the name of a termination only looks like it.
    while (match := (_WORD if before in ("{", ",") and at < end else _PLAIN_WORD).search(text, at)) is not None:
        letter, octets, word = match.groups()
        at = match.end()
        if letter:
            found.append((_SDP_MARKS[letter[0]], match.start()))
            found.append((octets, match.start(2)))
            before = "}"
            continue
        if word[0] != ";":
            before = word
            found.append((word, match.start()))
    return found


class Reader:
    """Hands out the words; running off their end is a StopIteration, which becomes a DecodeError further up."""

    __slots__ = ("_places", "_start", "_text", "_words", "faults", "take", "words")

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._start = start
        self._places: list[int] | None = None
        self.words = cut_words(text, start)
        self._words: Iterator[str] = iter(self.words)
        self.take = self._words.__next__
        """Take the next word."""
        self.faults: list[str] = []

    def take_or_end(self) -> str:
        """Take the next word, or an empty one where there is none."""
        return next(self._words, "")

    def _at(self) -> int:
        """The number of the next word."""
        return len(self.words) - self._words.__length_hint__()  # type: ignore[attr-defined, no-any-return]

    def _place(self, number: int) -> int:
        """Where in the text word `number` begins; found out once, and only for errors and parts kept as text."""
        if self._places is None:
            self._places = [place for _, place in _cut_slowly(self._text, self._start)]
        return self._places[number] if number < len(self._places) else len(self._text)

    def fail(self, what: str, why: str) -> DecodeError:
        """The error that blames the word taken last."""
        return DecodeError(f"H.248 {what}", self._place(max(self._at() - 1, 0)), why)

    def expect(self, mark: str, what: str) -> None:
        """Take a word that must be `mark`."""
        if self.take() != mark:
            raise self.fail(what, f"'{mark}' expected")

    def closed(self, mark: str, what: str) -> bool:
        """Whether `mark`, which stands behind an item of a list, closes it; otherwise it must be a comma."""
        if mark == "}":
            return True
        if mark != ",":
            raise self.fail(what, "',' or '}' expected")
        return False

    def number(self, what: str, limit: int = 0xFFFFFFFF) -> int:
        """Take a decimal number."""
        word = self.take()
        if word.isdecimal() and word.isascii() and len(word) <= 10:
            value = int(word)
            if value <= limit:
                return value
        raise self.fail(what, f"a number up to {limit} expected")

    def assigned(self, what: str) -> str:
        """Take `=` and the word behind it."""
        if self.take() != "=":
            raise self.fail(what, "'=' expected")
        word = self.take()
        if word in "{},":
            raise self.fail(what, "a value expected")
        return word

    def assigned_number(self, what: str, limit: int = 0xFFFFFFFF) -> int:
        """Take `=` and a number."""
        if self.take() != "=":
            raise self.fail(what, "'=' expected")
        return self.number(what, limit)

    def text_to_brace(self) -> tuple[str, str]:
        """The text from the word taken last to the next closing brace, and that brace."""
        first = self._place(self._at() - 1)
        while self.take() != "}":
            pass
        return self._text[first : self._place(self._at() - 1)], "}"

    def braced_text(self, mark: str, what: str) -> tuple[str, str]:
        """The text of a part that `mark` opens, with its braces, and the mark behind it; no text if it opens none."""
        if mark not in ("{", "L{", "R{"):
            return "", mark
        first = self._place(self._at() - 1)
        take = self.take
        depth = 0
        while True:
            if mark == "{":
                depth += 1
                if depth > MAX_DEPTH:
                    raise self.fail(what, f"more than {MAX_DEPTH} braces inside each other")
            elif mark == "}":
                depth -= 1
                if depth == 0:
                    return self._text[first : self._place(self._at() - 1) + 1], take()
            elif mark in ("L{", "R{"):
                take()
            mark = take()
