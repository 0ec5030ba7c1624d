"""The 83 messages of Erlang/OTP's own test suite: pretty, compact and BER of one stem mean the same.

57 have a BER form; the others name terminations like A4444, for which there is none.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dissectors.h248 import decode_h248, decode_h248_text, encode_h248, encode_h248_text
from dissectors.h248.binary import decode_h248_binary, encode_h248_binary

MESSAGES = Path(__file__).resolve().parents[3] / "shared" / "captures" / "h248-messages"
STEMS = sorted(path.name.partition(".")[0] for path in MESSAGES.glob("*.compact.txt"))

if not STEMS:
    pytest.skip("the shared H.248 messages are not here", allow_module_level=True)


def octets(stem: str, suffix: str) -> bytes:
    return (MESSAGES / f"{stem}.{suffix}").read_bytes()


def test_there_are_83() -> None:
    assert len(STEMS) == 83
    assert len(list(MESSAGES.glob("*.ber"))) == 57


@pytest.mark.parametrize("stem", STEMS)
def test_all_forms_of_a_stem_are_equal(stem: str) -> None:
    compact = decode_h248_text(octets(stem, "compact.txt"))
    pretty = decode_h248_text(octets(stem, "pretty.txt"))
    assert compact.faults == pretty.faults == []
    assert compact.canonical() == pretty.canonical()
    if (MESSAGES / f"{stem}.ber").exists():
        binary = decode_h248(octets(stem, "ber"))
        assert (binary.encoding, binary.faults) == ("binary", [])
        assert binary.canonical() == compact.canonical()


@pytest.mark.parametrize("stem", STEMS)
def test_text_comes_back(stem: str) -> None:
    for suffix in ("compact.txt", "pretty.txt"):
        message = decode_h248_text(octets(stem, suffix))
        for pretty in (False, True):
            assert decode_h248_text(encode_h248_text(message, pretty)) == message


@pytest.mark.parametrize("stem", [stem for stem in STEMS if (MESSAGES / f"{stem}.ber").exists()])
def test_binary_comes_back(stem: str) -> None:
    message = decode_h248_binary(octets(stem, "ber"))
    assert decode_h248_binary(encode_h248(message)) == message
    compact = decode_h248_text(octets(stem, "compact.txt"))
    assert decode_h248_binary(encode_h248_binary(compact)).equals(compact)
    assert decode_h248_text(encode_h248_text(message)).equals(compact)


def test_a_termination_name_has_no_binary_form() -> None:
    with pytest.raises(ValueError, match="the termination id a4444 has no binary form"):
        encode_h248_binary(decode_h248_text(octets("rfc3525_msg3", "compact.txt")))
