"""tshark reads the messages we write field for field, where it knows MIKEY: RFC 3830, IDR, and MIKEY-SAKKE.

Where tshark 4.0 is wrong, or stops, and RFC 3830 is followed instead:
CERT (section 6.7): it takes the length from one octet too early; DH (section 6.4): it stops at key validity other than
null; CHASH (section 6.8): no dissector; KEMAC (section 6.2): keys that are
not encrypted are not taken apart; T of type COUNTER: its value is not shown. It knows nothing of RFC 6043 but
IDR: no data types 11 to 21, no GENERIC-ID or empty map (what follows is then read at the wrong place), PRF func 1 and
MAC alg 2 are unknown to it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from capture_variants import write_pcap
from mikey_vectors import PSK_INIT, PSK_VER
from oracles import tshark_fields

from dissectors.mikey import (
    DhGroup,
    Err,
    GeneralExt,
    Header,
    Id,
    Idr,
    Kemac,
    KeyData,
    MikeyMessage,
    Payload,
    Pke,
    Rand,
    Sakke,
    SecurityPolicy,
    Sign,
    Spi,
    SrtpCs,
    SrtpIdMap,
    Timestamp,
    Verification,
    decode_base64,
    decode_mikey,
    make_message,
)
from dissectors.mikey.chain import push_chain
from dissectors.mikey.payloads import Dh

pytestmark = pytest.mark.interop

TIME = Timestamp(0, bytes.fromhex("e000001180000000"))
RAND = Rand(bytes(range(16)))
KEYS = (KeyData(0, b"a TGK"), KeyData(3, b"a TEK", b"salt", Spi(b"mki")))


def message(data_type: int, *payloads: Payload) -> bytes:
    cs_map = SrtpIdMap((SrtpCs(1, 0xAABBCCDD, 3), SrtpCs(2, 4, 5)))
    header = Header(data_type=data_type, response_expected=True, csb_id=0x89ABCDEF, cs_map=cs_map)
    return make_message(header, [TIME, *payloads]).octets


MESSAGES = [
    decode_base64(PSK_INIT),
    decode_base64(PSK_VER),
    message(
        2,
        RAND,
        Id(1, b"sip:a@b"),
        SecurityPolicy(3, 0, ((0, b"\1"), (1, b"\x10"), (11, b"\x0a"))),
        Kemac(0, push_chain(KEYS), 1, b"m" * 20),
        Pke(2, b"envelope"),
        Sign(1, b"s" * 128),
    ),
    message(3, Id(0, b"a@b"), Verification(1, b"v" * 20)),
    message(4, RAND, Dh(DhGroup.OAKLEY_5, b"d" * 192), Sign(0, b"s" * 128)),
    message(5, Dh(DhGroup.OAKLEY_1, b"d" * 96), Dh(DhGroup.OAKLEY_2, b"e" * 128), Sign(0, b"s")),
    message(6, Err(9), GeneralExt(1, b"mikey"), Verification(0, b"")),
    message(7, RAND, Id(1, b"sip:a@b"), Dh(DhGroup.OAKLEY_2, b"d" * 128), Kemac(0, b"", 1, b"m" * 20)),
    message(8, Id(1, b"sip:a@b"), Dh(DhGroup.OAKLEY_2, b"d" * 128), Kemac(1, b"x", 0, b"")),
    message(9, RAND, Id(0, b"a@b"), SecurityPolicy(0, 0), Sign(1, b"s" * 64)),
    message(10, RAND, Pke(0, b"e" * 300), Kemac(2, b"k" * 24, 1, b"m" * 20), Sign(1, b"s" * 64)),
    message(26, RAND, Idr(1, 1, b"sip:a@b"), Idr(6, 2, b"kms"), Sakke(1, 1, b"k" * 273), Sign(2, b"e" * 129)),
    message(0, *KEYS),
]


def each(kind: type[Payload], value: Callable[..., object]) -> Callable[[MikeyMessage], list[object]]:
    return lambda decoded: [value(payload) for payload in decoded.payloads if isinstance(payload, kind)]


def sessions(name: str) -> Callable[[MikeyMessage], list[object]]:
    def read(decoded: MikeyMessage) -> list[object]:
        cs_map = decoded.header.cs_map
        assert isinstance(cs_map, SrtpIdMap)
        return [getattr(cs, name) for cs in cs_map.sessions]

    return read


FIELDS: dict[str, Callable[[MikeyMessage], list[object]]] = {
    "version": lambda m: [1],
    "type": lambda m: [m.data_type],
    "v.set": lambda m: [int(m.header.response_expected)],
    "prf_func": lambda m: [m.header.prf],
    "csb_id": lambda m: [m.header.csb_id],
    "cs_count": lambda m: [m.header.cs_count],
    "cs_id_map_type": lambda m: [m.header.cs_map.map_type],
    "srtp_id.policy_no": sessions("policy_no"),
    "srtp_id.ssrc": sessions("ssrc"),
    "srtp_id.roc": sessions("roc"),
    "t.ts_type": each(Timestamp, lambda p: p.ts_type),
    "rand.data": each(Rand, lambda p: p.rand),
    "kemac.encr_alg": each(Kemac, lambda p: p.encr_alg),
    "kemac.key_data_len": each(Kemac, lambda p: len(p.encr_data)),
    "kemac.mac_alg": each(Kemac, lambda p: p.mac_alg),
    "pke.c": each(Pke, lambda p: p.cache),
    "pke.data": each(Pke, lambda p: p.data),
    "dh.group": each(Dh, lambda p: p.group),
    "dh.value": each(Dh, lambda p: p.value),
    "sign.type": each(Sign, lambda p: p.signature_type),
    "sign.len": each(Sign, lambda p: len(p.signature)),
    "sign.data": each(Sign, lambda p: p.signature),
    "id.role": each(Idr, lambda p: p.role),
    "v.auth_alg": each(Verification, lambda p: p.auth_alg),
    "sp.no": each(SecurityPolicy, lambda p: p.policy_no),
    "sp.param_len": each(SecurityPolicy, lambda p: sum(2 + len(value) for _, value in p.params)),
    "err.no": each(Err, lambda p: p.error_no),
    "ext.type": each(GeneralExt, lambda p: p.ext_type),
    "sakke.params": each(Sakke, lambda p: p.params),
    "sakke.idscheme": each(Sakke, lambda p: p.id_scheme),
    "sakke.len": each(Sakke, lambda p: len(p.data)),
    "sakke.data": each(Sakke, lambda p: p.data),
}


def as_number(text: str) -> int:
    return {"True": 1, "False": 0}.get(text) if text in ("True", "False") else int(text, 0)  # type: ignore[return-value]


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The messages in UDP datagrams to MIKEY's port."""
    packets = []
    for octets in MESSAGES:
        udp = struct.pack(">HHHH", 2269, 2269, 8 + len(octets), 0) + octets
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
        packets.append((0, bytes(12) + b"\x08\0" + ip + udp))
    return write_pcap(tmp_path_factory.mktemp("mikey") / "mikey.pcap", packets)


@pytest.fixture(scope="module")
def rows(capture: Path) -> list[list[str]]:
    return tshark_fields(capture, "mikey", [*(f"mikey.{name}" for name in FIELDS), "_ws.malformed"])


def test_tshark_reads_all(rows: list[list[str]]) -> None:
    assert len(rows) == len(MESSAGES)
    assert [row[-1] for row in rows] == [""] * len(MESSAGES)


@pytest.mark.parametrize("name", FIELDS)
def test_field(rows: list[list[str]], name: str) -> None:
    """The values that tshark shows are those that our decoder has."""
    place = list(FIELDS).index(name)
    expected, shown = [], []
    for octets, row in zip(MESSAGES, rows, strict=True):
        values = FIELDS[name](decode_mikey(octets))
        expected.append([value.hex() if isinstance(value, bytes) else int(value) for value in values])  # type: ignore[call-overload]
        texts = row[place].split("|") if row[place] else []
        shown.append([text if name.endswith("data") or name == "dh.value" else as_number(text) for text in texts])
    assert shown == expected
    assert any(expected)


def test_identities_policies_and_keys(capture: Path) -> None:
    """Strings, and the innards of SP and of key data, which tshark takes apart only outside a KEMAC."""
    names = ["id.data", "id.type", "sp.encr_alg", "sp.encr_len", "sp.auth_tag_len", "t.ntp"]
    row = tshark_fields(capture, "mikey.type == 2", [f"mikey.{name}" for name in names])[0]
    assert row[:-1] == ["sip:a@b", "1", "1", "16", "10"]
    assert row[-1].startswith("Feb  2, 2019 11:40:01.5")
    assert TIME.unix_nanoseconds == 1549107601500000000
    names = ["key.type", "key.kv", "key.data", "key.salt", "key.kv.spi"]
    row = tshark_fields(capture, "mikey.key", [f"mikey.{name}" for name in names])[0]
    assert row == ["0|3", "0|1", "612054474b|612054454b", "73616c74", "6d6b69"]
