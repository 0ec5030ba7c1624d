"""The small part of Sieve that filters messages (RFC 5228, H.248.69; errors 700 to 702)."""

from __future__ import annotations

import random

import pytest

from replay.mrfp.refusal import Refusal
from replay.mrfp.sieve import read_filter

HEADERS = [("From", "<sip:ann@ims.example.net>"), ("Subject", "Lunch at Noon"), ("Content-Type", "message/cpim")]


@pytest.mark.parametrize(
    ("script", "kept"),
    [
        ("", True),
        ("keep;", True),
        ("discard;", False),
        ("keep; discard;", True),  # an explicit keep holds (RFC 5228 section 4.4)
        ("stop; discard;", True),
        ("discard; stop; keep;", False),
        ('if header :is "Subject" "lunch at noon" { discard; }', False),
        ('if header :is "subject" "lunch" { discard; }', True),
        ('if header "Subject" ["a", "Lunch at Noon"] { discard; }', False),
        ('if header :contains ["x", "From"] ["bob", "ANN@"] { discard; }', False),
        ("if header :contains 'Subject' 'noon' {discard;}", False),
        ('if not header :contains "Subject" "noon" { discard; }', True),
        ('if exists "Subject" { discard; }', False),
        ('if exists ["Subject", "Priority"] { discard; }', True),
        ("if size :over 999 { discard; }", False),
        ("if size :over 1K { discard; }", True),
        ("if size :under 1K { discard; }", False),
        ("if allof (true, false) { discard; }", True),
        ("if anyof (true, false) { discard; }", False),
        ("if false { keep; } elsif true { discard; } else { keep; }", False),
        ("if false { discard; } else { discard; }", False),
        ("if true { if true { stop; } } discard;", True),
        ("# a comment\n/* another\n one */ discard;", False),
        ('if header :contains "Subject" "no\\on" { discard; }', False),
        ("0x" + b"discard;".hex(), False),
        (b'if header :contains "Subject" "noon" { discard; }'.hex(), False),
    ],
)
def test_scripts(script: str, kept: bool) -> None:
    assert read_filter(script).keeps(HEADERS, 1000) is kept


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("keep", 700),
        ("keep;;", 700),
        ("}", 700),
        ("if true { discard;", 700),
        ("if { discard; }", 700),
        ('if header :matches "Subject" "*" { discard; }', 700),
        ('if header "Subject" { discard; }', 700),
        ('redirect "sip:a@b";', 700),
        ('"unended', 700),
        ("\x00", 700),
        ("if " + "not " * 50 + "true { keep; }", 700),
        ("if true {" * 50, 700),
        ("x" * 20_000, 700),
        ('require "fileinto"; keep;', 701),
        ('require ["body", "regex"];', 701),
        ("keep;" * 33, 702),
    ],
)
def test_errors(script: str, code: int) -> None:
    with pytest.raises(Refusal) as refusal:
        read_filter(script)
    assert refusal.value.code == code


def test_any_text_is_a_filter_or_refused() -> None:
    chance = random.Random(3)
    words = [
        "if",
        "header",
        ":is",
        ":contains",
        '"x"',
        "'y'",
        "[",
        "]",
        "{",
        "}",
        "(",
        ")",
        ",",
        ";",
        "keep",
        "discard",
    ]
    words += ["stop", "true", "not", "allof", "size", ":over", "10K", "elsif", "else", "require", "\\", '"', "/*", "#"]
    codes = set()
    for _ in range(5000):
        script = " ".join(chance.choices(words, k=chance.randrange(1, 14)))
        try:
            assert read_filter(script).keeps(HEADERS, 1000) in (True, False)
        except Refusal as refusal:
            codes.add(refusal.code)
    assert codes == {700, 701}
