"""What may be a key is told from names, and never repeated."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.keys.secrecy import may_be_key, without_keys

KEY = "00112233445566778899aabbccddeeff"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("00112233445566778899aabbccddeeff: no such file", "(32 hexadecimal digits, not shown): no such file"),
        ("d7:3b:44:52:15:88:5e:f2:45", "(18 hexadecimal digits, not shown)"),
        ("key base64:EBESExQVFhcYGRobHB0eHw==", "key (31 characters, not shown)"),
        ("EBESExQVFhcYGRobHB0eHw== is no table", "(24 characters, not shown) is no table"),
        ("capture-20260101034435123456.pcap", "capture-20260101034435123456.pcap"),
        ("6d72 6663 2773 2074 6963 no table", "(20 hexadecimal digits, not shown) no table"),
        ("2026 0112 1534 1200", "2026 0112 1534 1200"),
        ("2001:0db8:0000:0000:0000:0000:abcd:0001", "2001:0db8:0000:0000:0000:0000:abcd:0001"),
        ("0" * 32, "(32 hexadecimal digits, not shown)"),
        ("123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000"),
        ("02:00:00:00:00:01 and 2001:db8::1", "02:00:00:00:00:01 and 2001:db8::1"),
        ("s-1a2b3c4d5e of frame 12", "s-1a2b3c4d5e of frame 12"),
    ],
)
def test_without_keys(text: str, shown: str) -> None:
    assert without_keys(text) == shown


def test_names_of_files_stay() -> None:
    names = {f"/tmp/{KEY}", f"{KEY}.pcap", f"/tmp/{KEY}/k.toml"}
    for text in (
        f"File '/tmp/{KEY}/no.toml' does not exist.",
        f"{KEY}.pcap: cut off",
        f"/tmp/{KEY}/k.toml:3: no such key",
        f"(named in /tmp/{KEY}/k.toml, line 2)",
    ):
        assert without_keys(text, names.__contains__) == text
    assert without_keys(f"{KEY} is no name; {KEY}.pcap is", names.__contains__) == (
        f"(32 hexadecimal digits, not shown) is no name; {KEY}.pcap is"
    )


@given(st.binary(min_size=16, max_size=64), st.text(max_size=5), st.text(max_size=5))
def test_no_key_of_sixteen_octets_is_left(key: bytes, before: str, after: str) -> None:
    forms = (key.hex(), key.hex().upper(), key.hex(":"), key.hex(" "), "base64:" + base64.b64encode(key).decode())
    for form in forms:
        assert form not in without_keys(f"{before} {form} {after}")
        assert may_be_key(form)


@pytest.mark.parametrize("text", ["00aabb", "alice:00aabb", ":00", "0xdeadbeef", "aa:bb", "aGVsbG8gd29ybGQhIDEyMw"])
def test_short_keys_and_base64(text: str) -> None:
    assert may_be_key(text)


@pytest.mark.parametrize(
    "text", ["keys.toml", "/nowhere/k.toml", "sslkeys.log", "pks", "field", "a", "no-such-file-in-here-at-all"]
)
def test_names(text: str) -> None:
    assert not may_be_key(text)
