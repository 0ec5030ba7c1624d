"""BER from strangers (H.248.1 Annex A): the types that hold themselves, and the tree after a failure."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from dissectors.errors import DecodeError
from dissectors.h248 import decode_h248
from dissectors.h248.ber_types import BerError, read_ber
from dissectors.h248.binary import decode_h248_binary

MESSAGES = Path(__file__).parents[3] / "shared" / "captures" / "h248-messages"

# A MegacoMessage cut down to its tags: events { secondEvent { notifyBehaviour { secondEvent ... } } }.
CIRCLE = bytes.fromhex(
    "3032a130a22ea12ca02aa1283026a3243022a020a21ea11ca31aa1183016a214a412a110a00ea10c300aa208a306a104a102a000"
)


def whole_messages() -> list[bytes]:
    return [path.read_bytes() for path in sorted(MESSAGES.glob("*.ber"))]


def test_types_that_hold_themselves_end_in_an_error() -> None:
    """SecondRequestedActions by way of NotifyBehaviour: the way up the tree of types is a circle."""
    with pytest.raises(DecodeError) as caught:
        decode_h248(CIRCLE)
    assert (caught.value.what, caught.value.why) == ("H.248 message", "the BER is not that of a MegacoMessage")


@pytest.mark.skipif(not MESSAGES.is_dir(), reason="../shared/captures/h248-messages is not here")
def test_what_failed_leaves_nothing_behind() -> None:
    """Good messages give the same before, between and after a thousand bad ones."""
    good = whole_messages()
    before = [repr(decode_h248_binary(each)) for each in good]
    chance = random.Random(20)
    failed = 0
    for number in range(1000):
        bad = bytearray(chance.choice(good) if number % 4 else CIRCLE)
        for _ in range(3):
            bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        try:
            decode_h248_binary(bytes(bad))
        except DecodeError:
            failed += 1
        number %= len(good)
        assert repr(decode_h248_binary(good[number])) == before[number]
    assert failed > 500
    assert [repr(decode_h248_binary(each)) for each in good] == before


def test_every_object_of_the_tree_is_put_back() -> None:
    from dissectors.h248.ber_types import _tree

    tree = _tree()
    with pytest.raises(BerError):
        read_ber(CIRCLE)
    assert len(tree._loaded) > 300
    for each, loaded in tree._loaded:
        now = vars(each)
        assert now.keys() == loaded.keys()
        assert [name for name in now if now[name] is not loaded[name]] == []
    assert tree.message._val is None
