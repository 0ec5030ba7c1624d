"""H.248 binary: known answers, values, termination ids, package names (H.248.1 Annex A, Annex C.11, clause 12)."""

from __future__ import annotations

import pytest

from dissectors.errors import DecodeError
from dissectors.h248 import H248Message, PackageTable, TransactionPending, decode_h248, decode_h248_text, encode_h248
from dissectors.h248.binary import decode_h248_binary, encode_h248_binary
from dissectors.h248.binary_sdp import pull_sdp, push_sdp
from dissectors.h248.binary_values import (
    BARE_OCTETS,
    BARE_TEXT,
    Coder,
    pull_mid,
    pull_termination,
    pull_value,
    push_mid,
    push_termination,
    push_value,
)
from dissectors.h248.model import ServiceChange, TransactionRequest
from dissectors.h248.package_data import PACKAGE_DATA
from dissectors.h248.package_table import UNKNOWN, ItemType, default_packages

PENDING = bytes.fromhex("301da11b800103a10ca00a8004c000021481020b80a208a106a10480021268")
COLD_BOOT = bytes.fromhex(
    "305ea15c800103a10ca00a8004c000021481020b80a249a147a045800101a140303e800100a3393037a035a733a00e300ca0008108"
    "ffffffffffffffffa121800103820103a30680046d702f31a411040f160d39303120436f6c6420426f6f74"
)


def test_pending() -> None:
    message = decode_h248(PENDING)
    assert message == H248Message(3, "[192.0.2.20]:2944", [TransactionPending(4712)])
    assert message.encoding == "binary"
    assert message.data == PENDING
    assert encode_h248(message) == PENDING


def test_cold_boot() -> None:
    message = decode_h248_binary(COLD_BOOT)
    (request,) = message.transactions
    assert isinstance(request, TransactionRequest)
    (command,) = request.actions[0].commands
    assert command.termination_ids == ["ROOT"]
    assert command.service_change == ServiceChange("Restart", "901 Cold Boot", profile="mp/1", version=3)
    assert encode_h248_binary(message) == COLD_BOOT
    text = b'!/3 [192.0.2.20]:2944 T=1{C=-{SC=ROOT{SV{MT=RS,RE="901 Cold Boot",V=3,PF=mp/1}}}}'
    assert encode_h248_binary(decode_h248_text(text)) == COLD_BOOT


def test_reason_without_its_own_ber() -> None:
    """As OTP's megaco writes it; we write it wrapped (clause 12.2)."""
    bare = COLD_BOOT.replace(b"\x16\x0d901 Cold Boot", b"901 Cold Reboot")
    (request,) = decode_h248_binary(bare).transactions
    assert isinstance(request, TransactionRequest)
    change = request.actions[0].commands[0].service_change
    assert change is not None
    assert change.reason == "901 Cold Reboot"
    assert b"\x16\x0f901 Cold Reboot" in encode_h248_binary(decode_h248_binary(bare))


def test_indefinite_lengths() -> None:
    opened = b"\x30\x80\xa1\x80\x80\x01\x03\xa1\x80\xa0\x0a\x80\x04\xc0\x00\x02\x14\x81\x02\x0b\x80\x00\x00"
    opened += b"\xa2\x80\xa1\x80\xa1\x04\x80\x02\x12\x68" + b"\x00\x00" * 4
    assert decode_h248_binary(opened) == decode_h248_binary(PENDING)


def test_octets_behind_the_message() -> None:
    message = decode_h248_binary(PENDING + b"\x00\x00")
    assert message.faults == ["2 octets after the message"]


@pytest.mark.parametrize("cut", range(1, len(COLD_BOOT)))
def test_cut_messages_are_errors(cut: int) -> None:
    with pytest.raises(DecodeError):
        decode_h248_binary(COLD_BOOT[:cut])


ENUM = ItemType("enum", {"LATCH": 1})


@pytest.mark.parametrize(
    ("octets", "item_type", "text", "tag"),
    [
        ("020128", UNKNOWN, "40", 2),
        ("0202ff7f", UNKNOWN, "-129", 2),
        ("020900ffffffffffffffff", UNKNOWN, "18446744073709551615", 2),
        ("0101ff", UNKNOWN, "on", 1),
        ("010100", UNKNOWN, "off", 1),
        ("0a0101", ENUM, "LATCH", 10),
        ("0a0107", ENUM, "7", 10),
        ("1603612062", UNKNOWN, "a b", 22),
        ("0c02c3a9", UNKNOWN, "\u00e9", 12),
        ("0402b8ff", UNKNOWN, "b8ff", 4),
        ("3430", UNKNOWN, "40", BARE_TEXT),
        ("67313635", UNKNOWN, "g165", BARE_TEXT),
        ("0001ff", UNKNOWN, "0001ff", BARE_OCTETS),
        ("1605", UNKNOWN, "1605", BARE_OCTETS),
    ],
)
def test_values(octets: str, item_type: ItemType, text: str, tag: int) -> None:
    assert pull_value(bytes.fromhex(octets), item_type) == (text, tag)
    assert push_value(text, item_type, tag, quoted=False) == bytes.fromhex(octets)


@pytest.mark.parametrize(
    ("text", "item_type", "quoted", "octets"),
    [
        ("40", UNKNOWN, False, "020128"),
        ("0x28", UNKNOWN, False, "020128"),
        ("40", UNKNOWN, True, "16023430"),
        ("040", UNKNOWN, False, "1603303430"),
        ("ON", UNKNOWN, False, "0101ff"),
        ("latch", ENUM, False, "0a0101"),
        ("b8", ItemType("oct"), False, "0401b8"),
        ("0x00", ItemType("oct"), False, "040100"),
        ("a" * 200, UNKNOWN, True, "1681c8" + "61" * 200),
        ("\u00e9", UNKNOWN, True, "0c02c3a9"),
    ],
)
def test_values_from_text(text: str, item_type: ItemType, quoted: bool, octets: str) -> None:
    assert push_value(text, item_type, 0, quoted).hex() == octets


@pytest.mark.parametrize(
    ("octets", "wildcards", "name"),
    [
        ("ff" * 8, [], "ROOT"),
        ("ff0000", [], "11111111/00000000/00000000"),
        ("000000", ["57"], "$"),
        ("000000", ["d7"], "*"),
        ("ff0000", ["4f"], "11111111/$"),
        ("ffa000", ["cc"], "11111111/101*"),
        ("ff0005", ["8f"], "11111111/*/00000101"),
    ],
)
def test_termination_ids(octets: str, wildcards: list[str], name: str) -> None:
    """Annex A type TerminationID: bit 7 ALL or CHOOSE, bit 6 this level and below, bits 5-0 where it starts."""
    part = {"id": bytes.fromhex(octets), "wildcard": [bytes.fromhex(each) for each in wildcards]}
    coder = Coder(default_packages())
    assert pull_termination(coder, part) == name
    assert push_termination(coder, name) == part


def test_wildcards_keep_the_size_of_the_id() -> None:
    message = decode_h248_binary(encode_h248_binary(decode_h248_text(b"!/1 mg1 T=1{C=1{S=*}}")))
    message.id_octets = 8
    octets = encode_h248_binary(message)
    again = decode_h248_binary(octets)
    assert again.id_octets == 8
    assert encode_h248_binary(again) == octets


@pytest.mark.parametrize("name", ["a4444", "ip/1/mb/33", "111", "11111111/" * 8 + "11111111", "11111111*"])
def test_names_without_a_binary_form(name: str) -> None:
    with pytest.raises(ValueError, match="binary"):
        push_termination(Coder(default_packages()), name)


@pytest.mark.parametrize(
    "text", ["[192.0.2.1]:2944", "[192.0.2.1]", "[2001:db8::1]:2944", "<mg.example.net>", "mg1", "MTP{A1B2}"]
)
def test_message_identifiers(text: str) -> None:
    assert pull_mid(push_mid(text)) == text


def test_sdp_is_one_group_a_description() -> None:
    octets = b"v=0\r\nc=IN IP4 $\r\nm=message $ TCP/MSRP *\r\na=path:$\r\nv=0\r\ns=caf\xc3\xa9\r\ni=\r\n"
    groups = push_sdp(octets)
    assert [[part["name"].hex() for part in group] for group in groups] == [
        ["0000b001", "0000b008", "0000b00f", "0000b00c"],
        ["0000b001", "0000b003", "0000b004"],
    ]
    assert groups[0][0]["value"] == [b"\x16\x010"]
    assert pull_sdp(groups) == octets


def test_a_native_property_is_kept_among_the_lines() -> None:
    groups = [[{"name": bytes.fromhex("00001001"), "value": [b"\x02\x01\x05"]}]]
    octets = pull_sdp(groups)
    assert octets == b"a=x-h248-00001001:020105\r\n"
    assert push_sdp(octets) == groups


def test_package_names() -> None:
    table = default_packages()
    assert table.item_octets("signal", "TCPBCC/estbnc").hex() == "01150001"
    assert table.item_name("signal", bytes.fromhex("01150001")) == "tcpbcc/EstBNC"
    assert table.item_name("signal", bytes.fromhex("01150077")) == "0x0115/0x0077"
    assert table.item_octets("signal", "0x0115/0x0077").hex() == "01150077"
    assert table.item_name("event", b"\xff\xff\xff\xff") == "*/*"
    assert table.item_name("event", b"\x00\x09\xff\xff") == "al/*"
    assert table.item_octets("event", "al/*") == b"\x00\x09\xff\xff"
    with pytest.raises(ValueError, match="no number is known"):
        table.item_octets("signal", "nonsuch/x")


def test_package_lines_override() -> None:
    table = PackageTable(PACKAGE_DATA + "package tcpbcc 0x0115\nsignal Go 0x0001\nparameter how 0x0001 int\n")
    assert table.item_name("signal", bytes.fromhex("01150001")) == "tcpbcc/Go"
    text = b"!/2 mg1 T=1{C=1{MF=00000001{SG{tcpbcc/Go{how=7}}}}}"
    message = decode_h248_text(text)
    octets = encode_h248_binary(message, table)
    assert decode_h248_binary(octets, table).equals(message)
    assert not decode_h248_binary(octets).equals(message)
    with pytest.raises(ValueError, match="not a line of a package table"):
        PackageTable("package x")


AUDITS = ["M", "SA", "M{TS{nt/jit,BF,SI}}", "M{ST=1{O{MO,RV,nt/jit},L,R,SA{nt/os}}}", "M{O{MO=SO}}", "E=5{al/of{ST=1}}"]
AUDITS += ["EB{al/on}", "SG{cg/rt{ST=1,SPARQ=4}}", "SG{SL=3{cg/rt}}", "DM=dialplan00", "PG{al-1}", "M{TS{SI=IV}}"]


@pytest.mark.parametrize("item", AUDITS)
def test_audit_items(item: str) -> None:
    message = decode_h248_text(f"!/3 mg1 T=1{{C=1{{AV=00000001{{AT{{{item}}}}}}}}}".encode())
    assert decode_h248_binary(encode_h248_binary(message)).equals(message)


@pytest.mark.parametrize(
    "text",
    [
        "T=1{C=1{A=t1}}",
        "T=1{C=1{N=00000001}}",
        "T=1{C=1{MF=00000001{Foo{a}}}}",
        "T=1{C=1{MF=00000001{SG{a/b}}}}",
        "T=1{C=1{MF=00000001{M{ST=1{L{no sdp}}}}}}",
        "T=1{C=1{PR=99,S=00000001}}",
        "T=1{C=1{AV=00000001{AT{Q}}}}",
    ],
)
def test_what_has_no_binary_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"binary|number|Annex A"):
        encode_h248_binary(decode_h248_text(f"!/3 mg1 {text}".encode()))
