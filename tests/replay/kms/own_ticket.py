"""A ticket that its initiator made itself (mode 3), for the tests of the KMS."""

from __future__ import annotations

from dissectors.mikey import (
    MODE_FLAGS,
    GenericCs,
    IdRole,
    IdType,
    KeyData,
    KeyDataType,
    MikeyMessage,
    Spi,
    Timestamp,
    split_mpk,
)
from dissectors.mikey.build import build_base_ticket, build_transfer_init, idr
from dissectors.mikey.ticket import TicketPolicy
from replay.kms import KmsUser
from replay.kms.exchanges import MPK_SPI, TGK_SPI


def own_ticket_transfer(initiator: KmsUser, responder: KmsUser, stamp: Timestamp) -> tuple[MikeyMessage, bytes, bytes]:
    """TRANSFER_INIT with a ticket under the initiator's own key; the MPK and RAND in it."""
    mpk, rand = bytes(range(100, 116)), bytes(range(116, 132))
    policy = TicketPolicy(
        (
            idr(IdRole.KMS, IdType.URI, "kms.example.net"),
            idr(IdRole.INITIATOR, IdType.URI, initiator.identity),
            idr(IdRole.RESPONDER, IdType.URI, responder.identity),
        )
    )
    assert initiator.tpk is not None
    ticket = build_base_ticket(
        MODE_FLAGS[3],
        policy,
        ticket_protection_key=initiator.tpk,
        keys=[
            KeyData(KeyDataType.MPK, mpk, validity=Spi(MPK_SPI)),
            KeyData(KeyDataType.TGK, bytes(16), validity=Spi(TGK_SPI)),
        ],
        timestamp=stamp,
        rand=rand,
    )
    mpk_i, mpk_r = split_mpk(MODE_FLAGS[3].prf, mpk, rand)
    init = build_transfer_init(
        ticket,
        csb_id=7,
        mpk_i=mpk_i,
        mpk_r=mpk_r,
        timestamp=stamp,
        rand_i=bytes(16),
        crypto_sessions=[GenericCs(cs_id=1, prot_type=2, spi=TGK_SPI)],
    )
    return init, mpk, rand
