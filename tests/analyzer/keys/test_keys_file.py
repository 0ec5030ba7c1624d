"""The keys file: what it may hold, in TOML and in JSON, and the line of whatever is wrong."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.keys.keys_file import KeysFileError, key_octets, read_address, read_keys
from analyzer.keys.supplied import KeyKind, SuppliedKey

PATH = Path("site/keys.toml")

TOML = """\
# what the lab gave us
key_log = ["sslkeys.log", "/var/log/other.log"]
rsa_key = "server.pem"

[[tpk]]
kms = "kms.example.net"
holder = "sip:mrfc@example.net"
key = "00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f"

[[tpk]]
key = "base64:AAECAwQFBgcICQoLDA0ODw=="
name = "second"

[[kms_psk]]
holder = "sip:alice@ims.example.net"
key = "a0:a1:a2"

[[tgk]]
csb_id = 0x12345678
spi = "00000002"
forked = true
key = "30"

[[tek]]
csb_id = "0x12345678"
key = "31"

[[psk]]
identity = "alice"
address = "198.51.100.7:7394"
key = "32"

[[psk]]
identity_hex = "00ff"
address = "2001:DB8::1"
key = "33"
"""


def test_every_table_is_read() -> None:
    found = read_keys(TOML, PATH)
    assert found.key_logs == [Path("site/sslkeys.log"), Path("/var/log/other.log")]
    assert found.rsa_files == [Path("site/server.pem")]
    assert {str(path): by for path, by in found.named_by.items()} == {
        "site/sslkeys.log": "site/keys.toml, line 2",
        "/var/log/other.log": "site/keys.toml, line 2",
        "site/server.pem": "site/keys.toml, line 3",
    }
    assert found.keys == [
        SuppliedKey(
            KeyKind.TPK,
            bytes(range(16)),
            "keys.toml:5 tpk",
            kms="kms.example.net",
            holder="sip:mrfc@example.net",
        ),
        SuppliedKey(KeyKind.TPK, bytes(range(16)), "second"),
        SuppliedKey(KeyKind.KMS_PSK, b"\xa0\xa1\xa2", "keys.toml:14 kms_psk", holder="sip:alice@ims.example.net"),
        SuppliedKey(KeyKind.TGK, b"0", "keys.toml:18 tgk", csb_id=0x12345678, spi=b"\0\0\0\2", forked=True),
        SuppliedKey(KeyKind.TEK, b"1", "keys.toml:24 tek", csb_id=0x12345678),
        SuppliedKey(KeyKind.PSK, b"2", "keys.toml:28 psk", identity=b"alice", address="198.51.100.7", port=7394),
        SuppliedKey(KeyKind.PSK, b"3", "keys.toml:33 psk", identity=b"\0\xff", address="2001:db8::1"),
    ]


def test_json_holds_the_same_tables() -> None:
    tables = {"key_log": "a.log", "tpk": [{"key": "0001", "kms": "k"}], "psk": [{"identity": "x", "key": "02"}]}
    found = read_keys(json.dumps(tables), PATH)
    assert found.key_logs == [Path("site/a.log")]
    assert [(key.kind, key.key, key.kms, key.identity) for key in found.keys] == [
        (KeyKind.TPK, b"\0\1", "k", None),
        (KeyKind.PSK, b"\2", "", b"x"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("[[tpk]]\nkey = 'zz'\n", 2, "[[tpk]] number 1: the key is not hexadecimal"),
        ("[[tpk]]\nkey = '00'\n\n[[tpk]]\nkms = 'k'\n", 4, "[[tpk]] number 2: it has no key"),
        ("[[tpk]]\nkey = '00'\n[[tpk]]\nkey = 'base64:#'\n", 4, "[[tpk]] number 2: the key is no base64"),
        ("[[tpk]]\nkey = ''\n", 2, "[[tpk]] number 1: a key has 1 to 1024 octets, this one 0"),
        (
            "[[tpk]]\nkey = '00'\ncsb_id = 1\n",
            3,
            "no field 'csb_id'; known are holder, key, kms, name",
        ),
        (
            "[[tgk]]\nkey = '00'\ncsb_id = -1\n",
            3,
            "[[tgk]] number 1: csb_id is a number of 32 bits",
        ),
        ("[[tgk]]\nkey = '00'\ncsb_id = true\n", 3, "[[tgk]] number 1: csb_id is a number of 32 bits"),
        ("[[tgk]]\nkey = '00'\nforked = 'yes'\n", 3, "[[tgk]] number 1: forked is true or false"),
        (
            "[[psk]]\nkey = '00'\nidentity = 'a'\nidentity_hex = '61'\n",
            4,
            "identity and identity_hex exclude",
        ),
        ("[[psk]]\nkey = '00'\naddress = 'host'\n", 3, "[[psk]] number 1: address is an IP address"),
        ("[[psk]]\nkey = '00'\naddress = '1.2.3.4:70000'\n", 3, "[[psk]] number 1: the port of an address"),
        ("[[psk]]\nkey = 5\n", 2, "[[psk]] number 1: key is a text"),
        ("\n[[pks]]\nkey = '00'\n", 2, "there is no table 'pks'; known are tpk, kms_psk, mpk, tgk, tek, psk, key_log"),
        ("\n\ntpk = '00'\n", 3, "write [[tpk]] before each of its keys"),
        ("key_log = 5\n", 1, "key_log is a list of file names"),
        ("[[tpk]]\nkey = 00\n", 2, "Cannot overwrite|Expected|Invalid|Unterminated"),
        ('{"tpk": [{"key": "00"}],\n "psk": }', 2, "Expecting value"),
        ("{}x", 1, "Extra data"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, why: str) -> None:
    with pytest.raises(KeysFileError) as caught:
        read_keys(text, PATH)
    assert any(each in caught.value.why for each in why.split("|"))
    assert caught.value.line == line


def test_a_key_is_never_shown() -> None:
    found = read_keys("[[tpk]]\nkey = 'deadbeef'\n", PATH).keys[0]
    assert "deadbeef" not in repr(found)
    assert repr(b"\xde\xad\xbe\xef") not in repr(found)
    with pytest.raises(KeysFileError) as caught:
        read_keys("[[tpk]]\nkey = 'deadbeefz'\n", PATH)
    assert "deadbeef" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("192.0.2.1", ("192.0.2.1", None)),
        ("192.0.2.1:2855", ("192.0.2.1", 2855)),
        ("2001:db8:0::1", ("2001:db8::1", None)),
        ("[2001:db8::1]:2855", ("2001:db8::1", 2855)),
        ("[2001:db8::1]", ("2001:db8::1", None)),
    ],
)
def test_addresses(text: str, place: tuple[str, int | None]) -> None:
    assert read_address(text) == place


@given(st.binary(min_size=1, max_size=64))
def test_keys_in_both_spellings(key: bytes) -> None:
    import base64

    assert key_octets(key.hex()) == key
    assert key_octets(key.hex(":").upper()) == key
    assert key_octets("base64:" + base64.b64encode(key).decode()) == key


@given(st.text(max_size=200))
def test_any_text_gives_keys_or_the_one_error(text: str) -> None:
    with contextlib.suppress(KeysFileError):
        assert all(key.key for key in read_keys(text, PATH).keys)


KEY = "00112233445566778899aabbccddeeff"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"[[{KEY}]]\n", "there is no table of this name (not shown, it may be a key); known are tpk, kms_psk"),
        (f"{KEY} = 'alice'\n", "there is no table of this name (not shown, it may be a key); known are tpk, kms_psk"),
        (
            f"[[psk]]\n{KEY} = 'key'\n",
            "[[psk]] number 1: no field of this name (not shown, it may be a key); known are",
        ),
        (f"[[psk]]\nidentity = '{KEY}'\nkey = 'alice'\n", "[[psk]] number 1: the key is not hexadecimal"),
        (f"[[psk]]\nname = '{KEY}'\nkey = '{KEY}'\n", "name is, or looks like, a key; reports show names"),
        ("[[psk]]\nname = 'my aabb'\nkey = 'aa:bb'\n", "name is, or looks like, a key; reports show names"),
        (f"[[psk]]\na = {{ {KEY} = 1, {KEY} = 2 }}\n", "(32 hexadecimal digits, not shown)"),
        (f"[[psk]]\nkey = {KEY}\n", ""),
        (f"[[psk]]\naddress = '{KEY}'\nkey = '00'\n", "address is an IP address"),
        (f"[[psk]]\nidentity_hex = '{KEY}0'\nkey = '00'\n", "identity_hex is hexadecimal"),
        (f"[[tgk]]\ncsb_id = '{KEY}'\nkey = '00'\n", "csb_id is a number of 32 bits"),
        (f'{{"psk": [{{"{KEY}": 1}}]}}', "no field of this name"),
    ],
)
def test_a_key_in_the_wrong_place_is_not_repeated(text: str, why: str) -> None:
    with pytest.raises(KeysFileError) as caught:
        read_keys(text, PATH)
    assert why in caught.value.why
    assert KEY not in str(caught.value)
    assert "aabb" not in str(caught.value)


@pytest.mark.parametrize(
    ("octets", "notes"),
    [
        (15, ["site/keys.toml, line 1: a tpk of 15 octets is no likely key (fewer than 16); is it copied whole?"]),
        (1, ["site/keys.toml, line 1: a tpk of 1 octet is no likely key (fewer than 16); is it copied whole?"]),
        (16, []),
        (64, []),
        (65, ["site/keys.toml, line 1: a tpk of 65 octets is no likely key (more than 64); is it copied whole?"]),
    ],
)
def test_a_ticket_key_of_an_impossible_length_is_told(octets: int, notes: list[str]) -> None:
    found = read_keys(f"[[tpk]]\nkey = '{'00' * octets}'\n", PATH)
    assert (found.notes, len(found.keys[0].key)) == (notes, octets)


def test_a_psk_may_be_as_short_as_it_is() -> None:
    assert read_keys("[[psk]]\nkey = '00'\n", PATH).notes == []
